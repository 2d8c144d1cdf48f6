// The reductions other than sum, mean and max, where they could go wrong. What is expected of NaN,
// infinities, ties and empty arrays is what PyTorch 1.13 gives.
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
using test::kFloatingDTypes;
using test::noise;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(ProdTest, IntegersMultiplyToInt64AndWrapAround) {
  EXPECT_EQ(prod(array({1, 2, 3}, uint8)).dtype(), int64);
  EXPECT_EQ(prod(array({100, 100, 100}, uint8)).item<int64_t>(), 1000000);
  EXPECT_EQ(prod(NDArray::full(3, int64_t{1} << 31, int64)).item<int64_t>(), 0);
  EXPECT_EQ(prod(array({-3, 5}, int32)).item<int64_t>(), -15);
  EXPECT_EQ(prod(array({1, 1}, bool_)).dtype(), int64);
  EXPECT_EQ(prod(array({1, 0, 1}, bool_)).item<int64_t>(), 0);
}

TEST(ProdTest, OfNothingIsOne) {
  EXPECT_EQ(prod(NDArray::zeros({0})).item<float>(), 1);
  EXPECT_CLOSE(prod(NDArray::zeros({0, 3}), 0), {1, 1, 1});
  EXPECT_EQ(prod(NDArray::zeros({0, 3}), 1).shape(), Shape(0));
}

TEST(ProdTest, DoesNotOverflowOnTheWay) {
  EXPECT_CLOSE(prod(array({1e30, 1e30, 1e-30, 1e-30})), {1}, 1e-6);
  EXPECT_CLOSE(prod(array({kInf, 0})), {kNan});
}

TEST(MinTest, NanIsSmallerThanEverythingAndTheFirstOneWins) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray x =
        array({1, kNan, kInf, kNan, kNan, 2, 3, 4, 1, -kInf, kNan, kInf}, {3, 4}, dtype);
    const auto [values, indices] = min(x, 1);
    EXPECT_CLOSE(values, {kNan, kNan, kNan});
    EXPECT_CLOSE(indices, {1, 0, 2});
    EXPECT_TRUE(std::isnan(min(x).item<double>()));
    EXPECT_EQ(argmin(x).item<int64_t>(), 1);
    EXPECT_CLOSE(argmin(x, 0), {1, 0, 2, 0});
    EXPECT_CLOSE(amin(x, 0), {kNan, kNan, kNan, kNan});
    EXPECT_CLOSE(amax(x, 0), {kNan, kNan, kNan, kNan});
    EXPECT_CLOSE(amax(x, {0, 1}), {kNan});
    EXPECT_CLOSE(amin(array({2, -kInf, 3}, dtype)), {-kInf});
  }
}

TEST(MinTest, TheFirstOfEqualElementsWins) {
  EXPECT_CLOSE(min(array({2, 1, 1}, int32), 0).indices, {1});
  EXPECT_CLOSE(min(array({1, 0, 0, 1, 0, 0}, {3, 2}, bool_), 0).indices, {1, 0});
  EXPECT_EQ(argmin(array({0.0, -0.0})).item<int64_t>(), 0);
}

TEST(MinTest, LongRowsAreSearchedInChunks) {
  for (int64_t n : {65535, 65536, 65537, 200000}) {
    for (int64_t at : {int64_t{0}, n / 2, n - 1}) {
      NDArray x = NDArray::zeros(n);
      x.narrow(0, at, 1).fill_(-1);
      x.narrow(0, n - 1, 1).fill_(-1);
      EXPECT_EQ(argmin(x).item<int64_t>(), at);
      EXPECT_EQ(min(x).item<float>(), -1);
      x.narrow(0, at, 1).fill_(kNan);
      EXPECT_EQ(argmin(x).item<int64_t>(), at);
      EXPECT_EQ(argmax(x).item<int64_t>(), at);
      EXPECT_TRUE(std::isnan(max(x).item<float>()));
    }
  }
}

