#include "lamina/nn/data/dataset.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Sample i is (i, -i) with the label 10 i; batches come from the base class.
class Numbers : public Dataset {
 public:
  explicit Numbers(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  Sample get(int64_t index) const override {
    const auto x = static_cast<float>(index);
    return {tensor({x, -x}, {2}), tensor(10 * index)};
  }

 private:
  int64_t size_;
};

DatasetPtr numbers(int64_t size) { return std::make_shared<Numbers>(size); }

std::shared_ptr<const TensorDataset> rows(int64_t size) {
  return std::make_shared<TensorDataset>(arange(2 * size).view({size, 2}).to(float32),
                                         10 * arange(size));
}

std::vector<int64_t> labels(const Dataset& dataset) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < dataset.size(); ++i) {
    labels.push_back(dataset.get(i).y.item<int64_t>());
  }
  return labels;
}

TEST(Dataset, StacksItsSamplesUnlessToldOtherwise) {
  const Batch batch = Numbers(5).get_batch({3, 0, 3});
  EXPECT_EQ(batch.x.shape(), Shape({3, 2}));
  EXPECT_CLOSE(batch.x.data(), {3, -3, 0, 0, 3, -3});
  EXPECT_THAT(batch.y.to_vector<int64_t>(), ElementsAre(30, 0, 30));
  EXPECT_EQ(batch.size(), 3);
  EXPECT_THAT(Numbers(5).get_range(2, 3).y.to_vector<int64_t>(), ElementsAre(20, 30, 40));
}

TEST(TensorDataset, GivesRowsAndCopiesBatchesOnly) {
  const Tensor x = arange(6).view({3, 2}), y = arange(3);
  const TensorDataset dataset(x, y);
  EXPECT_EQ(dataset.size(), 3);
  EXPECT_THAT(dataset.get(1).x.to_vector<int64_t>(), ElementsAre(2, 3));
  EXPECT_EQ(dataset.get(1).x.data().storage(), x.data().storage());
  EXPECT_EQ(dataset.get(1).y.shape(), Shape({}));
  EXPECT_EQ(dataset.get_range(1, 2).x.data().storage(), x.data().storage());
  EXPECT_THAT(dataset.get_range(1, 2).y.to_vector<int64_t>(), ElementsAre(1, 2));
  const Batch batch = dataset.get_batch({2, 0});
  EXPECT_THAT(batch.x.to_vector<int64_t>(), ElementsAre(4, 5, 0, 1));
  EXPECT_NE(dataset.get_batch({1}).x.data().storage(), x.data().storage());
}

TEST(Subset, IsTheSamplesAtItsIndices) {
  for (const DatasetPtr& whole : {numbers(5), DatasetPtr(rows(5))}) {
    const auto subset = std::make_shared<Subset>(whole, std::vector<int64_t>{4, 1, 4});
    EXPECT_THAT(labels(*subset), ElementsAre(40, 10, 40));
    EXPECT_THAT(subset->get_batch({2, 1}).y.to_vector<int64_t>(), ElementsAre(40, 10));
    EXPECT_THAT(subset->get_range(1, 2).y.to_vector<int64_t>(), ElementsAre(10, 40));
    EXPECT_THAT(labels(Subset(subset, {1})), ElementsAre(10));
    EXPECT_EQ(Subset(whole, {}).size(), 0);
  }
}

TEST(ConcatDataset, IsOneDataSetAfterAnother) {
  const ConcatDataset all({numbers(2), numbers(0), rows(3), numbers(1)});
  EXPECT_EQ(all.size(), 6);
  EXPECT_THAT(labels(all), ElementsAre(0, 10, 0, 10, 20, 0));
  EXPECT_THAT(all.get_batch({5, 1, 4}).y.to_vector<int64_t>(), ElementsAre(0, 10, 20));
  EXPECT_EQ(ConcatDataset({numbers(0)}).size(), 0);
}

