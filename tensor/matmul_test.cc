// Matrix products by PyTorch's rules, against three loops in double.
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
using test::kFloatingDTypes;
using test::kNumericDTypes;
using test::noise;

double at(const NDArray& x, const Shape& index) {
  return dispatch(x.dtype(), [&](auto type) {
    return static_cast<double>(
        x.data<typename decltype(type)::type>()[test::offset_of(index, x.strides())]);
  });
}

// a (..., m, k) and b (..., k, n) of rank at least 2; `shape` is the product's.
std::vector<double> naive(const NDArray& a, const NDArray& b, const Shape& shape) {
  std::vector<double> out;
  test::for_each_index(shape, [&](const Shape& index) {
    const auto in_batch = [&](const NDArray& x) {
      Shape i;
      for (int d = 0; d < x.dim() - 2; ++d)
        i.push_back(x.shape()[d] == 1 ? 0 : index[shape.rank() - x.dim() + d]);
      return i;
    };
    double total = 0;
    for (int64_t p = 0; p < a.shape()[a.dim() - 1]; ++p) {
      Shape i = in_batch(a), j = in_batch(b);
      i.push_back(index[shape.rank() - 2]);
      i.push_back(p);
      j.push_back(p);
      j.push_back(index[shape.rank() - 1]);
      total += at(a, i) * at(b, j);
    }
    out.push_back(total);
  });
  return out;
}

struct Case {
  Shape a, b, out;
};
const Case kCases[] = {
    {{2, 3}, {3, 4}, {2, 4}},
    {{1, 1}, {1, 1}, {1, 1}},
    {{1, 5}, {5, 1}, {1, 1}},
    {{5, 1}, {1, 7}, {5, 7}},
    {{4, 2, 3}, {3, 5}, {4, 2, 5}},
    {{2, 3}, {4, 3, 5}, {4, 2, 5}},
    {{4, 2, 3}, {4, 3, 5}, {4, 2, 5}},
    {{4, 1, 2, 3}, {6, 3, 5}, {4, 6, 2, 5}},
    {{2, 1, 3, 2, 3}, {1, 4, 1, 3, 2}, {2, 4, 3, 2, 2}},
    {{1, 2, 3}, {4, 3, 5}, {4, 2, 5}},
    {{4, 1, 3}, {4, 3, 1}, {4, 1, 1}},
    {{1, 1, 1, 1, 1, 2, 2, 3}, {3, 2}, {1, 1, 1, 1, 1, 2, 2, 2}},
    {{0, 3}, {3, 4}, {0, 4}},
    {{2, 3}, {3, 0}, {2, 0}},
    {{2, 0}, {0, 4}, {2, 4}},
    {{0, 2, 3}, {3, 4}, {0, 2, 4}},
    {{3, 2, 0}, {3, 0, 4}, {3, 2, 4}},
    {{2, 1, 2, 0}, {3, 0, 4}, {2, 3, 2, 4}},
    {{1, 2, 3}, {0, 3, 4}, {0, 2, 4}},
};

TEST(MatmulTest, EveryShapeDTypeAndLayoutIsTheNaiveProduct) {
  for (const Case& c : kCases) {
    for (DType dtype : kNumericDTypes) {
      // Sums of uint8 stay below 256: at most 5 * 5 * 10.
      const NDArray a = dtype == uint8 ? NDArray::full(c.a, 5, uint8) : noise(c.a, dtype, 1),
                    b = noise(c.b, dtype, 2);
      const std::vector<double> expected = naive(a, b, c.out);
      for (const NDArray& x : test::layouts(a)) {
        for (const NDArray& y : test::layouts(b)) {
          const NDArray out = matmul(x, y);
          ASSERT_EQ(out.shape(), c.out);
          ASSERT_EQ(out.dtype(), dtype);
          ASSERT_TRUE(test::is_close(out, expected, 1e-6, 1e-5))
              << c.a << x.strides() << " by " << c.b << y.strides();
        }
      }
    }
  }
}

TEST(MatmulTest, VectorsLoseTheirDimension) {
  for (DType dtype : kNumericDTypes) {
    const NDArray v = array({1, 2, 3}, dtype), m = array({1, 2, 3, 4, 5, 6}, {2, 3}, dtype);
    EXPECT_EQ(matmul(v, v).shape(), Shape());
    EXPECT_CLOSE(matmul(v, v), {14});
    EXPECT_CLOSE(matmul(m, v), {14, 32});
    EXPECT_EQ(matmul(m, v).shape(), Shape(2));
    EXPECT_CLOSE(matmul(v, m.t()), {14, 32});
    const NDArray batch = array({1, 2, 3, 4, 5, 6, 1, 0, 0, 0, 1, 0}, {2, 2, 3}, dtype);
    EXPECT_CLOSE(matmul(batch, v), {14, 32, 1, 2});
    EXPECT_EQ(matmul(batch, v).shape(), (Shape{2, 2}));
    EXPECT_CLOSE(matmul(array({1, 2}, dtype), batch), {9, 12, 15, 1, 2, 0});
    EXPECT_EQ(matmul(array({1, 2}, dtype), batch).shape(), (Shape{2, 3}));
  }
  EXPECT_CLOSE(matmul(NDArray::zeros(0), NDArray::zeros(0)), {0});
  EXPECT_CLOSE(matmul(NDArray::zeros({2, 0}), NDArray::zeros(0)), {0, 0});
  EXPECT_EQ(matmul(NDArray::zeros({0, 3}), NDArray::zeros(3)).shape(), Shape(0));
}

