// Running sums and products where they could go wrong. Expected values are PyTorch 1.13's or
// arithmetic by hand.
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(ScanTest, IntegersBecomeInt64) {
  EXPECT_EQ(cumsum(array({1, 2, 3}, uint8), 0).dtype(), int64);
  EXPECT_CLOSE(cumsum(array({200, 200, 3}, uint8), 0), {200, 400, 403});
  EXPECT_CLOSE(cumsum(array({1, 1, 0, 1}, bool_), 0), {1, 2, 2, 3});
  EXPECT_CLOSE(cumprod(array({1, 1, 0}, bool_), 0), {1, 1, 0});
  EXPECT_CLOSE(cumprod(array({-100, 100, 100, 100, 100}, int32), 0),
               {-100, -1e4, -1e6, -1e8, -1e10});
}

TEST(ScanTest, Int64WrapsAround) {
  const int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(cumsum(NDArray::from({most, int64_t{1}}, 2), 0).to_vector<int64_t>(),
            (std::vector<int64_t>{most, std::numeric_limits<int64_t>::min()}));
  EXPECT_EQ(cumprod(NDArray::from({int64_t{1} << 62, int64_t{4}}, 2), 0).to_vector<int64_t>(),
            (std::vector<int64_t>{int64_t{1} << 62, 0}));
}

TEST(ScanTest, InfinityAndNanPropagateForwardOnly) {
  EXPECT_CLOSE(cumsum(array({1, kInf, -kInf, 1}), 0), {1, kInf, kNan, kNan});
  EXPECT_CLOSE(cumprod(array({2, kNan, 0}), 0), {2, kNan, kNan});
}

TEST(ScanTest, RankZeroAndEmptyArrays) {
  EXPECT_EQ(cumsum(NDArray::full({}, 3.0), -1).item<float>(), 3);
  EXPECT_EQ(cumsum(NDArray::full({}, 3.0), 0).shape(), Shape());
  EXPECT_EQ(cumsum(NDArray::zeros({0, 2}), 0).shape(), (Shape{0, 2}));
  EXPECT_EQ(cumprod(NDArray::zeros({2, 0}), 0).shape(), (Shape{2, 0}));
  EXPECT_THROWS(IndexError, "[cumsum] expected a dimension from -1 to 0, got 1",
                cumsum(NDArray::zeros({}), 1));
}

// In float32 a running sum of a million halves of 0.1 would be off in the third digit.
TEST(ScanTest, AMillionFloatsAreAccurate) {
  constexpr int64_t kN = 1000000;
  const double step = static_cast<double>(0.1f);
  const NDArray x = NDArray::full({kN}, 0.1), y = cumsum(x, 0);
  EXPECT_NEAR(y.select(0, kN - 1).item<double>() / (step * kN), 1, 1e-7);
  const NDArray columns = cumsum(x.view({kN / 2, 2}), 0);
  EXPECT_NEAR(columns.select(0, kN / 2 - 1).select(0, 1).item<double>() / (step * kN / 2), 1, 1e-7);
}

TEST(ScanTest, AnArrayWithoutElementsTakesNoTimeWhateverItsExtents) {
  constexpr int64_t kMany = int64_t{1} << 40;
  for (DType dtype : test::kAllDTypes) {
    EXPECT_EQ(cumsum(NDArray::zeros({0, kMany}, dtype), 0).shape(), (Shape{0, kMany}));
    EXPECT_EQ(cumprod(NDArray::zeros({kMany, 0}, dtype), 1).shape(), (Shape{kMany, 0}));
  }
}

}  // namespace
}  // namespace lamina
