// Operations that write to the array itself. The values are PyTorch 1.13's.
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;

TEST(InPlaceTest, WritesToTheStorageInEveryLayout) {
  const NDArray values = array({1, 4, 9, 16, 25, 36}, {2, 3});
  for (DType dtype : {float16, bfloat16, float32, float64}) {
    for (const NDArray& layout : test::layouts(values.to(dtype).clone())) {
      NDArray x = layout, view = layout;
      const uint32_t version = x.version();
      x.sqrt_();
      EXPECT_EQ(x.storage(), layout.storage());
      EXPECT_CLOSE(view, {1, 2, 3, 4, 5, 6});
      EXPECT_EQ(x.version(), version + 1);
      x.mul_(array({1, 2, 3}, dtype)).sub_(1).neg_();
      EXPECT_CLOSE(view, {0, -3, -8, -3, -9, -17});
      x.clamp_(-8, -2).abs_();
      EXPECT_CLOSE(view, {2, 3, 8, 3, 8, 8});
      x.div_(2).pow_(2);
      EXPECT_CLOSE(view, {1, 2.25, 16, 2.25, 16, 16});
      x += 1;
      x -= array({2}, dtype);
      x *= array({2, 1}, {2, 1}, dtype);
      x /= 2;
      EXPECT_CLOSE(view, {0, 1.25, 15, 0.625, 7.5, 7.5});
    }
  }
}

TEST(InPlaceTest, WorksOnIntegersAndBools) {
  NDArray x = array({7, -7, 5, 0}, int64);
  x.remainder_(3).bitwise_or_(4);
  EXPECT_CLOSE(x, {5, 6, 6, 4});
  EXPECT_EQ(x.dtype(), int64);
  x.logical_not_();  // PyTorch writes 0 and 1 into the integers
  EXPECT_CLOSE(x, {0, 0, 0, 0});
  NDArray b = array({1, 0, 1, 0}, bool_);
  b.logical_xor_(array({1, 1, 0, 0}, bool_)).bitwise_not_();
  EXPECT_CLOSE(b, {1, 0, 0, 1});
}

TEST(InPlaceTest, AdditionPromotesAsTheOthersDo) {
  NDArray x = array({1, 2});
  x += array({1, 2}, int64);
  x.add_(array({1, 1}, float64));
  EXPECT_CLOSE(x, {3, 5});
  EXPECT_EQ(x.dtype(), float32);
  NDArray b = array({1, 0}, bool_);
  b.add_(array({0, 0}, bool_));
  EXPECT_CLOSE(b, {1, 0});
  NDArray n = array({1, 2}, int64);
  EXPECT_THROWS(DTypeError, "[add_] expected a result that int64 can hold, got float32",
                n.add_(array({0.5, 1})));
}

TEST(InPlaceTest, OverlappingOperandsAreReadBeforeTheyAreWritten) {
  NDArray x = array({1, 2, 3, 4}, {2, 2});
  x.mul_(x.t());
  EXPECT_CLOSE(x, {1, 6, 6, 16});
  NDArray y = array({1, 2, 3, 4});
  y.narrow(0, 1, 3).sub_(y.narrow(0, 0, 3));
  EXPECT_CLOSE(y, {1, 1, 1, 1});
  NDArray z = array({2, 3});
  z.mul_(z);
  EXPECT_CLOSE(z, {4, 9});
}

TEST(InPlaceTest, ComposedForms) {
  NDArray x = array({1, 2, 3});
  x.lerp_(array({3, 4, 5}), 0.5).addcmul_(array({1, 2, 3}), array({2, 2, 2}), 0.5);
  EXPECT_CLOSE(x, {3, 5, 7});
  x.addcdiv_(array({1, 2, 3}), array({2, 2, 2})).square_().reciprocal_();
  EXPECT_CLOSE(x, {1 / 12.25, 1 / 36.0, 1 / 72.25}, 1e-6);
}