TEST(MatmulTest, ExpandedAndOverlappingOperands) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray a = noise({1, 3}, dtype).expand({2, 3}), b = noise({3, 1}, dtype).expand({3, 4});
    EXPECT_CLOSE(matmul(a, b), naive(a, b, {2, 4}), 1e-6, 1e-6);
    const NDArray batch = noise({2, 3}, dtype).expand({5, 2, 3}), other = noise({5, 3, 2}, dtype);
    EXPECT_CLOSE(matmul(batch, other), naive(batch, other, {5, 2, 2}), 1e-6, 1e-6);
    const NDArray window =
        noise({10}, dtype).view_of({4, 3, 5}, {1, 1, 1});  // every element in many places
    const NDArray turned = window.transpose(1, 2);
    EXPECT_CLOSE(matmul(window, turned), naive(window, turned, {4, 3, 3}), 1e-6, 1e-5);
    const NDArray rows = noise({5, 3, 4}, dtype).transpose(0, 1), fixed = noise({4, 2}, dtype);
    EXPECT_CLOSE(matmul(rows, fixed), naive(rows, fixed, {3, 5, 2}), 1e-6, 1e-6);
  }
}

TEST(MatmulTest, BatchesWithUnevenStridesAreTakenOneByOne) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray a = noise({3, 4, 5, 2, 3}, dtype).permute({2, 0, 1, 3, 4}),
                  b = noise({5, 1, 4, 3, 2}, dtype);
    EXPECT_CLOSE(matmul(a, b), naive(a, b, {5, 3, 4, 2, 2}), 1e-6, 1e-6);
  }
}

TEST(MatmulTest, LargerSizesAgreeWithDouble) {
  const NDArray a = noise({70, 90}, float32, 3), b = noise({90, 65}, float32, 4);
  const std::vector<double> expected = naive(a, b, {70, 65});
  EXPECT_CLOSE(matmul(a, b), expected, 1e-5, 2e-5);
  EXPECT_CLOSE(matmul(a.to(float64), b.to(float64)), expected, 1e-13, 1e-13);
}

TEST(MatmulTest, IntegersWrapAround) {
  const int64_t large = int64_t{1} << 62;
  EXPECT_EQ(
      matmul(NDArray::full({1, 2}, large, int64), NDArray::full({2, 1}, 2, int64)).item<int64_t>(),
      0);
  EXPECT_EQ(matmul(NDArray::full({1, 2}, 1 << 30, int32), NDArray::full({2, 1}, 1, int32))
                .item<int64_t>(),
            -2147483648);
  EXPECT_EQ(
      matmul(NDArray::full({1, 2}, 16, uint8), NDArray::full({2, 1}, 15, uint8)).item<int64_t>(),
      224);  // 480 - 256
}

TEST(MatmulTest, NanAndInfinityPropagate) {
  constexpr double kInf = std::numeric_limits<double>::infinity(),
                   kNan = std::numeric_limits<double>::quiet_NaN();
  for (DType dtype : kFloatingDTypes) {
    EXPECT_CLOSE(
        matmul(array({kNan, 0, 0, kInf, 1, 1}, {3, 2}, dtype), array({0, 1}, {2, 1}, dtype)),
        {kNan, kInf, 1});
  }
}

TEST(MatmulTest, ErrorsNameTheShapesAndDTypes) {
  EXPECT_THROWS(ShapeError, "[matmul] expected a.shape[-1] == b.shape[-2], got (2, 3) and (4, 5)",
                matmul(noise({2, 3}), noise({4, 5})));
  EXPECT_THROWS(ShapeError, "[matmul] expected a.shape[-1] == b.shape[0], got (2, 3) and (2,)",
                matmul(noise({2, 3}), noise({2})));
  EXPECT_THROWS(ShapeError, "[matmul]", matmul(noise({}), noise({2})));
  EXPECT_THROWS(ShapeError, "[matmul]", matmul(noise({2, 2}), noise({})));
  EXPECT_THROWS(ShapeError,
                "[matmul] expected batches that broadcast together, got (2, 2, 3) and (3, 3, 2)",
                matmul(noise({2, 2, 3}), noise({3, 3, 2})));
  EXPECT_THROWS(DTypeError,
                "[matmul] expected two operands of one numeric dtype, got float32 and float64",
                matmul(noise({2, 2}), noise({2, 2}, float64)));
  EXPECT_THROWS(DTypeError, "got bool and bool",
                matmul(noise({2, 2}, bool_), noise({2, 2}, bool_)));
  EXPECT_THROWS(RuntimeError, "[matmul] expected a defined array",
                matmul(noise({2, 2}), NDArray()));
  EXPECT_THROWS(ShapeError, "less than 2^62 bytes",
                matmul(NDArray::zeros({1, 1}).expand({int64_t{1} << 31, 1}),
                       NDArray::zeros({1, 1}).expand({1, int64_t{1} << 31})));
}

