// Sorting where it could go wrong. Expected values are PyTorch 1.13's; for NaN among the results of
// unique, which PyTorch leaves anywhere, they come last.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;
using test::elements;
using test::kAllDTypes;
using test::kFloatingDTypes;
using test::noise;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(SortTest, NanIsLargest) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray x = array({3, kNan, 1, kInf, -kNan, -kInf}, dtype);
    EXPECT_CLOSE(sort(x).values, {-kInf, 1, 3, kInf, kNan, kNan});
    EXPECT_CLOSE(sort(x).indices, {5, 2, 0, 3, 1, 4});
    EXPECT_CLOSE(sort(x, 0, true).values, {kNan, kNan, kInf, 3, 1, -kInf});
    EXPECT_CLOSE(sort(x, 0, true).indices, {1, 4, 3, 0, 2, 5});
    EXPECT_CLOSE(topk(x, 3).indices, {1, 4, 3});
    EXPECT_CLOSE(topk(x, 3, 0, false).indices, {5, 2, 0});
  }
}

TEST(SortTest, EqualElementsKeepTheirOrder) {
  EXPECT_CLOSE(sort(array({1, 1, 0, 0}, int64), 0, true).indices, {0, 1, 2, 3});
  EXPECT_CLOSE(sort(array({0.0, -0.0, 0.0, -1})).indices, {3, 0, 1, 2});
  EXPECT_CLOSE(sort(array({0.0, -0.0}), 0, true).indices, {0, 1});
  EXPECT_TRUE(std::signbit(sort(array({0.0, -0.0})).values.select(0, 1).item<float>()));
  EXPECT_CLOSE(argsort(array({1, 0, 1}, bool_)), {1, 0, 2});
}

TEST(SortTest, ExtremeNumbersOfEveryDType) {
  const auto check = [](auto zero) {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    const std::vector<T> x{T(1), Limits::max(), T(0), Limits::lowest(), Limits::min(), T(2)};
    std::vector<T> ascending = x;
    std::sort(ascending.begin(), ascending.end());
    const NDArray a = NDArray::from(x, static_cast<int64_t>(x.size()));
    EXPECT_EQ(sort(a).values.to_vector<T>(), ascending);
    std::reverse(ascending.begin(), ascending.end());
    EXPECT_EQ(sort(a, 0, true).values.to_vector<T>(), ascending);
  };
  check(uint8_t{});
  check(int32_t{});
  check(int64_t{});
  check(float{});
  check(double{});
}

TEST(SortTest, LongRowsOfEveryDTypeAndLayout) {
  for (DType dtype : kAllDTypes) {
    for (int64_t n : {199, 200, 201, 1000}) {
      const NDArray x = noise({2, n}, dtype);
      for (const NDArray& y : test::layouts(x)) {
        for (bool descending : {false, true}) {
          const auto [values, indices] = sort(y, 1, descending);
          EXPECT_EQ(values.dtype(), dtype);
          EXPECT_EQ(elements(gather(x, 1, indices)), elements(values));
          const std::vector<double> v = elements(values), i = elements(indices);
          for (int64_t k = 1; k < 2 * n; ++k) {
            if (k == n) continue;
            const size_t at = static_cast<size_t>(k);
            ASSERT_TRUE(descending ? v[at - 1] >= v[at] : v[at - 1] <= v[at]);
            ASSERT_TRUE(v[at - 1] != v[at] || i[at - 1] < i[at]);
          }
        }
      }
    }
  }
}

TEST(TopkTest, ZeroAndAllAndRankZero) {
  EXPECT_EQ(topk(array({1, 2}), 0).values.shape(), Shape(0));
  EXPECT_CLOSE(topk(array({1, 3, 2}), 3).values, {3, 2, 1});
  EXPECT_EQ(topk(NDArray::full({}, 1.0), 1).values.shape(), Shape());
  EXPECT_EQ(topk(NDArray::full({}, 1.0), 1).indices.item<int64_t>(), 0);
  EXPECT_EQ(topk(NDArray::zeros({0, 2}), 0, 0).values.shape(), (Shape{0, 2}));
  EXPECT_THROWS(ValueError, "[topk] expected k from 0 to 1", topk(array({1}), 2));
  EXPECT_THROWS(ValueError, "[topk] expected k from 0 to 1", topk(NDArray::full({}, 1.0), 2));
}

TEST(UniqueTest, EachNanIsOneOfItsOwn) {
  const UniqueResult<NDArray> u = unique(array({3, kNan, 1, kNan, 1, -0.0, 0}), true, true);
  EXPECT_CLOSE(u.values, {0, 1, 3, kNan, kNan});
  EXPECT_TRUE(std::signbit(u.values.select(0, 0).item<float>()));  // the first of the two zeros
  EXPECT_CLOSE(u.inverse, {2, 3, 1, 4, 1, 0, 0});
  EXPECT_CLOSE(u.counts, {2, 2, 1, 1, 1});
}

TEST(UniqueTest, ShapesOfTheResults) {
  const UniqueResult<NDArray> u = unique(array({3, 1, 1, 3}, {2, 2}, int64), true, true);
  EXPECT_CLOSE(u.values, {1, 3});
  EXPECT_EQ(u.inverse.shape(), (Shape{2, 2}));
  EXPECT_CLOSE(u.inverse, {1, 0, 0, 1});
  EXPECT_CLOSE(u.counts, {2, 2});
  const UniqueResult<NDArray> empty = unique(NDArray::zeros({0, 2}), true, true);
  EXPECT_EQ(empty.values.shape(), Shape(0));
  EXPECT_EQ(empty.inverse.shape(), (Shape{0, 2}));
  EXPECT_EQ(empty.counts.shape(), Shape(0));
  const UniqueResult<NDArray> one = unique(NDArray::full({}, 3, int64), true, true);
  EXPECT_EQ(one.values.shape(), Shape(1));
  EXPECT_EQ(one.inverse.shape(), Shape());
  EXPECT_FALSE(unique(array({1})).inverse.defined());
  EXPECT_FALSE(unique(array({1})).counts.defined());
}

}  // namespace
}  // namespace lamina
