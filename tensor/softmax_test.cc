// softmax and log_softmax against double precision, and where it could go wrong: large, infinite and missing
// numbers.
#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/parallel.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;
using test::elements;
using test::kFloatingDTypes;
using test::kInf;
using test::kNan;
using test::noise;

std::vector<double> naive_row(const std::vector<double>& x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double total = 0;
  for (double v : x) total += std::exp(v - largest);
  std::vector<double> out;
  for (double v : x) out.push_back(v - largest - std::log(total));
  return out;
}

TEST(LogSoftmaxTest, AgreesWithDoubleForRowsOfEveryLength) {
  for (DType dtype : kFloatingDTypes) {
    const double rtol = dtype == float32 ? 3e-7 : 1e-14;
    for (int64_t n = 1; n <= 70; ++n) {
      const NDArray x = noise({3, n}, dtype, static_cast<uint32_t>(n)) * 10;
      std::vector<double> expected;
      for (int64_t r = 0; r < 3; ++r) {
        const std::vector<double> row = naive_row(elements(x.select(0, r)));
        expected.insert(expected.end(), row.begin(), row.end());
      }
      EXPECT_CLOSE(log_softmax(x, 1), expected, rtol, 2 * rtol);
    }
  }
}

TEST(LogSoftmaxTest, TakesEveryDimensionAndLayout) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray x = noise({3, 4, 5}, dtype);
    for (int d = 0; d < 3; ++d) {
      std::vector<double> expected(60);
      test::for_each_index({3, 4, 5}, [&](const Shape& i) {
        std::vector<double> row;
        for (int64_t k = 0; k < x.shape()[d]; ++k) {
          Shape j = i;
          j[d] = k;
          row.push_back(elements(x)[static_cast<size_t>(test::offset_of(j, x.strides()))]);
        }
        expected[static_cast<size_t>(test::offset_of(i, x.strides()))] =
            naive_row(row)[static_cast<size_t>(i[d])];
      });
      for (const NDArray& y : test::layouts(x)) {
        EXPECT_CLOSE(log_softmax(y, d), expected, 1e-6, 1e-6);
        EXPECT_CLOSE(log_softmax(y, d - 3), expected, 1e-6, 1e-6);
        EXPECT_TRUE(log_softmax(y, d).is_contiguous());
      }
    }
  }
}

TEST(LogSoftmaxTest, LargeNumbersAreShiftedFirst) {
  for (DType dtype : kFloatingDTypes) {
    EXPECT_CLOSE(log_softmax(array({1e10, 1e10}, dtype), 0), {-std::log(2.0), -std::log(2.0)},
                 1e-6);
    EXPECT_CLOSE(log_softmax(array({-1e10, -1e10}, dtype), 0), {-std::log(2.0), -std::log(2.0)},
                 1e-6);
    EXPECT_CLOSE(log_softmax(array({0, 1e4, 1e10}, dtype), 0), {-1e10, 1e4 - 1e10, 0}, 1e-6);
    EXPECT_CLOSE(log_softmax(array({1000, 0, -1000}, dtype), 0), {0, -1000, -2000});
    EXPECT_CLOSE(log_softmax(NDArray::full(100, 3e38, dtype), 0),
                 std::vector<double>(100, -std::log(100.0)), 1e-6);
  }
}

TEST(LogSoftmaxTest, MinusInfinityHasNoShare) {
  for (DType dtype : kFloatingDTypes) {
    EXPECT_CLOSE(log_softmax(array({-kInf, 0, 1}, dtype), 0),
                 {-kInf, -1.3132616875182228, -0.3132616875182228}, 1e-6);
    EXPECT_CLOSE(log_softmax(array({-kInf, 5, -kInf}, dtype), 0), {-kInf, 0, -kInf});
  }
}

TEST(LogSoftmaxTest, RowsWithoutAShareAreNan) {  // as in PyTorch
  for (DType dtype : kFloatingDTypes) {
    for (size_t n : {1, 2, 17, 40}) {
      EXPECT_CLOSE(log_softmax(array(std::vector<double>(n, -kInf), dtype), 0),
                   std::vector<double>(n, kNan));
      std::vector<double> x(n, 1.0);
      x[n / 2] = kInf;
      EXPECT_CLOSE(log_softmax(array(x, dtype), 0), std::vector<double>(n, kNan));
    }
  }
}

TEST(LogSoftmaxTest, ANanAnywhereMakesItsRowNanAndNoOther) {
  for (DType dtype : kFloatingDTypes) {
    for (int64_t at = 0; at < 37; ++at) {
      NDArray x = noise({3, 37}, dtype);
      x.select(0, 1).select(0, at).fill_(kNan);
      const NDArray y = log_softmax(x, 1);
      EXPECT_CLOSE(y.select(0, 1), std::vector<double>(37, kNan));
      EXPECT_CLOSE(y.select(0, 0), naive_row(elements(x.select(0, 0))), 1e-6, 1e-6);
      EXPECT_CLOSE(y.select(0, 2), naive_row(elements(x.select(0, 2))), 1e-6, 1e-6);
    }
  }
}

