#include "lamina/nn/data/data_loader.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/data_loader_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int64_t> sizes_of_a_pass(DataLoader& loader) {
  std::vector<int64_t> sizes;
  for (const Batch& batch : loader) sizes.push_back(batch.size());
  return sizes;
}

// labels_of_a_pass() of loader_of(); the features must go with the labels.
std::vector<int64_t> checked_labels_of_a_pass(DataLoader& loader) {
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
    EXPECT_THAT(checked_labels_of_a_pass(loader), ElementsAre(0, 10, 20, 30, 40));
  }
}

TEST(DataLoader, StartsAfreshAfterAPassThatWasBrokenOff) {
  DataLoader loader = loader_of(5, {.batch_size = 2});
  for (const Batch& batch : loader) {
    if (batch.size() == 2) break;
  }
  EXPECT_THAT(checked_labels_of_a_pass(loader), ElementsAre(0, 10, 20, 30, 40));
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
  const std::vector<int64_t> all = checked_labels_of_a_pass(ordered);
  for (int pass = 0; pass < 3; ++pass) {
    const std::vector<int64_t> labels = checked_labels_of_a_pass(shuffled);
    EXPECT_NE(labels, all);
    EXPECT_EQ(sorted(labels), all);
  }
}

TEST(DataLoader, ShuffledIsAnotherOrderInEachPass) {
  DataLoader loader = loader_of(50, {.shuffle = true});
  const auto first = checked_labels_of_a_pass(loader), second = checked_labels_of_a_pass(loader),
             third = checked_labels_of_a_pass(loader);
  EXPECT_NE(first, second);
  EXPECT_NE(second, third);
  EXPECT_NE(first, third);
}

TEST(DataLoader, ShuffledIsTheSameForTheSameSeedPassAfterPass) {
  DataLoader a = loader_of(50, {.shuffle = true, .seed = 7});
  DataLoader b = loader_of(50, {.batch_size = 8, .shuffle = true, .seed = 7});
  for (int pass = 0; pass < 3; ++pass)
    EXPECT_EQ(checked_labels_of_a_pass(a), checked_labels_of_a_pass(b));
}

TEST(DataLoader, ShuffledIsAnotherOrderForAnotherSeed) {
  DataLoader a = loader_of(50, {.shuffle = true, .seed = 7});
  DataLoader b = loader_of(50, {.shuffle = true, .seed = 8});
  EXPECT_NE(checked_labels_of_a_pass(a), checked_labels_of_a_pass(b));
}

TEST(DataLoader, ShuffledHasTheOrderOfItsSeed) {
  // Philox and the shuffle of Fisher and Yates, written again in Python.
  DataLoader loader(arange(8), arange(8), {.shuffle = true, .seed = 7});
  EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(2, 1, 5, 3, 4, 7, 6, 0));
  EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(2, 3, 6, 1, 4, 5, 0, 7));
  EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(7, 5, 6, 4, 3, 2, 1, 0));
}

TEST(DataLoader, ShufflingNeitherReadsNorMovesTheDefaultGenerator) {
  manual_seed(1);
  DataLoader a = loader_of(50, {.shuffle = true});
  const std::vector<int64_t> order = checked_labels_of_a_pass(a);
  EXPECT_EQ(default_generator().state().position, 0u);
  manual_seed(2);
  DataLoader b = loader_of(50, {.shuffle = true});
  EXPECT_EQ(checked_labels_of_a_pass(b), order);
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

// ---- Data sets, samplers, transforms

TEST(DataLoader, ReadsAnyDataSet) {
  const auto rows = std::make_shared<TensorDataset>(arange(6), 10 * arange(6));
  const auto some = std::make_shared<Subset>(rows, std::vector<int64_t>{5, 0, 3});
  for (const bool transformed : {false, true}) {
    DataLoader loader(
        some, {.batch_size = 2,
               .transform =
                   transformed ? Transform([](const Tensor& x) { return x + 1; }) : Transform()});
    EXPECT_EQ(loader.samples(), 3);
    EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(50, 0, 30));
    EXPECT_THAT((*loader.begin()).x.to_vector<int64_t>(),
                ElementsAre(5 + transformed, 0 + transformed));
  }
}

TEST(DataLoader, ReadsThePartsOfASplit) {
  const auto all = std::make_shared<TensorDataset>(arange(10), arange(10));
  const auto parts = random_split(all, {7, 3});
  DataLoader train(parts[0], {.batch_size = 4, .shuffle = true}), rest(parts[1]);
  std::vector<int64_t> labels = labels_of_a_pass(train);
  EXPECT_EQ(labels.size(), 7u);
  for (const int64_t label : labels_of_a_pass(rest)) labels.push_back(label);
  EXPECT_EQ(sorted(labels), arange(10).to_vector<int64_t>());
}

TEST(DataLoader, DropsAShortLastBatchIfSoWanted) {
  DataLoader loader = loader_of(7, {.batch_size = 3, .drop_last = true});
  EXPECT_EQ(loader.batches(), 2);
  EXPECT_EQ(loader.samples(), 6);
  EXPECT_THAT(sizes_of_a_pass(loader), ElementsAre(3, 3));
  DataLoader whole = loader_of(6, {.batch_size = 3, .drop_last = true});
  EXPECT_THAT(sizes_of_a_pass(whole), ElementsAre(3, 3));
  DataLoader none = loader_of(2, {.batch_size = 3, .drop_last = true});
  EXPECT_THAT(sizes_of_a_pass(none), IsEmpty());
}