TEST(InPlaceTest, WhatDoesNotFitIsRefusedAndNothingIsWritten) {
  NDArray x = array({1, 2, 3}, int64);
  EXPECT_THROWS(DTypeError, "[div_] expected a result that int64 can hold, got float32", x.div_(2));
  EXPECT_THROWS(DTypeError, "[mul_] expected a result that int64 can hold, got float32",
                x.mul_(0.5));
  EXPECT_THROWS(DTypeError, "[exp_] expected a result that int64 can hold, got float32", x.exp_());
  EXPECT_THROWS(ShapeError,
                "[mul_] expected operands that broadcast to (3,), got a result of shape (2, 3)",
                x.mul_(NDArray::ones({2, 3}, int64)));
  EXPECT_THROWS(ShapeError, "[sub_] expected shapes that broadcast together, got (3,) and (2,)",
                x.sub_(NDArray::ones(2, int64)));
  EXPECT_THROWS(ValueError, "[remainder_] expected integer divisors other than 0, got a 0",
                x.remainder_(0));
  EXPECT_CLOSE(x, {1, 2, 3});
  NDArray b = array({1, 0}, bool_);
  EXPECT_THROWS(DTypeError, "[mul_] expected a result that bool can hold, got int64", b.mul_(2));
  EXPECT_THROWS(RuntimeError, "[neg_] expected elements of their own, got an expanded array",
                NDArray::ones({}).expand({3}).neg_());
  NDArray f = array({1, 2});
  EXPECT_THROWS(DTypeError, "[sub_] expected numeric dtypes, got float32 and bool", f.sub_(b));
  NDArray y = array({1, 5, 9}, int64);
  EXPECT_THROWS(DTypeError, "[clamp_] expected a result that int64 can hold", y.clamp_(2, 3.5));
  EXPECT_CLOSE(y, {1, 5, 9});
  NDArray bytes = array({1}, uint8);
  EXPECT_THROWS(ValueError, "[clamp_max_] expected a value that uint8 holds, got 300",
                bytes.clamp_max_(300));
  EXPECT_THROWS(RuntimeError, "[neg_] expected a defined array", NDArray().neg_());
  EXPECT_THROWS(RuntimeError, "[mul_] expected a defined array", x.mul_(NDArray()));
}

TEST(InPlaceTest, SubtractionOfBoolsIsRefusedInEveryLayout) {
  const NDArray mask = test::array({1, 0, 1}, bool_);
  const NDArray dense = NDArray::ones(3), strided = NDArray::ones({3, 2}).select(1, 0);
  for (NDArray x : {dense, strided}) {
    EXPECT_THROWS(DTypeError, "[sub_] expected numeric dtypes, got float32 and bool", x.sub_(mask));
    EXPECT_THROWS(DTypeError, "[sub_] expected numeric dtypes, got float32 and bool", x.sub_(true));
    EXPECT_CLOSE(x, {1, 1, 1});
  }
}

TEST(InPlaceTest, ErrorsDoNotDependOnTheLayout) {
  const NDArray other = NDArray::ones(4);
  const NDArray dense = NDArray::ones(3), strided = NDArray::ones({3, 2}).select(1, 0);
  for (NDArray x : {dense, strided}) {
    EXPECT_THROWS(DTypeError, "[bitwise_and_] expected integers or bool", x.bitwise_and_(other));
  }
}

TEST(InPlaceTest, ErrorsNameTheOperationInPlace) {
  NDArray x = NDArray::ones({2, 3});
  const NDArray y = NDArray::ones(4), undefined;
  EXPECT_THROWS(ShapeError, "[lerp_] expected shapes that broadcast together", x.lerp_(y, 0.5));
  EXPECT_THROWS(ShapeError, "[addcmul_] expected shapes", x.addcmul_(y, x));
  EXPECT_THROWS(ShapeError, "[addcdiv_] expected shapes", x.addcdiv_(y, x));
  NDArray none;
  EXPECT_THROWS(RuntimeError, "[square_] expected a defined array", none.square_());
  EXPECT_THROWS(RuntimeError, "[reciprocal_] expected a defined array", none.reciprocal_());
  NDArray bytes = NDArray::ones(2, uint8);
  EXPECT_THROWS(ValueError, "[clamp_] expected a value that uint8 holds, got 300",
                bytes.clamp_(0, 300));
}

}  // namespace
}  // namespace lamina
