#include "lamina/nn/data/data_loader.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Sample i has the features (i, -i) and the label 10 i.
DataLoader loader_of(int64_t samples, const DataLoaderOptions& options) {
  std::vector<float> x;
  std::vector<int64_t> y;
  for (int64_t i = 0; i < samples; ++i) {
    x.push_back(static_cast<float>(i));
    x.push_back(static_cast<float>(-i));
    y.push_back(10 * i);
  }
  return DataLoader(tensor(x, {samples, 2}), tensor(y, {samples}), options);
}

std::vector<int64_t> sizes_of_a_pass(DataLoader& loader) {
  std::vector<int64_t> sizes;
  for (const Batch& batch : loader) sizes.push_back(batch.size());
  return sizes;
}

// The labels of one pass; the features must go with them.
std::vector<int64_t> labels_of_a_pass(DataLoader& loader) {
  std::vector<int64_t> labels;
  for (const auto& [x, y] : loader) {
    EXPECT_EQ((x.select(1, 0) * 10).ne(y).sum().item<int64_t>(), 0);
    EXPECT_EQ((x.select(1, 1) * -10).ne(y).sum().item<int64_t>(), 0);
    for (const int64_t label : y.to_vector<int64_t>()) labels.push_back(label);
  }
  return labels;
}

TEST(DataLoader, KeepsAShortLastBatch) {
  DataLoader loader = loader_of(7, {.batch_size = 3});
  EXPECT_THAT(sizes_of_a_pass(loader), ElementsAre(3, 3, 1));
  EXPECT_EQ(loader.batches(), 3);
  EXPECT_EQ(loader.samples(), 7);
}

TEST(DataLoader, HasNoEmptyBatchWhenTheBatchSizeDividesTheSamples) {
  DataLoader loader = loader_of(6, {.batch_size = 3});
  EXPECT_THAT(sizes_of_a_pass(loader), ElementsAre(3, 3));
  EXPECT_EQ(loader.batches(), 2);
}

TEST(DataLoader, TakesBatchesOf100UnlessToldOtherwise) {
  DataLoader loader = loader_of(250, {});
  EXPECT_THAT(sizes_of_a_pass(loader), ElementsAre(100, 100, 50));
}

TEST(DataLoader, GivesOneShortBatchIfTheBatchSizeIsLargerThanTheData) {
  for (const int64_t size : {int64_t{4}, std::numeric_limits<int64_t>::max()}) {
    for (const bool shuffle : {false, true}) {
      DataLoader loader = loader_of(3, {.batch_size = size, .shuffle = shuffle});
      EXPECT_THAT(sizes_of_a_pass(loader), ElementsAre(3));
      EXPECT_EQ(loader.batches(), 1);
    }
  }
}

TEST(DataLoader, GivesNothingForAnEmptyDataset) {
  for (const bool shuffle : {false, true}) {
    DataLoader loader(zeros({0, 28, 28}), zeros(0, int64), {.shuffle = shuffle});
    EXPECT_THAT(sizes_of_a_pass(loader), IsEmpty());
    EXPECT_THAT(sizes_of_a_pass(loader), IsEmpty());
    EXPECT_EQ(loader.batches(), 0);
  }
}

TEST(DataLoader, GoesThroughTheDataInOrderAgainAndAgain) {
  DataLoader loader = loader_of(5, {.batch_size = 2});
  for (int pass = 0; pass < 3; ++pass) {
    EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(0, 10, 20, 30, 40));
  }
}

TEST(DataLoader, StartsAfreshAfterAPassThatWasBrokenOff) {
  DataLoader loader = loader_of(5, {.batch_size = 2});
  for (const Batch& batch : loader) {
    if (batch.size() == 2) break;
  }
  EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(0, 10, 20, 30, 40));
}

TEST(DataLoader, InOrderCopiesNothing) {
  const Tensor x = randn({5, 3, 2}), y = arange(5);
  DataLoader loader(x, y, {.batch_size = 2});
  int64_t first = 0;
  for (const Batch& batch : loader) {
    EXPECT_EQ(batch.x.data().storage(), x.data().storage());
    EXPECT_EQ(batch.x.data().data<float>(), x.data().data<float>() + first * 6);
    EXPECT_EQ(batch.y.data().data<int64_t>(), y.data().data<int64_t>() + first);
    EXPECT_TRUE(batch.x.is_contiguous());
    first += batch.size();
  }
  EXPECT_EQ(first, 5);
}

TEST(DataLoader, KeepsShapesAndDtypes) {
  for (const bool shuffle : {false, true}) {
    DataLoader loader(zeros({3, 1, 4}, uint8), zeros({3, 2}, float64),
                      {.batch_size = 2, .shuffle = shuffle});
    const Batch batch = *loader.begin();
    EXPECT_EQ(batch.x.shape(), Shape({2, 1, 4}));
    EXPECT_EQ(batch.x.dtype(), uint8);
    EXPECT_EQ(batch.y.shape(), Shape({2, 2}));
    EXPECT_EQ(batch.y.dtype(), float64);
  }
}

// ---- Shuffling

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

TEST(DataLoader, ShuffledGivesEachSampleOnceWithItsLabel) {
  DataLoader ordered = loader_of(103, {.batch_size = 10});
  DataLoader shuffled = loader_of(103, {.batch_size = 10, .shuffle = true});
  const std::vector<int64_t> all = labels_of_a_pass(ordered);
  for (int pass = 0; pass < 3; ++pass) {
    const std::vector<int64_t> labels = labels_of_a_pass(shuffled);
    EXPECT_NE(labels, all);
    EXPECT_EQ(sorted(labels), all);
  }
}

