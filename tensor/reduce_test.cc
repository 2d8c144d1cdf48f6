// Sums, means and maxima, against loops in double.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/parallel.h"
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

// The groups of elements that are reduced to one: for each index into the kept dimensions, in
// order.
std::vector<std::vector<double>> groups(const NDArray& x, uint32_t reduced) {
  Shape kept = x.shape();
  for (int d = 0; d < x.dim(); ++d) {
    if (reduced >> d & 1) kept[d] = 1;
  }
  std::vector<std::vector<double>> all(static_cast<size_t>(kept.numel()));
  const Strides at = contiguous_strides(kept);
  const std::vector<double> values = elements(x);
  size_t i = 0;
  test::for_each_index(x.shape(), [&](const Shape& index) {
    int64_t group = 0;
    for (int d = 0; d < x.dim(); ++d) group += reduced >> d & 1 ? 0 : index[d] * at[d];
    all[static_cast<size_t>(group)].push_back(values[i++]);
  });
  return all;
}

Shape reduced_shape(const Shape& shape, uint32_t reduced, bool keepdim) {
  Shape out;
  for (int d = 0; d < shape.rank(); ++d) {
    if (!(reduced >> d & 1))
      out.push_back(shape[d]);
    else if (keepdim)
      out.push_back(1);
  }
  return out;
}

const Shape kShapes[] = {{},        {1},          {5},          {0},       {3, 4},
                         {1, 3},    {0, 3},       {3, 0},       {2, 3, 4}, {2, 0, 3},
                         {2, 1, 3}, {2, 3, 4, 5}, {1, 2, 1, 40}};

TEST(SumTest, EverySubsetOfDimensionsOfEveryShapeAndDType) {
  for (DType dtype : kAllDTypes) {
    for (const Shape& shape : kShapes) {
      const NDArray x = noise(shape, dtype);
      for (uint32_t reduced = 0; reduced < 1u << shape.rank(); ++reduced) {
        Dims dims;
        for (int d = 0; d < shape.rank(); ++d) {
          if (reduced >> d & 1) dims.push_back(d % 2 == 0 ? d : d - shape.rank());
        }
        if (dims.empty() && shape.rank() > 0) continue;  // no dimensions mean all of them
        std::vector<double> sums, means;
        for (const std::vector<double>& group : groups(x, reduced)) {
          double total = 0;
          for (double v : group) total += v;
          sums.push_back(total);
          means.push_back(total / static_cast<double>(group.size()));
        }
        for (bool keepdim : {false, true}) {
          for (const NDArray& y : test::layouts(x)) {
            const NDArray s = sum(y, dims, keepdim);
            ASSERT_EQ(s.dtype(), is_floating(dtype) ? dtype : int64);
            ASSERT_EQ(s.shape(), reduced_shape(shape, reduced, keepdim))
                << shape << " over " << dims;
            ASSERT_TRUE(test::is_close(s, sums, 1e-6, 1e-6)) << shape << " over " << dims;
            if (!is_floating(dtype)) continue;
            const NDArray m = mean(y, dims, keepdim);
            ASSERT_EQ(m.shape(), s.shape());
            ASSERT_EQ(m.dtype(), dtype);
            ASSERT_TRUE(test::is_close(m, means, 1e-6, 1e-6)) << shape << " over " << dims;
          }
        }
      }
    }
  }
}

