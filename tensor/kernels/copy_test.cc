// Copies between layouts and dtypes, against plain loops.
#include "lamina/tensor/kernels/copy.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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

TEST(CopyTest, ConvertsEveryDTypeToEveryOtherInEveryLayout) {
  for (DType from : kAllDTypes) {
    for (DType to : kAllDTypes) {
      const NDArray x = test::noise({3, 4, 5}, from);
      const std::vector<double> values = elements(x);
      std::vector<double> expected;
      for (double v : values) {
        if (to == bool_)
          expected.push_back(v != 0);
        else if (is_floating(to))
          expected.push_back(from == float64 && to == float32 ? static_cast<float>(v) : v);
        else if (to == uint8)
          expected.push_back(static_cast<int>(std::trunc(v)) & 0xff);
        else
          expected.push_back(std::trunc(v));
      }
      for (const NDArray& y : test::layouts(x)) {
        EXPECT_CLOSE(y.to(to), expected) << from;
        for (NDArray z : test::layouts(NDArray::zeros({3, 4, 5}, to))) {
          z.copy_(y);
          EXPECT_CLOSE(z, expected) << from;
        }
      }
    }
  }
}

TEST(CopyTest, FloatingToIntegerTruncatesTowardsZeroAndNegativeWrapsInUint8) {
  const NDArray x = array({-1.0, 3.7, -2.5, 256.0, 300.5});
  EXPECT_CLOSE(x.to(uint8), {255, 3, 254, 0, 44});  // what PyTorch 1.13 gives
  EXPECT_CLOSE(x.to(int32), {-1, 3, -2, 256, 300});
  EXPECT_CLOSE(x.to(int64), {-1, 3, -2, 256, 300});
}

TEST(CopyTest, AnythingButZeroIsTrue) {
  const double nan = std::nan("");
  EXPECT_CLOSE(array({0.5, nan, -0.0, 1e-45, INFINITY}).to(bool_), {1, 1, 0, 1, 1});
  EXPECT_CLOSE(array({0, -3, 256}, int32).to(bool_), {0, 1, 1});
}

TEST(CopyTest, IntegersNarrowByWrapping) {
  const NDArray x =
      NDArray::from({int64_t{1} << 32, (int64_t{1} << 31), int64_t{-1}, int64_t{511}}, 4);
  EXPECT_CLOSE(x.to(int32), {0, -2147483648.0, -1, 511});
  EXPECT_CLOSE(x.to(uint8), {0, 0, 255, 255});
}

TEST(CopyTest, LargeIntegersSurvive) {
  const int64_t large = (int64_t{1} << 62) + 1;
  EXPECT_EQ(NDArray::full({}, large, int64).clone().item<int64_t>(), large);
  EXPECT_EQ(elements<int64_t>(NDArray::full({2, 2}, large, int64).t().contiguous()),
            std::vector<int64_t>(4, large));
}

TEST(CopyTest, OneDTypeMovesBits) {  // a signalling NaN with a payload
  const uint32_t bits[] = {0x7f812345u, 0xffc00001u, 0x80000000u, 0x00000001u};
  NDArray x = NDArray::empty(4);
  std::memcpy(x.raw_data(), bits, sizeof(bits));
  const NDArray y = x.clone(), z = x.view({2, 2}).t().contiguous();
  EXPECT_EQ(std::memcmp(y.raw_data(), bits, sizeof(bits)), 0);
  const uint32_t transposed[] = {bits[0], bits[2], bits[1], bits[3]};
  EXPECT_EQ(std::memcmp(z.raw_data(), transposed, sizeof(bits)), 0);
}

TEST(CopyTest, TransposesEverySizeAroundTheTiles) {
  for (int64_t rows : {1, 2, 3, 4, 5, 15, 16, 17, 33}) {
    for (int64_t columns : {1, 2, 15, 16, 17, 40}) {
      for (DType dtype : {uint8, float32, float64}) {
        const NDArray x = test::noise({rows, columns}, dtype).t();
        EXPECT_EQ(elements(x.contiguous()), elements(x)) << rows << " " << columns;
        const NDArray y = test::noise({2, rows, 3, columns}, dtype).permute({0, 3, 2, 1});
        EXPECT_EQ(elements(y.contiguous()), elements(y)) << rows << " " << columns;
        const NDArray z = test::noise({2, rows, columns, 3}, dtype).permute({3, 2, 0, 1});
        EXPECT_EQ(elements(z.contiguous()), elements(z)) << rows << " " << columns;
      }
    }
  }
}

TEST(CopyTest, EveryPermutationOfFourDimensionsComesOutInOrder) {
  const NDArray x = test::noise({2, 5, 3, 4}, int32);
  std::vector<int64_t> order{0, 1, 2, 3};
  do {
    const NDArray y = x.permute(Dims(absl::Span<const int64_t>(order)));
    EXPECT_EQ(elements(y.contiguous()), elements(y));
    const NDArray gaps = y.narrow(1, 1, y.size(1) - 1).narrow(3, 0, y.size(3) - 1);
    EXPECT_EQ(elements(gaps.contiguous()), elements(gaps));
    EXPECT_EQ(elements(gaps.to(float64)), elements(gaps));
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(CopyTest, ExpandedAndEmptyAnd0dArraysCopy) {
  const NDArray x = array({1, 2, 3}, {3, 1}).expand({2, 3, 4});
  EXPECT_EQ(elements(x.contiguous()), elements(x));
  EXPECT_EQ(elements(x.to(int64)), elements(x));
  EXPECT_EQ(NDArray::zeros({3, 0}).t().clone().shape(), (Shape{0, 3}));
  EXPECT_EQ(NDArray::full({}, 3).to(int32).item<int>(), 3);
}

TEST(CopyTest, IsWholeOnSeveralThreads) {
  const NDArray x = test::noise({301, 307});
  EXPECT_EQ(elements(x.t().contiguous()), elements(x.t()));
  EXPECT_EQ(elements(x.to(float64)), elements(x));
  const NDArray y = test::noise({3, 150, 220}).permute({1, 0, 2});
  EXPECT_EQ(elements(y.contiguous()), elements(y));
}

TEST(CopyTest, ContiguousAndToGiveTheArrayItselfWhereNothingChanges) {
  const NDArray x = test::noise({2, 3});
  EXPECT_EQ(x.contiguous().storage(), x.storage());
  EXPECT_EQ(x.to(float32).storage(), x.storage());
  EXPECT_NE(x.clone().storage(), x.storage());
}

}  // namespace
}  // namespace lamina