TEST(MapDataset, CallsItsFunctionOnEachSample) {
  const MapDataset mapped(numbers(3), [](Sample sample) {
    return Sample{sample.x * 2, sample.y + 1};
  });
  EXPECT_EQ(mapped.size(), 3);
  EXPECT_THAT(labels(mapped), ElementsAre(1, 11, 21));
  EXPECT_CLOSE(mapped.get_batch({2, 1}).x.data(), {4, -4, 2, -2});
}

// ---- random_split

std::vector<int64_t> sizes(const std::vector<std::shared_ptr<const Subset>>& parts) {
  std::vector<int64_t> sizes;
  for (const auto& part : parts) sizes.push_back(part->size());
  return sizes;
}

TEST(RandomSplit, PutsEachSampleIntoOnePart) {
  const auto parts = random_split(numbers(100), {70, 0, 25, 5});
  EXPECT_THAT(sizes(parts), ElementsAre(70, 0, 25, 5));
  std::vector<int64_t> all;
  for (const auto& part : parts) {
    all.insert(all.end(), part->indices().begin(), part->indices().end());
  }
  EXPECT_FALSE(std::is_sorted(all.begin(), all.end()));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, arange(100).to_vector<int64_t>());
  EXPECT_EQ(labels(*parts[3])[2], 10 * parts[3]->indices()[2]);
}

TEST(RandomSplit, DependsOnTheSeedAlone) {
  manual_seed(1);
  const auto a = random_split(numbers(50), {30, 20}, 7);
  manual_seed(2);
  const auto b = random_split(numbers(50), {30, 20}, 7), c = random_split(numbers(50), {30, 20}, 8);
  EXPECT_EQ(a[0]->indices(), b[0]->indices());
  EXPECT_NE(a[0]->indices(), c[0]->indices());
}

TEST(RandomSplit, PutsEachSampleIntoEachPartEquallyOften) {
  // 4,000 splits of 4 into 1 and 3: sample 0 is alone in 1,000, with a standard deviation of 27.
  std::map<int64_t, int> alone;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    ++alone[random_split(numbers(4), {1, 3}, seed)[0]->indices()[0]];
  }
  for (int64_t i = 0; i < 4; ++i) EXPECT_NEAR(alone[i], 1000, 5 * 27) << i;
}

TEST(RandomSplit, ByFractionGivesWhatIsLeftToTheFirstParts) {
  // The sizes are those of PyTorch 2's random_split with the same fractions.
  EXPECT_THAT(sizes(random_split_by_fraction(numbers(10), {0.8, 0.2})), ElementsAre(8, 2));
  EXPECT_THAT(sizes(random_split_by_fraction(numbers(11), {1. / 3, 1. / 3, 1. / 3})),
              ElementsAre(4, 4, 3));
  EXPECT_THAT(sizes(random_split_by_fraction(numbers(7), {0, 0.5, 0.5})), ElementsAre(1, 3, 3));
  EXPECT_THAT(sizes(random_split_by_fraction(numbers(3), {1})), ElementsAre(3));
  EXPECT_THAT(sizes(random_split_by_fraction(numbers(0), {0.5, 0.5})), ElementsAre(0, 0));
  EXPECT_EQ(random_split_by_fraction(numbers(10), {0.8, 0.2}, 3)[0]->indices(),
            random_split(numbers(10), {8, 2}, 3)[0]->indices());
}

TEST(RandomSplit, RefusesLengthsThatDoNotFit) {
  EXPECT_THROWS(ValueError,
                "[random_split] expected lengths of at least 0 that sum to 5, got (3, 3)",
                random_split(numbers(5), {3, 3}));
  EXPECT_THROWS(ValueError, "got (6, -1)", random_split(numbers(5), {6, -1}));
  EXPECT_THROWS(ValueError, "got (-1, 6)", random_split(numbers(5), {-1, 6}));
  EXPECT_THROWS(ValueError, "got (4)", random_split(numbers(5), {4}));
  EXPECT_THROWS(ValueError, "got ()", random_split(numbers(5), {}));
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_THROWS(ValueError, "that sum to 5", random_split(numbers(5), {kMost, kMost, 7}));
  EXPECT_THAT(random_split(numbers(0), {}), IsEmpty());
}