TEST(SumTest, NoDimensionsMeanAllOfThem) {
  const NDArray x = array({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(sum(x).item<float>(), 21);
  EXPECT_EQ(sum(x, {}, true).shape(), (Shape{1, 1}));
  EXPECT_EQ(mean(x).item<float>(), 3.5);
  EXPECT_EQ(sum(NDArray::zeros({0, 3})).item<float>(), 0);
  EXPECT_TRUE(std::isnan(mean(NDArray::zeros({0, 3})).item<float>()));
}

TEST(SumTest, IntegersSumToInt64AndWrapAround) {
  EXPECT_EQ(sum(NDArray::full(1000, 255, uint8)).item<int64_t>(), 255000);
  EXPECT_EQ(sum(NDArray::full(3, std::numeric_limits<int32_t>::max(), int32)).item<int64_t>(),
            3 * int64_t{2147483647});
  EXPECT_EQ(sum(NDArray::ones({5, 2}, bool_), 0).dtype(), int64);
  EXPECT_EQ(sum(NDArray::full(2, std::numeric_limits<int64_t>::max(), int64)).item<int64_t>(), -2);
  EXPECT_CLOSE(sum(NDArray::full({2, 3}, std::numeric_limits<int64_t>::min(), int64), 0),
               {0, 0, 0});
}

TEST(SumTest, InfinityAndNanPropagate) {
  for (DType dtype : kFloatingDTypes) {
    EXPECT_CLOSE(sum(array({1, kInf, 2, kNan, kInf, -kInf}, {3, 2}, dtype), 1), {kInf, kNan, kNan});
  }
}

TEST(SumTest, TenMillionFloatsAreAccurate) {
  constexpr int64_t kN = 10000000;
  NDArray x = NDArray::empty(kN);
  float* values = x.data<float>();
  double exact = 0;
  uint32_t state = 1;
  for (int64_t i = 0; i < kN; ++i) {
    state = state * 1664525 + 1013904223;
    values[i] = static_cast<float>(state >> 8) * 0x1p-24f;
    exact += values[i];
  }
  EXPECT_NEAR(sum(x).item<float>() / exact, 1, 1e-7);
  EXPECT_NEAR(mean(x).item<float>() / (exact / kN), 1, 1.5e-7);
  EXPECT_CLOSE(sum(x.view({2, kN / 2}), 1).sum(), {exact}, 2e-7);
  EXPECT_CLOSE(sum(x.view({kN / 4, 4}), 0).sum(), {exact}, 2e-7);
  // Equal elements are the worst case: each of the 128 additions of a lane rounds the same way.
  // PyTorch 1.13 is off by 6e-7.
  x.fill_(0.1);
  EXPECT_NEAR(sum(x).item<float>() / (kN * static_cast<double>(0.1f)), 1, 1e-6);
}

TEST(SumTest, TheSameBitsAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  for (DType dtype : kFloatingDTypes) {
    const NDArray x = noise({100, 1200}, dtype), cube = x.view({100, 30, 40});
    std::vector<std::vector<double>> results;
    for (int threads : {1, 2, 3}) {
      set_num_threads(threads);
      std::vector<double> all;
      for (const NDArray& y : {sum(x), sum(x, 0), sum(x, 1), sum(cube, 1), sum(cube, {0, 2}),
                               sum(x.t(), 0), mean(x), max(x)}) {
        const std::vector<double> some = elements(y);
        all.insert(all.end(), some.begin(), some.end());
      }
      results.push_back(all);
    }
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
  }
  set_num_threads(before);
}

TEST(SumTest, SizesAroundTheBlocksAreWhole) {
  for (int64_t n : {31, 32, 33, 4095, 4096, 4097, 65535, 65536, 65537, 131073}) {
    EXPECT_EQ(sum(NDArray::ones(n)).item<double>(), static_cast<double>(n));
    EXPECT_CLOSE(sum(NDArray::ones({2, n}), 1), {static_cast<double>(n), static_cast<double>(n)});
    EXPECT_CLOSE(sum(NDArray::ones({n, 2}), 0), {static_cast<double>(n), static_cast<double>(n)});
  }
  for (int64_t n : {511, 512, 513, 1025}) {
    EXPECT_EQ(elements(sum(NDArray::ones({65, n}), 0)),
              std::vector<double>(static_cast<size_t>(n), 65.0));
    EXPECT_EQ(elements(sum(NDArray::ones({2, 65, n}), 1)),
              std::vector<double>(static_cast<size_t>(2 * n), 65.0));
  }
}

TEST(SumTest, ExpandedArraysCountEachRepetition) {
  EXPECT_CLOSE(sum(array({1, 2}, {2, 1}).expand({2, 1000}), 1), {1000, 2000});
  EXPECT_EQ(sum(NDArray::full({}, 3).expand({10, 10})).item<float>(), 300);
}

TEST(SumTest, ErrorsNameTheOperation) {
  const NDArray x = noise({2, 3});
  EXPECT_THROWS(IndexError, "[sum] expected a dimension from -2 to 1, got 2", sum(x, 2));
  EXPECT_THROWS(IndexError, "[sum] expected different dimensions, got (0, -2)", sum(x, {0, -2}));
  EXPECT_THROWS(IndexError, "[mean] expected a dimension from -2 to 1, got -3", mean(x, -3));
  EXPECT_THROWS(DTypeError, "[mean] expected a floating dtype, got int64", mean(x.to(int64)));
  EXPECT_THROWS(RuntimeError, "[sum] expected a defined array", sum(NDArray()));
}

TEST(MaxTest, EveryDimensionOfEveryShapeAndDType) {
  for (DType dtype : kAllDTypes) {
    for (const Shape& shape : kShapes) {
      const NDArray x = noise(shape, dtype);
      for (int d = 0; d < std::max(1, shape.rank()); ++d) {
        if (shape.rank() > 0 && shape[d] == 0) continue;
        std::vector<double> values, indices;
        for (const std::vector<double>& group : groups(x, 1u << d)) {
          size_t best = 0;
          for (size_t i = 1; i < group.size(); ++i) best = group[i] > group[best] ? i : best;
          values.push_back(group[best]);
          indices.push_back(static_cast<double>(best));
        }
        for (const NDArray& y : test::layouts(x)) {
          for (bool keepdim : {false, true}) {
            const auto [v, i] = max(y, d, keepdim);
            ASSERT_EQ(v.dtype(), dtype);
            ASSERT_EQ(i.dtype(), int64);
            ASSERT_EQ(v.shape(),
                      shape.rank() == 0 ? Shape() : reduced_shape(shape, 1u << d, keepdim));
            ASSERT_EQ(i.shape(), v.shape());
            ASSERT_TRUE(test::is_close(v, values)) << shape << " along " << d;
            ASSERT_TRUE(test::is_close(i, indices)) << shape << " along " << d;
            ASSERT_TRUE(test::is_close(argmax(y, d, keepdim), indices)) << shape << " along " << d;
          }
          if (shape.rank() <= 1) {
            ASSERT_TRUE(test::is_close(max(y), values));
            ASSERT_TRUE(test::is_close(argmax(y), indices));
          }
        }
      }
    }
  }
}

TEST(MaxTest, OfAllElementsSeesEveryLayout) {
  const NDArray x = noise({7, 11, 13}, float64);
  const std::vector<double> values = elements(x);
  const auto best = std::max_element(values.begin(), values.end());
  for (const NDArray& y : test::layouts(x)) {
    EXPECT_EQ(max(y).item<double>(), *best);
    EXPECT_EQ(argmax(y).item<int64_t>(), best - values.begin());
  }
}

TEST(MaxTest, TheFirstOfEqualElementsWins) {
  EXPECT_EQ(argmax(array({1, 3, 3, 2, 3})).item<int64_t>(), 1);
  EXPECT_CLOSE(argmax(array({5, 5, 5, 1, 7, 7}, {2, 3}, int32), 1), {0, 1});
  EXPECT_CLOSE(argmax(array({0, 1, 1, 0, 1, 1}, {3, 2}, bool_), 0), {1, 0});
  EXPECT_EQ(argmax(NDArray::zeros(100)).item<int64_t>(), 0);
  EXPECT_EQ(argmax(array({-0.0, 0.0})).item<int64_t>(), 0);
}

TEST(MaxTest, NanIsLargerThanEverythingAndTheFirstOneWins) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray x =
        array({1, kNan, kInf, kNan, kNan, 2, 3, 4, 1, -kInf, kNan, kInf}, {3, 4}, dtype);
    const auto [values, indices] = max(x, 1);
    EXPECT_CLOSE(values, {kNan, kNan, kNan});
    EXPECT_CLOSE(indices, {1, 0, 2});
    EXPECT_TRUE(std::isnan(max(x).item<double>()));
    EXPECT_EQ(argmax(x).item<int64_t>(), 1);
    EXPECT_CLOSE(max(array({-kInf, -kInf}, dtype)), {-kInf});
    EXPECT_CLOSE(argmax(x, 0), {1, 0, 2, 0});
  }
}

