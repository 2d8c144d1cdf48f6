// Creation, elements, and writes in place.
#include "lamina/tensor/ndarray.h"

#include <cstdint>
#include <limits>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;
using test::elements;
using test::kAllDTypes;
using test::kNumericDTypes;

TEST(NDArrayTest, DefaultIsUndefined) {
  const NDArray x;
  EXPECT_FALSE(x.defined());
  EXPECT_EQ(x.numel(), 0);
  EXPECT_THROWS(RuntimeError, "[item] expected a defined array", x.item<float>());
  EXPECT_THROWS(DTypeError, "[data] expected dtype int64, got an undefined array",
                x.data<int64_t>());
  EXPECT_THROWS(RuntimeError, "expected a defined array", x.to_vector<float>());
}

TEST(NDArrayTest, IsCreatedInEveryDType) {
  for (DType dtype : kAllDTypes) {
    EXPECT_CLOSE(NDArray::zeros({2, 2}, dtype), {0, 0, 0, 0});
    EXPECT_CLOSE(NDArray::ones({2, 2}, dtype), {1, 1, 1, 1});
    EXPECT_CLOSE(NDArray::full(3, true, dtype), {1, 1, 1});
    EXPECT_EQ(NDArray::empty({2, 0}, dtype).numel(), 0);
    EXPECT_EQ(NDArray::zeros({}, dtype).item<double>(), 0);
    EXPECT_EQ(NDArray::zeros(3, dtype).dtype(), dtype);
    if (dtype != bool_) {
      EXPECT_CLOSE(NDArray::full({}, 7, dtype), {7});
      EXPECT_CLOSE(NDArray::arange(4, dtype), {0, 1, 2, 3});
    }
  }
  EXPECT_EQ(NDArray::full(1, true).dtype(), bool_);
  EXPECT_EQ(NDArray::full(1, 3).dtype(), int64);
  EXPECT_EQ(NDArray::full(1, 2.5).dtype(), float32);
  EXPECT_EQ(NDArray::zeros(1).dtype(), float32);
  EXPECT_EQ(NDArray::arange(1).dtype(), int64);
  EXPECT_EQ(NDArray::arange(0).shape(), Shape(0));
}

TEST(NDArrayTest, IsMadeFromValues) {
  EXPECT_CLOSE(NDArray::from({1.5f, 2.5f}, 2), {1.5, 2.5});
  EXPECT_EQ(NDArray::from({int64_t{1}}, {}).dtype(), int64);
  EXPECT_CLOSE(NDArray::from({true, false}, {2, 1}), {1, 0});
  EXPECT_EQ(NDArray::from(std::vector<double>{}, {0, 3}).shape(), (Shape{0, 3}));
  EXPECT_EQ(NDArray::from(std::vector<uint8_t>{255}, 1).item<int>(), 255);
}

TEST(NDArrayTest, CreationRefusesBadArguments) {
  EXPECT_THROWS(ShapeError, "[zeros] expected extents of at least 0, got (2, -1)",
                NDArray::zeros({2, -1}));
  EXPECT_THROWS(ShapeError, "[from] expected 6 values for shape (2, 3), got 2",
                NDArray::from({1.f, 2.f}, {2, 3}));
  EXPECT_THROWS(ShapeError, "[from] expected extents of at least 0",
                NDArray::from({1.f, 2.f}, {-1, -2}));
  EXPECT_THROWS(ShapeError, "less than 2^62 bytes",
                NDArray::zeros({int64_t{1} << 40, int64_t{1} << 40}));
  EXPECT_THROWS(ValueError, "[arange] expected an end that steps of 1 reach from 0, got -1",
                NDArray::arange(-1));
  EXPECT_THROWS(DTypeError, "[arange] expected a numeric dtype, got bool",
                NDArray::arange(3, bool_));
}

TEST(NDArrayTest, SizeCountsFromEitherEndAndRefusesADimensionThatIsNotThere) {
  const NDArray x = NDArray::zeros({2, 3});
  EXPECT_EQ(x.size(0), 2);
  EXPECT_EQ(x.size(-1), 3);
  EXPECT_THROWS(IndexError, "[size] expected a dimension from -2 to 1, got 2", x.size(2));
  EXPECT_THROWS(ShapeError, "[size] expected a rank of at least 1, got a 0-d array",
                NDArray::zeros({}).size(0));
}