TEST(DataLoader, TakesTheSamplesOfItsSampler) {
  const auto sampler = std::make_shared<RandomSampler>(
      5, RandomSamplerOptions{.seed = 3, .replacement = true, .num_samples = 12});
  DataLoader loader(arange(5), arange(5), {.batch_size = 5, .sampler = sampler});
  EXPECT_EQ(loader.samples(), 12);
  for (int64_t pass = 0; pass < 3; ++pass) {
    EXPECT_EQ(labels_of_a_pass(loader), sampler->indices(pass).to_vector<int64_t>());
  }
  DataLoader head(arange(5), arange(5), {.sampler = std::make_shared<SequentialSampler>(3)});
  EXPECT_THAT(labels_of_a_pass(head), ElementsAre(0, 1, 2));
}

TEST(DataLoader, ShufflesAsTheRandomSamplerOfItsSeed) {
  DataLoader a = loader_of(20, {.shuffle = true, .seed = 6});
  DataLoader b = loader_of(
      20, {.sampler = std::make_shared<RandomSampler>(20, RandomSamplerOptions{.seed = 6})});
  for (int pass = 0; pass < 2; ++pass)
    EXPECT_EQ(checked_labels_of_a_pass(a), checked_labels_of_a_pass(b));
}

TEST(DataLoader, ATransformDrawsOtherNumbersForEachPlaceAndPassAndSeed) {
  // All samples are the same one.
  const auto sampler = std::make_shared<WeightedRandomSampler>(std::vector<double>{1}, 6);
  const Transform noise = [](const Tensor& x, Generator& generator) {
    return x + Tensor(random::uniform({}, 0, 1, float64, generator));
  };
  std::vector<double> seen;
  for (const uint64_t seed : {0, 1}) {
    DataLoader loader(zeros({1}, float64), zeros(1),
                      {.batch_size = 4, .seed = seed, .sampler = sampler, .transform = noise});
    for (int pass = 0; pass < 2; ++pass) {
      for (const Batch& batch : loader) {
        for (const double x : batch.x.to_vector<double>()) seen.push_back(x);
      }
    }
  }
  EXPECT_EQ(seen.size(), 24u);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

TEST(DataLoader, TransformsSamplesBeforeTheyAreStacked) {
  // Of unequal sizes, until they are cropped.
  class Growing : public Dataset {
   public:
    int64_t size() const override { return 3; }
    Sample get(int64_t index) const override { return {arange(index + 2), tensor(index)}; }
  };
  DataLoader loader(std::make_shared<Growing>(),
                    {.transform = [](const Tensor& x) { return x.narrow(0, 0, 2); }});
  for (const Batch& batch : loader) {
    EXPECT_EQ(batch.x.shape(), Shape({3, 2}));
    EXPECT_THAT(batch.y.to_vector<int64_t>(), ElementsAre(0, 1, 2));
  }
}

// ---- Errors

// Indices that a user's sampler gives.
class Given : public Sampler {
 public:
  explicit Given(Tensor indices, int64_t size = 2) : indices_(std::move(indices)), size_(size) {}
  int64_t size() const override { return size_; }
  Tensor indices(int64_t /*pass*/) const override { return indices_; }
  StateDict state_dict() const override { return {{"Given", std::nullopt}}; }

 private:
  Tensor indices_;
  int64_t size_;
};

TEST(DataLoader, RefusesASamplerThatDoesNotFit) {
  const auto begin = [](std::shared_ptr<const Sampler> sampler) {
    DataLoader(arange(3), arange(3), {.sampler = std::move(sampler)}).begin();
  };
  const auto given = [](Tensor indices) { return std::make_shared<Given>(std::move(indices)); };
  EXPECT_THROWS(IndexError,
                "[DataLoader] expected indices of the 3 samples, got 3 from the sampler",
                begin(given(tensor({int64_t{0}, int64_t{3}}))));
  EXPECT_THROWS(IndexError, "got -1 from the sampler",
                begin(given(tensor({int64_t{-1}, int64_t{0}}))));
  EXPECT_THROWS(ShapeError,
                "[DataLoader] expected the sampler's indices as int64 (2), got int64 (3,)",
                begin(given(arange(3))));
  EXPECT_THROWS(ShapeError, "got float32 (2,)", begin(given(zeros(2))));
  EXPECT_THROWS(IndexError, "[DataLoader] expected a sampler of 0 to 3 samples, got 4",
                begin(std::make_shared<SequentialSampler>(4)));
  EXPECT_THROWS(IndexError, "samples, got -1", begin(std::make_shared<Given>(arange(2), -1)));
  EXPECT_THROWS(ValueError, "[DataLoader] expected either shuffle or a sampler, got both",
                DataLoader(zeros(1), zeros(1),
                           {.shuffle = true, .sampler = std::make_shared<SequentialSampler>(1)}));
  EXPECT_THROWS(ValueError, "[DataLoader] expected a data set, got a null pointer",
                DataLoader(nullptr));
}

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
    EXPECT_THROWS(RuntimeError, text, loader.state_dict());
    EXPECT_EQ(moved.samples(), 3);
  }
}

}  // namespace
}  // namespace lamina::nn::data