TEST(RandomSplit, RefusesFractionsThatDoNotFit) {
  const char* text =
      "[random_split_by_fraction] expected fractions from 0 to 1 that sum to 1, got ";
  EXPECT_THROWS(ValueError, text + std::string("(0.5, 0.4)"),
                random_split_by_fraction(numbers(5), {0.5, 0.4}));
  EXPECT_THROWS(ValueError, text + std::string("(1.5, -0.5)"),
                random_split_by_fraction(numbers(5), {1.5, -0.5}));
  EXPECT_THROWS(ValueError, text + std::string("(nan, 1)"),
                random_split_by_fraction(numbers(5), {test::kNan, 1}));
  EXPECT_THROWS(ValueError, text + std::string("()"), random_split_by_fraction(numbers(5), {}));
}

// ---- Misuse

TEST(Dataset, RefusesIndicesOutsideIt) {
  EXPECT_THROWS(IndexError, "[TensorDataset] expected an index of the 3 samples, got 3",
                rows(3)->get(3));
  EXPECT_THROWS(IndexError, "got -1", rows(3)->get(-1));
  EXPECT_THROWS(IndexError, "got -1", rows(3)->get_batch({0, -1}));
  EXPECT_THROWS(IndexError, "[Subset] expected an index of the 3 samples, got 5",
                Subset(numbers(3), {2, 5}));
  const Subset subset(numbers(3), {2});
  EXPECT_THROWS(IndexError, "[Subset] expected an index of the 1 samples, got 1", subset.get(1));
  EXPECT_THROWS(IndexError, "got -1", subset.get_batch({-1}));
  EXPECT_THROWS(IndexError, "[Subset] expected a range of the 1 samples, got 2 from 0",
                subset.get_range(0, 2));
  EXPECT_THROWS(IndexError, "[ConcatDataset] expected an index of the 3 samples, got 3",
                ConcatDataset({numbers(3)}).get(3));
}

// Of any size, without samples.
class Claims : public Dataset {
 public:
  explicit Claims(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  Sample get(int64_t index) const override { return {tensor(index), tensor(index)}; }

 private:
  const int64_t size_;
};

TEST(ConcatDataset, OfMoreSamplesThanInt64CountsIsRefused) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const auto most = std::make_shared<Claims>(kMost), one = std::make_shared<Claims>(1);
  EXPECT_THROWS(ValueError,
                "[ConcatDataset] expected data sets of at least 0 and together at most 2^63 - 1 "
                "samples, got 1 after 9223372036854775807",
                ConcatDataset({most, one}));
  EXPECT_THROWS(ValueError, "got -1 after 1", ConcatDataset({one, std::make_shared<Claims>(-1)}));
  const ConcatDataset all({one, std::make_shared<Claims>(kMost - 1)});
  EXPECT_EQ(all.size(), kMost);
  EXPECT_EQ(all.get(kMost - 1).y.item<int64_t>(), kMost - 2);
}

TEST(Dataset, RefusesNothingInPlaceOfADataSet) {
  const char* text = "expected a data set, got a null pointer";
  EXPECT_THROWS(ValueError, text, Subset(nullptr, {}));
  EXPECT_THROWS(ValueError, text, ConcatDataset({numbers(1), nullptr}));
  EXPECT_THROWS(ValueError, text, MapDataset(nullptr, [](Sample s) { return s; }));
  EXPECT_THROWS(ValueError, text, random_split(nullptr, {}));
  EXPECT_THROWS(ValueError, text, random_split_by_fraction(nullptr, {1}));
  EXPECT_THROWS(ValueError, "[ConcatDataset] expected at least one data set", ConcatDataset({}));
  EXPECT_THROWS(ValueError, "[MapDataset] expected a function", MapDataset(numbers(1), nullptr));
}

TEST(TensorDataset, RefusesDifferentNumbersOfSamples) {
  EXPECT_THROWS(
      ShapeError,
      "[TensorDataset] expected as many samples in dimension 0 of both, got (2,) and (3,)",
      TensorDataset(zeros(2), zeros(3)));
}

}  // namespace
}  // namespace lamina::nn::data