TEST(VarTest, TooFewElementsGiveNanOrInfinity) {
  EXPECT_CLOSE(var(array({3})), {kNan});
  EXPECT_CLOSE(std(array({3})), {kNan});
  EXPECT_CLOSE(var(NDArray::zeros({0})), {kNan});
  EXPECT_CLOSE(var(NDArray::zeros({0, 2}), 0), {kNan, kNan});
  EXPECT_CLOSE(var(NDArray::full({}, 3.0), 0), {kNan});
  EXPECT_CLOSE(var(array({1, 2}), 0, 2), {kInf});
  EXPECT_CLOSE(var(array({1, 2}), {}, 3), {kInf});
  EXPECT_CLOSE(var(array({1, 1}), 0, 3), {kNan});
  EXPECT_CLOSE(var(array({3}), {}, 0), {0});
  EXPECT_CLOSE(var(array({1, kInf})), {kNan});
  EXPECT_CLOSE(std(array({1, kNan, 2})), {kNan});
}

// A sum of squares less the square of the sum would be all rounding error here.
TEST(VarTest, ALargeMeanCostsNoAccuracy) {
  constexpr int64_t kN = 100000;
  NDArray x = NDArray::empty(kN);
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < kN; ++i) {
    x.data<float>()[i] = static_cast<float>(1e6 + static_cast<double>(i % 7) * 0.25);
    mean += x.data<float>()[i];
  }
  mean /= kN;
  for (int64_t i = 0; i < kN; ++i) {
    squares += (x.data<float>()[i] - mean) * (x.data<float>()[i] - mean);
  }
  const double exact = squares / (kN - 1);
  EXPECT_NEAR(var(x).item<double>() / exact, 1, 1e-6);
  EXPECT_NEAR(std(x).item<double>() / std::sqrt(exact), 1, 1e-6);
  EXPECT_NEAR(var(x.view({1, kN}), 1).item<double>() / exact, 1, 1e-6);
  EXPECT_NEAR(var(x.view({kN, 1}).expand({kN, 3}), 0).select(0, 1).item<double>() / exact, 1, 1e-6);
  // The first element far from the others.
  x.data<float>()[0] = -1e6;
  EXPECT_NEAR(var(x).item<double>() / 4e7, 1, 1e-3);
}

TEST(VarTest, SizesAroundTheBlocksAreWhole) {
  for (int64_t n : {31, 32, 33, 2047, 2048, 2049, 65536, 65537, 131100}) {
    // 0, 1, 0, 1, ...: the variance of n elements, without correction, is p (1 - p).
    const NDArray x = array({0, 1}).expand({n, 2}).reshape({2 * n}).narrow(0, 0, n);
    const double p = static_cast<double>(n / 2) / static_cast<double>(n);
    EXPECT_CLOSE(var(x, {}, 0), {p * (1 - p)}, 1e-6);
    EXPECT_CLOSE(var(x.expand({2, n}), 1, 0), {p * (1 - p), p * (1 - p)}, 1e-6);
    EXPECT_CLOSE(var(x.unsqueeze(1).expand({n, 2}), 0, 0), {p * (1 - p), p * (1 - p)}, 1e-6);
  }
}

TEST(NormTest, OfNothingIsZeroForAnyP) {
  for (double p : {0.0, 1.0, 2.0, 3.0, -1.0, kInf, -kInf}) {
    EXPECT_EQ(norm(NDArray::zeros({0}), p).item<float>(), 0) << p;
    EXPECT_CLOSE(norm(NDArray::zeros({0, 2}), p, 0), {0, 0});
  }
}

TEST(NormTest, NanAndZeroAreAsInPyTorch) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray x = array({3, kNan}, dtype), y = array({3, 0, -4}, dtype);
    EXPECT_CLOSE(norm(x), {kNan});
    EXPECT_CLOSE(norm(x, kInf), {kNan});
    EXPECT_CLOSE(norm(x, -kInf), {kNan});
    EXPECT_CLOSE(norm(x, 0), {2});
    EXPECT_CLOSE(norm(y), {5});
    EXPECT_CLOSE(norm(y, -1), {0});
    EXPECT_CLOSE(norm(y, 0.5), {13.9282032}, 1e-6);
    EXPECT_CLOSE(norm(y, 0), {2});
    EXPECT_CLOSE(norm(y, -kInf), {0});
  }
  EXPECT_THROWS(DTypeError, "[norm] expected a floating dtype, got int64",
                norm(NDArray::arange(3)));
}

TEST(NormTest, SquaresDoNotOverflow) {
  EXPECT_CLOSE(norm(array({3e30, 4e30})), {5e30}, 1e-6);
  EXPECT_CLOSE(norm(array({3e-30, 4e-30})), {5e-30}, 1e-6);
}