TEST(DataLoader, ShuffledIsAnotherOrderInEachPass) {
  DataLoader loader = loader_of(50, {.shuffle = true});
  const auto first = labels_of_a_pass(loader), second = labels_of_a_pass(loader),
             third = labels_of_a_pass(loader);
  EXPECT_NE(first, second);
  EXPECT_NE(second, third);
  EXPECT_NE(first, third);
}

TEST(DataLoader, ShuffledIsTheSameForTheSameSeedPassAfterPass) {
  DataLoader a = loader_of(50, {.shuffle = true, .seed = 7});
  DataLoader b = loader_of(50, {.batch_size = 8, .shuffle = true, .seed = 7});
  for (int pass = 0; pass < 3; ++pass) EXPECT_EQ(labels_of_a_pass(a), labels_of_a_pass(b));
}

TEST(DataLoader, ShuffledIsAnotherOrderForAnotherSeed) {
  DataLoader a = loader_of(50, {.shuffle = true, .seed = 7});
  DataLoader b = loader_of(50, {.shuffle = true, .seed = 8});
  EXPECT_NE(labels_of_a_pass(a), labels_of_a_pass(b));
}

TEST(DataLoader, ShufflingNeitherReadsNorMovesTheDefaultGenerator) {
  manual_seed(1);
  DataLoader a = loader_of(50, {.shuffle = true});
  const std::vector<int64_t> order = labels_of_a_pass(a);
  EXPECT_EQ(default_generator().state().position, 0u);
  manual_seed(2);
  DataLoader b = loader_of(50, {.shuffle = true});
  EXPECT_EQ(labels_of_a_pass(b), order);
}

TEST(DataLoader, ShuffledPutsEverySampleEverywhereEquallyOften) {
  // 6,000 passes over 4 samples: each of the 24 orders 250 times but for chance; chi squared with
  // 23 degrees of freedom exceeds 55 with probability 2e-4.
  DataLoader loader = loader_of(4, {.shuffle = true, .seed = 3});
  std::vector<int64_t> order = {0, 10, 20, 30};
  std::vector<std::vector<int64_t>> orders;
  do orders.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  std::vector<int> count(orders.size());
  for (int pass = 0; pass < 6000; ++pass) {
    const std::vector<int64_t> labels = (*loader.begin()).y.to_vector<int64_t>();
    ++count[std::lower_bound(orders.begin(), orders.end(), labels) - orders.begin()];
  }
  double chi_squared = 0;
  for (const int n : count) chi_squared += (n - 250.0) * (n - 250.0) / 250;
  EXPECT_LT(chi_squared, 55);
}

TEST(DataLoader, PassesMayBeNested) {
  DataLoader loader = loader_of(4, {.batch_size = 2, .shuffle = true});
  int64_t pairs = 0;
  for (const Batch& a : loader) {
    std::vector<int64_t> inner;
    for (const Batch& b : loader) {
      for (const int64_t label : b.y.to_vector<int64_t>()) inner.push_back(label);
      pairs += a.size() * b.size();
    }
    EXPECT_THAT(sorted(inner), ElementsAre(0, 10, 20, 30));
  }
  EXPECT_EQ(pairs, 16);
}

// ---- Errors

TEST(DataLoader, ThrowsForDifferentNumbersOfSamples) {
  EXPECT_THROWS(ShapeError,
                "[DataLoader] expected as many samples in dimension 0 of both, got (5, 2) and (4,)",
                DataLoader(zeros({5, 2}), zeros(4)));
  EXPECT_THROWS(ShapeError, "got () and ()", DataLoader(zeros({}), zeros({})));
}

TEST(DataLoader, ThrowsForABatchSizeBelowOne) {
  EXPECT_THROWS(ValueError, "[DataLoader] expected a batch size of at least 1, got 0",
                DataLoader(zeros(1), zeros(1), {.batch_size = 0}));
  EXPECT_THROWS(ValueError, "got -3", DataLoader(zeros(1), zeros(1), {.batch_size = -3}));
}

TEST(DataLoader, ThrowsForUndefinedTensors) {
  EXPECT_THROWS(RuntimeError, "[DataLoader] expected a defined array, got one without a value",
                DataLoader(zeros(1), Tensor()));
}

TEST(DataLoader, ShufflingDoesNotUseTheNumbersOfAGeneratorWithTheSameSeed) {
  for (uint64_t seed : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
    DataLoader loader(arange(50), arange(50), {.shuffle = true, .seed = seed});
    Generator generator(seed);
    EXPECT_NE((*loader.begin()).x.to_vector<int64_t>(),
              random::permutation(50, generator).to_vector<int64_t>());
  }
}

TEST(DataLoader, ThatWasMovedFromSaysSo) {
  for (const bool shuffle : {false, true}) {
    DataLoader loader = loader_of(3, {.shuffle = shuffle});
    DataLoader moved = std::move(loader);
    const char* text = "[DataLoader] expected a live loader, got one that was moved from";
    EXPECT_THROWS(RuntimeError, text, loader.samples());
    EXPECT_THROWS(RuntimeError, text, loader.batches());
    EXPECT_THROWS(RuntimeError, text, loader.begin());
    EXPECT_EQ(moved.samples(), 3);
  }
}

}  // namespace
}  // namespace lamina::nn::data