TEST(NDArrayTest, ItemConvertsAndNeedsOneElement) {
  EXPECT_EQ(NDArray::full({1, 1}, 2.75).item<double>(), 2.75);
  EXPECT_EQ(NDArray::full({}, -2.75).item<int64_t>(), -2);
  EXPECT_EQ(NDArray::full({}, -1.0).item<uint8_t>(), 255);
  EXPECT_EQ(NDArray::full({}, 0.5).item<bool>(), true);
  EXPECT_THROWS(ShapeError, "[item] expected an array of one element, got shape (2,)",
                NDArray::zeros(2).item<float>());
  EXPECT_THROWS(ShapeError, "[item] expected an array of one element, got shape (0,)",
                NDArray::zeros(0).item<float>());
}

TEST(NDArrayTest, DataRefusesAnotherType) {
  EXPECT_THROWS(DTypeError, "[data] expected dtype float64, got float32",
                NDArray::zeros(1).data<double>());
}

TEST(NDArrayTest, ToVectorGivesRowMajorOrderOfAnyLayout) {
  for (DType dtype : kAllDTypes) {
    const NDArray x = test::noise({2, 3, 4}, dtype);
    for (const NDArray& y : test::layouts(x)) EXPECT_EQ(y.to_vector<double>(), elements(x));
  }
}

TEST(NDArrayTest, CopiesShareStorageAndClonesDoNot) {
  NDArray x = NDArray::zeros(2);
  NDArray y = x, z = x.clone();
  y.fill_(3);
  EXPECT_CLOSE(x, {3, 3});
  EXPECT_CLOSE(z, {0, 0});
  EXPECT_FALSE(x.is_exclusive());
  EXPECT_TRUE(z.is_exclusive());
  EXPECT_FALSE(NDArray::zeros(1).expand(3).is_exclusive());
}

TEST(NDArrayTest, EachWriteInPlaceIsANewVersion) {
  NDArray x = NDArray::zeros(2);
  const uint32_t before = x.version();
  x.fill_(1);
  x.copy_(NDArray::ones(2));
  x.add_(NDArray::ones(2));
  EXPECT_EQ(x.version(), before + 3);
}

TEST(FillTest, WritesThroughAView) {
  NDArray x = NDArray::zeros({3, 3}, int32);
  x.select(1, 1).fill_(-4);
  x.narrow(0, 2, 1).fill_(2.9);
  EXPECT_CLOSE(x, {0, -4, 0, 0, -4, 0, 2, 2, 2});
}

TEST(CopyTest, ConvertsBroadcastsAndKeepsItsLayout) {
  NDArray x = NDArray::zeros({2, 3}, int32);
  x.t().copy_(array({1.9, -1.9}));
  EXPECT_CLOSE(x, {1, 1, 1, -1, -1, -1});
  EXPECT_THROWS(ShapeError, "[copy_] expected a source that broadcasts to (2, 3), got (4,)",
                x.copy_(NDArray::zeros(4)));
  EXPECT_THROWS(RuntimeError, "[copy_] expected a defined array", x.copy_(NDArray()));
}

TEST(CopyTest, OverlappingViewsOfOneStorageAreSafe) {
  NDArray x = array({0, 1, 2, 3, 4, 5});
  x.narrow(0, 1, 5).copy_(x.narrow(0, 0, 5));
  EXPECT_CLOSE(x, {0, 0, 1, 2, 3, 4});
  NDArray y = array({1, 2, 3, 4}, {2, 2});
  y.copy_(y.t());
  EXPECT_CLOSE(y, {1, 3, 2, 4});
}

TEST(AddInPlaceTest, AddsAlphaTimesTheSourceInEachDType) {
  for (DType dtype : kNumericDTypes) {
    NDArray x = array({10, 20, 30, 40, 50, 60}, {2, 3}, dtype);
    x.add_(array({1, 2, 3}, dtype), 2);
    EXPECT_CLOSE(x, {12, 24, 36, 42, 54, 66});
    x.add_(array({1}, {}, dtype), -1);
    EXPECT_CLOSE(x, {11, 23, 35, 41, 53, 65});
    x.t().add_(array({1, 2}, dtype));
    EXPECT_CLOSE(x, {12, 24, 36, 43, 55, 67});
  }
  NDArray y = NDArray::ones({}, float64);
  y.add_(NDArray::full({}, 0.5, float64), 0.25);
  EXPECT_EQ(y.item<double>(), 1.125);
  NDArray none = NDArray::zeros({0, 3});
  none.add_(NDArray::ones(3));
}