TEST(LogSumExpTest, InfinitiesAndLargeNumbers) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray x =
        array({-kInf, -kInf, kInf, 1, kNan, 1, kInf, -kInf, 1e10, 1e10, -kInf, 2}, {6, 2}, dtype);
    EXPECT_CLOSE(logsumexp(x, 1), {-kInf, kInf, kNan, kInf, 1e10, 2}, 1e-6);
    EXPECT_CLOSE(logsumexp(NDArray::zeros({0, 2}, dtype), 0), {-kInf, -kInf});
  }
  EXPECT_CLOSE(logsumexp(array({1, 2}, int64), 0), {2.3132617}, 1e-6);
  EXPECT_EQ(logsumexp(array({1, 2}, int64), 0).dtype(), float32);
}

TEST(AllTest, NanIsTrueAndUint8StaysUint8) {
  EXPECT_TRUE(all(array({kNan, 1})).item<bool>());
  EXPECT_TRUE(any(array({kNan, 0})).item<bool>());
  EXPECT_FALSE(any(array({0, -0.0})).item<bool>());
  EXPECT_EQ(all(array({1, 2}, uint8)).dtype(), uint8);
  EXPECT_EQ(all(array({1, 2}, uint8)).item<int64_t>(), 1);
  EXPECT_EQ(any(array({1, 2}, {1, 2}, uint8), 1).dtype(), uint8);
  EXPECT_EQ(all(array({1, 2}, int32)).dtype(), bool_);
  EXPECT_TRUE(all(NDArray::zeros({0})).item<bool>());
  EXPECT_FALSE(any(NDArray::zeros({0})).item<bool>());
  EXPECT_CLOSE(all(NDArray::zeros({0, 2}), 0), {1, 1});
  EXPECT_EQ(count_nonzero(array({kNan, 0, 1})).item<int64_t>(), 2);
}

TEST(StatisticsTest, TheSameBitsAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  for (DType dtype : kFloatingDTypes) {
    const NDArray x = noise({100, 1200}, dtype), cube = x.view({100, 30, 40});
    std::vector<std::vector<double>> results;
    for (int threads : {1, 2, 5}) {
      set_num_threads(threads);
      std::vector<double> got;
      for (const NDArray& y :
           {var(x), var(x, 0), var(x, 1), std(cube, 1), var(cube, {0, 2}), norm(x), norm(x, 3, 0),
            norm(x, 1, 1), prod(add(mul(x, 0.01), 1)), prod(x, 0), logsumexp(x, 0), min(x),
            amax(cube, 1), cumsum(x, 0), cumsum(x, 1), cumprod(x, 1), softmax(x, 1),
            sort(x, 1).values, topk(x, 5, 0).values}) {
        const std::vector<double> some = elements(y);
        got.insert(got.end(), some.begin(), some.end());
      }
      results.push_back(got);
    }
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
  }
  set_num_threads(before);
}

TEST(VarianceTest, LargeAndSmallDeviationsOfFloat32HaveSquares) {
  for (int64_t n : {2, 70}) {  // alternating signs, in columns and in rows
    std::vector<double> large, small;
    for (int64_t i = 0; i < n; ++i) {
      large.insert(large.end(), 2, i % 2 == 0 ? 1e18 : -1e18);
      small.insert(small.end(), 2, i % 2 == 0 ? 1e-25 : -1e-25);
    }
    const double spread = std::sqrt(static_cast<double>(n) / static_cast<double>(n - 1));
    const NDArray x = test::array(large, {n, 2}), y = test::array(small, {n, 2});
    EXPECT_CLOSE(std(x, 0), {1e18 * spread, 1e18 * spread}, 1e-5);
    EXPECT_CLOSE(std(x.t().contiguous(), 1), {1e18 * spread, 1e18 * spread}, 1e-5);
    EXPECT_CLOSE(std(y, 0), {1e-25 * spread, 1e-25 * spread}, 1e-5);
    EXPECT_CLOSE(std(y.t().contiguous(), 1), {1e-25 * spread, 1e-25 * spread}, 1e-5);
    EXPECT_CLOSE(var(NDArray::full({n, 2}, 3e38), 0), {0, 0});
  }
}

}  // namespace
}  // namespace lamina