TEST(LogSoftmaxTest, EmptyAnd0dArraysWork) {
  EXPECT_EQ(log_softmax(NDArray::zeros({0, 3}), 1).shape(), (Shape{0, 3}));
  EXPECT_EQ(log_softmax(NDArray::zeros({3, 0}), 1).shape(), (Shape{3, 0}));
  EXPECT_EQ(log_softmax(NDArray::zeros({0, 3}), 0).shape(), (Shape{0, 3}));
  EXPECT_EQ(log_softmax(NDArray::full({}, 4.0), 0).item<float>(), 0);
  EXPECT_CLOSE(log_softmax(array({1, 2}, {2, 1}).expand({2, 4}), 1),
               std::vector<double>(8, -std::log(4.0)), 1e-6);
}

TEST(LogSoftmaxTest, TheSameBitsAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  const NDArray x = noise({3000, 13});
  std::vector<std::vector<double>> results;
  for (int threads : {1, 2, 3}) {
    set_num_threads(threads);
    results.push_back(elements(log_softmax(x, 1)));
  }
  set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(LogSoftmaxTest, ErrorsNameTheOperation) {
  EXPECT_THROWS(DTypeError, "[log_softmax] expected a floating dtype, got int64",
                log_softmax(NDArray::zeros({2}, int64), 0));
  EXPECT_THROWS(IndexError, "[log_softmax] expected a dimension from -2 to 1, got 2",
                log_softmax(NDArray::zeros({2, 3}), 2));
  EXPECT_THROWS(RuntimeError, "[log_softmax] expected a defined array", log_softmax(NDArray(), 0));
}

// ---- softmax, whose rows are those of log_softmax until the last step

TEST(SoftmaxTest, AgreesWithDoubleForRowsOfEveryLength) {
  for (DType dtype : kFloatingDTypes) {
    // A difference of 40 to the maximum is rounded to 2e-6, and exp turns that into relative error.
    const double rtol = dtype == float32 ? 4e-6 : 2e-14;
    for (int64_t n = 1; n <= 70; ++n) {
      const NDArray x = noise({3, n}, dtype, static_cast<uint32_t>(n)) * 10;
      std::vector<double> expected;
      for (int64_t r = 0; r < 3; ++r) {
        for (double v : naive_row(elements(x.select(0, r)))) expected.push_back(std::exp(v));
      }
      EXPECT_CLOSE(softmax(x, 1), expected, rtol);
      EXPECT_CLOSE(softmax(x.t(), 0).t(), expected, rtol);
    }
  }
}

TEST(SoftmaxTest, LargeAndInfiniteNumbers) {
  for (DType dtype : kFloatingDTypes) {
    EXPECT_CLOSE(softmax(array({1e10, 1e10, -1e10}, dtype), 0), {0.5, 0.5, 0});
    EXPECT_CLOSE(softmax(NDArray::full(100, 3e38, dtype), 0), std::vector<double>(100, 0.01), 1e-6);
    EXPECT_CLOSE(softmax(array({-kInf, 5, -kInf}, dtype), 0), {0, 1, 0});
    for (size_t n : {1, 2, 17, 40}) {  // as in PyTorch
      EXPECT_CLOSE(softmax(array(std::vector<double>(n, -kInf), dtype), 0),
                   std::vector<double>(n, kNan));
      std::vector<double> x(n, 1.0);
      x[n / 2] = kInf;
      EXPECT_CLOSE(softmax(array(x, dtype), 0), std::vector<double>(n, kNan));
    }
  }
}

TEST(SoftmaxTest, ANanAnywhereMakesItsRowNanAndNoOther) {
  for (DType dtype : kFloatingDTypes) {
    for (int64_t at = 0; at < 37; ++at) {
      NDArray x = NDArray::zeros({2, 37}, dtype);
      x.select(0, 1).select(0, at).fill_(kNan);
      EXPECT_CLOSE(softmax(x, 1).select(0, 1), std::vector<double>(37, kNan));
      EXPECT_CLOSE(softmax(x, 1).select(0, 0), std::vector<double>(37, 1.0 / 37), 1e-6);
    }
  }
}

TEST(SoftmaxTest, EmptyAnd0dArraysWork) {
  EXPECT_EQ(softmax(NDArray::zeros({0, 3}), 1).shape(), (Shape{0, 3}));
  EXPECT_EQ(softmax(NDArray::zeros({3, 0}), 1).shape(), (Shape{3, 0}));
  EXPECT_EQ(softmax(NDArray::full({}, 4.0), 0).item<float>(), 1);
}

}  // namespace
}  // namespace lamina