TEST(AddInPlaceTest, IntegersWrapAround) {
  NDArray x = array({250}, uint8);
  x.add_(array({10}, uint8));
  EXPECT_CLOSE(x, {4});
  NDArray y = NDArray::full(1, std::numeric_limits<int64_t>::max(), int64);
  y.add_(NDArray::ones(1, int64));
  EXPECT_EQ(y.item<int64_t>(), std::numeric_limits<int64_t>::min());
  NDArray z = NDArray::full(1, std::numeric_limits<int32_t>::max(), int32);
  z.add_(z, 3);
  EXPECT_EQ(z.item<int32_t>(), -4);  // 4 (2^31 - 1) mod 2^32
}

TEST(AddInPlaceTest, OfItselfDoubles) {
  for (int64_t n : {1, 7, 1000, 100000}) {
    NDArray x = NDArray::ones(n);
    x.add_(x);
    EXPECT_EQ(elements(x), std::vector<double>(static_cast<size_t>(n), 2.0));
  }
}

TEST(AddInPlaceTest, OfItsOwnTransposeUsesTheOldValues) {
  NDArray x = array({1, 2, 3, 4}, {2, 2});
  x.add_(x.t());
  EXPECT_CLOSE(x, {2, 5, 5, 8});
  NDArray y = array({1, 2, 3});
  y.add_(y.narrow(0, 0, 1));  // the first element, broadcast
  EXPECT_CLOSE(y, {2, 3, 4});
}

TEST(AddInPlaceTest, RefusesWhatDoesNotFit) {
  NDArray x = NDArray::zeros({2, 3}), mask = NDArray::zeros(2, bool_),
          count = NDArray::zeros(2, int64);
  EXPECT_THROWS(DTypeError, "[add_] expected a source of dtype float32, got float64",
                x.add_(NDArray::zeros(3, float64), 2));
  EXPECT_THROWS(ShapeError, "[add_] expected a source that broadcasts to (2, 3), got (2,)",
                x.add_(NDArray::zeros(2)));
  EXPECT_THROWS(DTypeError, "[add_] expected a numeric dtype, got bool", mask.add_(mask, 2));
  EXPECT_THROWS(ValueError, "[add_] expected an integer alpha for int64, got 0.5",
                count.add_(count, 0.5));
  EXPECT_THROWS(RuntimeError, "[add_] expected a defined array", x.add_(NDArray()));
}

TEST(InPlaceTest, AnExpandedArrayIsNotWrittenTo) {  // its elements share an address
  NDArray x = NDArray::zeros({3, 1}).expand({3, 4});
  const char* wanted =
      "expected elements of their own, got an expanded array of shape (3, 4) with strides (1, 0); "
      "clone() it";
  EXPECT_THROWS(RuntimeError, std::string("[fill_] ") + wanted, x.fill_(1));
  EXPECT_THROWS(RuntimeError, std::string("[copy_] ") + wanted, x.copy_(NDArray::ones({3, 4})));
  EXPECT_THROWS(RuntimeError, std::string("[add_] ") + wanted, x.add_(NDArray::ones({3, 4})));
  NDArray one = NDArray::zeros({3, 1}).expand({3, 1}), none = NDArray::zeros({3, 1}).expand({3, 0});
  one.fill_(1);
  none.fill_(1);
}

TEST(StorageTest, IsReleasedWithItsLastArray) {
  NDArray x = NDArray::zeros(3);
  EXPECT_EQ(x.storage()->use_count(), 1u);
  {
    const NDArray y = x.view({3, 1}), z = y;
    EXPECT_EQ(x.storage()->use_count(), 3u);
  }
  EXPECT_EQ(x.storage()->use_count(), 1u);
  NDArray moved = std::move(x);
  EXPECT_EQ(moved.storage()->use_count(), 1u);
  moved = NDArray(moved);
  EXPECT_EQ(moved.storage()->use_count(), 1u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(moved.raw_data()) % 64, 0u);
}

}  // namespace
}  // namespace lamina