TEST(MaxTest, ExtremeIntegersAreExact) {
  const int64_t large = (int64_t{1} << 62) + 1;
  EXPECT_EQ(max(NDArray::from({large - 1, large, -large}, 3)).item<int64_t>(), large);
  EXPECT_EQ(max(NDArray::from({std::numeric_limits<int64_t>::min()}, 1)).item<int64_t>(),
            std::numeric_limits<int64_t>::min());
  EXPECT_EQ(max(array({200, 100}, uint8)).item<int64_t>(), 200);
}

TEST(MaxTest, ErrorsNameTheOperation) {
  EXPECT_THROWS(ShapeError, "[max] expected at least one element, got shape (0, 3)",
                max(NDArray::zeros({0, 3})));
  EXPECT_THROWS(ShapeError,
                "[max] expected at least one element along dimension 1, got shape (3, 0)",
                max(NDArray::zeros({3, 0}), 1));
  EXPECT_THROWS(ShapeError, "[argmax] expected at least one element, got shape (0, 3)",
                argmax(NDArray::zeros({0, 3})));
  EXPECT_THROWS(ShapeError, "[argmax] expected at least one element along dimension 0",
                argmax(NDArray::zeros({0, 3}), 0));
  EXPECT_THROWS(IndexError, "[argmax] expected a dimension from -2 to 1, got 2",
                argmax(NDArray::zeros({2, 3}), 2));
  EXPECT_THROWS(RuntimeError, "[max] expected a defined array", max(NDArray(), 0));
  EXPECT_EQ(max(NDArray::zeros({3, 0}), 0).values.shape(), Shape(0));
}

}  // namespace
}  // namespace lamina