TEST(LinearTest, IsTheProductWithTheTransposedWeightPlusBias) {
  for (DType dtype : kFloatingDTypes) {
    for (const Shape& leading :
         {Shape{}, Shape{1}, Shape{5}, Shape{2, 3}, Shape{0}, Shape{2, 0}, Shape{2, 1, 3}}) {
      for (int64_t in : {0, 1, 4}) {
        for (int64_t out_features : {0, 1, 3}) {
          Shape x_shape = leading, out_shape = leading;
          x_shape.push_back(in);
          out_shape.push_back(out_features);
          const NDArray x = noise(x_shape, dtype, 1), w = noise({out_features, in}, dtype, 2),
                        b = noise(out_features, dtype, 3);
          std::vector<double> plain, biased;
          const std::vector<double> xs = elements(x), ws = elements(w), bs = elements(b);
          for (int64_t r = 0; r < leading.numel(); ++r) {
            for (int64_t o = 0; o < out_features; ++o) {
              double total = 0;
              for (int64_t i = 0; i < in; ++i)
                total += xs[static_cast<size_t>(r * in + i)] * ws[static_cast<size_t>(o * in + i)];
              plain.push_back(total);
              biased.push_back(total + bs[static_cast<size_t>(o)]);
            }
          }
          for (const NDArray& y : test::layouts(x)) {
            for (const NDArray& v : test::layouts(w)) {
              ASSERT_EQ(linear(y, v).shape(), out_shape);
              ASSERT_TRUE(test::is_close(linear(y, v), plain, 1e-6, 1e-6)) << x_shape << w.shape();
              ASSERT_TRUE(test::is_close(linear(y, v, NDArray()), plain, 1e-6, 1e-6));
              for (const NDArray& c : test::layouts(b)) {
                ASSERT_TRUE(test::is_close(linear(y, v, c), biased, 1e-6, 1e-6))
                    << x_shape << w.shape();
              }
            }
          }
        }
      }
    }
  }
}

TEST(LinearTest, TakesAnExpandedBias) {
  const NDArray x = noise({2, 3}), w = noise({4, 3}), b = array({2}).expand(4);
  std::vector<double> expected = elements(linear(x, w));
  for (double& v : expected) v += 2;
  EXPECT_CLOSE(linear(x, w, b), expected, 1e-6, 1e-6);
}

TEST(LinearTest, ErrorsNameTheShapesAndDTypes) {
  const NDArray x = noise({2, 3}), w = noise({4, 3});
  EXPECT_THROWS(ShapeError,
                "[linear] expected x (..., in), weight (out, in) and bias (out), got (2, 3), (3, "
                "4) and no bias",
                linear(x, noise({3, 4})));
  EXPECT_THROWS(ShapeError, "got (2, 3), (4, 3) and (3,)", linear(x, w, noise({3})));
  EXPECT_THROWS(ShapeError, "got (), (4, 3) and no bias", linear(noise({}), w));
  EXPECT_THROWS(ShapeError, "[linear]", linear(x, noise({3})));
  EXPECT_THROWS(DTypeError, "[linear] expected one dtype, got x float32, weight float64",
                linear(x, w.to(float64)));
  EXPECT_THROWS(DTypeError, "weight float32, bias float64", linear(x, w, noise({4}, float64)));
  EXPECT_THROWS(DTypeError, "[linear] expected a floating dtype, got int64",
                linear(x.to(int64), w.to(int64)));
  EXPECT_THROWS(RuntimeError, "[linear] expected a defined array", linear(x, NDArray()));
}

TEST(MatmulTest, OperandsThatAreTooLargeToCopyAreAnErrorWithTheirSizes) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const NDArray row = NDArray::ones({1, 1}, float64).expand({1, int64_t{1} << 50});
  EXPECT_THROWS(RuntimeError,
                "[matmul] expected memory for copies of matrices of 1 x "
                "1125899906842624 and 1125899906842624 x 1 float64, got none from the system",
                matmul(row, row.t()));
  EXPECT_THROWS(RuntimeError, "[dot] expected memory for copies",
                dot(row.select(0, 0), row.select(0, 0)));
#endif
}

}  // namespace
}  // namespace lamina
