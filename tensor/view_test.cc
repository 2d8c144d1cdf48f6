// The operations that only look at an array in another way.
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::elements;
using Values = std::vector<double>;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// 0, 1, 2, ... in this shape.
NDArray counted(const Shape& shape, DType dtype = float32) {
  return NDArray::arange(shape.numel(), dtype).view(shape);
}

TEST(ViewTest, SharesStorageAndVersion) {
  const NDArray x = counted({2, 3});
  NDArray y = view(x, {3, 2});
  EXPECT_EQ(y.storage(), x.storage());
  y.fill_(7);
  EXPECT_CLOSE(x, {7, 7, 7, 7, 7, 7});
  EXPECT_EQ(x.version(), y.version());
}

TEST(ViewTest, InfersOneExtent) {
  EXPECT_EQ(counted({2, 6}).view({-1, 4}).shape(), (Shape{3, 4}));
  EXPECT_EQ(counted({2, 6}).view(-1).shape(), Shape(12));
  EXPECT_EQ(counted({}).view(-1).shape(), Shape(1));
  EXPECT_EQ(counted({1, 1}).view({}).shape(), Shape());
  EXPECT_EQ(NDArray::zeros({0, 3}).view({-1, 3}).shape(), (Shape{0, 3}));
}

TEST(ViewTest, NamesShapeAndStridesWhenTheyDoNotAllowIt) {
  EXPECT_THROWS(ShapeError,
                "[view] expected strides that allow shape (6,), got shape (3, 2) with strides (1, "
                "3); use reshape",
                view(counted({2, 3}).t(), 6));
  EXPECT_THROWS(ShapeError, "[view] expected a shape of 6 elements, got (4,)",
                view(counted({2, 3}), 4));
  EXPECT_THROWS(ShapeError, "[reshape] expected a shape that divides 6 elements",
                reshape(counted({2, 3}), {4, -1}));
}

TEST(ViewTest, ZeroElementsTakeAnyShapeWithoutElements) {
  EXPECT_EQ(view(NDArray::zeros({0, 4}).t(), {2, 0, 5}).shape(), (Shape{2, 0, 5}));
  EXPECT_EQ(view(NDArray::zeros({0}), {0, 0}).strides(), (Strides{1, 1}));
}

TEST(ViewTest, RefusesZeroElementsWhoseStridesWouldOverflow) {
  EXPECT_THROWS(ShapeError, "[view] expected an array of less than 2^62 bytes",
                view(NDArray::zeros(0), {0, kMax, kMax}));
  EXPECT_THROWS(ShapeError, "[reshape] expected an array of less than 2^62 bytes",
                reshape(NDArray::zeros(0), {0, int64_t{1} << 40, int64_t{1} << 40}));
}

TEST(ReshapeTest, CopiesOnlyWhereItMust) {
  const NDArray x = counted({2, 3});
  EXPECT_EQ(reshape(x, 6).storage(), x.storage());
  const NDArray y = reshape(x.t(), 6);
  EXPECT_NE(y.storage(), x.storage());
  EXPECT_CLOSE(y, {0, 3, 1, 4, 2, 5});
}

TEST(FlattenTest, MergesTheDimensionsFromStartToEnd) {
  const NDArray x = counted({2, 3, 4, 5});
  EXPECT_EQ(flatten(x).shape(), Shape(120));
  EXPECT_EQ(flatten(x, 1, 2).shape(), (Shape{2, 12, 5}));
  EXPECT_EQ(flatten(x, -2).shape(), (Shape{2, 3, 20}));
  EXPECT_EQ(flatten(x, 2, 2).shape(), x.shape());
  EXPECT_EQ(flatten(counted({})).shape(), Shape(1));
  EXPECT_EQ(flatten(NDArray::zeros({2, 0, 3}), 1).shape(), (Shape{2, 0}));
  EXPECT_CLOSE(flatten(counted({2, 3}).t()), {0, 3, 1, 4, 2, 5});
}

TEST(FlattenTest, RefusesAStartAfterTheEnd) {
  EXPECT_THROWS(IndexError, "[flatten] expected start <= end, got 2 and 1 for shape (2, 3, 4)",
                flatten(counted({2, 3, 4}), 2, 1));
  EXPECT_THROWS(IndexError, "[flatten] expected a dimension from -2 to 1, got 5",
                flatten(counted({2, 3}), 5));
}

TEST(PermuteTest, ReordersTheDimensions) {
  const NDArray x = counted({2, 3, 4}), y = permute(x, {2, 0, -2});
  EXPECT_EQ(y.shape(), (Shape{4, 2, 3}));
  EXPECT_EQ(y.strides(), (Strides{1, 12, 4}));
  EXPECT_EQ(permute(counted({}), {}).shape(), Shape());
}

TEST(PermuteTest, RefusesWhatIsNoPermutation) {
  EXPECT_THROWS(ShapeError, "[permute] expected 2 dimensions for shape (2, 3), got (0,)",
                permute(counted({2, 3}), {0}));
  EXPECT_THROWS(IndexError, "[permute] expected different dimensions, got (0, -2)",
                permute(counted({2, 3}), {0, -2}));
  EXPECT_THROWS(IndexError, "[permute] expected a dimension from -2 to 1, got 2",
                permute(counted({2, 3}), {0, 2}));
}

TEST(TransposeTest, SwapsTwoDimensions) {
  const NDArray x = counted({2, 3, 4});
  EXPECT_EQ(transpose(x, 0, -1).shape(), (Shape{4, 3, 2}));
  EXPECT_EQ(transpose(x, 0, -1).strides(), (Strides{1, 4, 12}));
  EXPECT_EQ(transpose(x, 1, 1).shape(), x.shape());
  EXPECT_EQ(transpose(counted({}), 0, -1).shape(), Shape());
  EXPECT_CLOSE(t(counted({2, 3})), {0, 3, 1, 4, 2, 5});
  EXPECT_EQ(t(counted(3)).shape(), Shape(3));
  EXPECT_EQ(t(counted({})).shape(), Shape());
}

TEST(TransposeTest, RefusesWrongDimensions) {
  EXPECT_THROWS(IndexError, "[transpose] expected a dimension from -3 to 2, got 3",
                transpose(counted({2, 3, 4}), 0, 3));
  EXPECT_THROWS(IndexError, "[transpose] expected", transpose(counted({2, 3, 4}), kMin, 0));
  EXPECT_THROWS(ShapeError, "[t] expected a rank of at most 2, got shape (2, 3, 4)",
                t(counted({2, 3, 4})));
}

TEST(ExpandTest, RepeatsExtentsOfOneWithStrideZero) {
  const NDArray x = counted({3, 1}), y = expand(x, {2, 3, 4});
  EXPECT_EQ(y.strides(), (Strides{0, 1, 0}));
  EXPECT_FALSE(y.is_contiguous());
  EXPECT_CLOSE(y, {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
  EXPECT_EQ(expand(x, {-1, 5}).shape(), (Shape{3, 5}));
  EXPECT_EQ(expand(counted({}), {2, 2}).shape(), (Shape{2, 2}));
  EXPECT_EQ(expand(x, {3, 0}).numel(), 0);
  EXPECT_EQ(expand(NDArray::zeros({1, 0}), {4, 0}).shape(), (Shape{4, 0}));
}

TEST(ExpandTest, RefusesWhatDoesNotBroadcast) {
  EXPECT_THROWS(ShapeError, "[expand] expected a shape that (3, 1) broadcasts to, got (2, 2)",
                expand(counted({3, 1}), {2, 2}));
  EXPECT_THROWS(ShapeError, "[expand] expected a shape that (3, 1) broadcasts to, got (3,)",
                expand(counted({3, 1}), 3));
  EXPECT_THROWS(ShapeError, "got (-1, 3, 1)", expand(counted({3, 1}), {-1, 3, 1}));
  EXPECT_THROWS(ShapeError, "got (3, -2)", expand(counted({3, 1}), {3, -2}));
  EXPECT_THROWS(ShapeError, "got (0, 1)", expand(counted({3, 1}), {0, 1}));
}

TEST(ExpandTest, RefusesANumberOfElementsThatOverflows) {
  EXPECT_THROWS(ShapeError, "[expand] expected an array of less than 2^62 bytes",
                expand(counted({1, 1}), {kMax, kMax}));
  EXPECT_THROWS(ShapeError, "[expand] expected an array of less than 2^62 bytes",
                expand(NDArray::zeros({1, 1, 0}), {kMax, kMax, 0}));
}

TEST(SqueezeTest, DropsExtentsOfOne) {
  const NDArray x = counted({1, 3, 1, 2});
  EXPECT_EQ(squeeze(x).shape(), (Shape{3, 2}));
  EXPECT_EQ(squeeze(x, 0).shape(), (Shape{3, 1, 2}));
  EXPECT_EQ(squeeze(x, -2).shape(), (Shape{1, 3, 2}));
  EXPECT_EQ(squeeze(x, 1).shape(), x.shape());
  EXPECT_EQ(squeeze(counted({1, 1})).shape(), Shape());
  EXPECT_EQ(squeeze(counted({})).shape(), Shape());
  EXPECT_EQ(squeeze(counted({}), -1).shape(), Shape());
  EXPECT_THROWS(IndexError, "[squeeze] expected a dimension from -4 to 3, got 4", squeeze(x, 4));
}

TEST(UnsqueezeTest, PutsAnExtentOfOneAtEachPlace) {
  const NDArray x = counted({2, 3});
  EXPECT_EQ(unsqueeze(x, 0).shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(unsqueeze(x, 1).shape(), (Shape{2, 1, 3}));
  EXPECT_EQ(unsqueeze(x, 2).shape(), (Shape{2, 3, 1}));
  EXPECT_EQ(unsqueeze(x, -1).shape(), (Shape{2, 3, 1}));
  EXPECT_EQ(unsqueeze(x, -3).shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(unsqueeze(counted({}), 0).shape(), Shape(1));
  EXPECT_EQ(unsqueeze(x.t(), 1).strides(),
            (Strides{1, 6, 3}));  // torch.zeros(2, 3).t().unsqueeze(1).stride()
}

TEST(UnsqueezeTest, RefusesPlacesOutsideAndTheNinthDimension) {
  EXPECT_THROWS(IndexError, "[unsqueeze] expected a dimension from -3 to 2, got 3",
                unsqueeze(counted({2, 3}), 3));
  EXPECT_THROWS(IndexError, "[unsqueeze] expected", unsqueeze(counted({2, 3}), kMax));
  EXPECT_THROWS(IndexError, "[unsqueeze] expected", unsqueeze(counted({2, 3}), kMin));
  EXPECT_THROWS(ShapeError, "rank of at most 8", unsqueeze(counted({1, 1, 1, 1, 1, 1, 1, 1}), 0));
}

TEST(NarrowTest, TakesARange) {
  const NDArray x = counted({2, 4});
  EXPECT_CLOSE(narrow(x, 1, 1, 2), {1, 2, 5, 6});
  EXPECT_CLOSE(narrow(x, -1, -1, 1), {3, 7});
  EXPECT_CLOSE(narrow(x, 0, 1, 1), {4, 5, 6, 7});
  EXPECT_EQ(narrow(x, 1, 4, 0).shape(), (Shape{2, 0}));
  EXPECT_CLOSE(narrow(x.t(), 0, 2, 2), {2, 6, 3, 7});
  EXPECT_CLOSE(narrow(narrow(x, 1, 1, 3), 1, 1, 1), {2, 6});
}

TEST(NarrowTest, RefusesRangesOutside) {
  const NDArray x = counted({2, 4});
  EXPECT_THROWS(
      IndexError,
      "[narrow] expected a range inside dimension 1 of shape (2, 4), got start 3 and length 2",
      narrow(x, 1, 3, 2));
  EXPECT_THROWS(IndexError, "got start -5 and length 1", narrow(x, 1, -5, 1));
  EXPECT_THROWS(IndexError, "got start 0 and length -1", narrow(x, 1, 0, -1));
  EXPECT_THROWS(ShapeError, "[narrow] expected a rank of at least 1, got a 0-d array",
                narrow(counted({}), 0, 0, 1));
  for (int64_t extreme : {kMin, kMax}) {
    EXPECT_THROWS(IndexError, "[narrow] expected", narrow(x, 1, extreme, 1));
    EXPECT_THROWS(IndexError, "[narrow] expected", narrow(x, 1, 1, extreme));
    EXPECT_THROWS(IndexError, "[narrow] expected", narrow(x, 1, extreme, extreme));
    EXPECT_THROWS(IndexError, "[narrow] expected", narrow(x, extreme, 0, 1));
  }
}

TEST(SelectTest, TakesOneIndexAndDropsTheDimension) {
  const NDArray x = counted({2, 3, 2});
  EXPECT_CLOSE(select(x, 0, 1), {6, 7, 8, 9, 10, 11});
  EXPECT_CLOSE(select(x, 1, -1), {4, 5, 10, 11});
  EXPECT_CLOSE(select(select(select(x, 0, 1), 0, 2), 0, 1), {11});
  EXPECT_EQ(select(counted(3), 0, 0).shape(), Shape());
  EXPECT_EQ(select(NDArray::zeros({2, 0}), 0, 1).shape(), Shape(0));
}

TEST(SelectTest, RefusesIndicesOutside) {
  const NDArray x = counted({2, 3});
  EXPECT_THROWS(IndexError,
                "[select] expected an index from -3 to 2 for dimension 1 of shape (2, 3), got 3",
                select(x, 1, 3));
  EXPECT_THROWS(IndexError, "got -4", select(x, 1, -4));
  EXPECT_THROWS(IndexError, "[select] expected", select(x, 1, kMin));
  EXPECT_THROWS(IndexError, "[select] expected", select(x, 1, kMax));
  EXPECT_THROWS(IndexError, "[select] expected", select(x, kMax, 0));
  EXPECT_THROWS(IndexError, "[select] expected", select(NDArray::zeros({2, 0}), 1, 0));
  EXPECT_THROWS(ShapeError, "[select] expected a rank of at least 1, got a 0-d array",
                select(counted({}), 0, 0));
}

TEST(SumToTest, SumsWhatBroadcastingRepeated) {
  const NDArray x = counted({2, 3});
  EXPECT_EQ(sum_to(x, {2, 3}).storage(), x.storage());
  EXPECT_CLOSE(sum_to(x, {3}), {3, 5, 7});
  EXPECT_CLOSE(sum_to(x, {2, 1}), {3, 12});
  EXPECT_EQ(sum_to(x, {2, 1}).shape(), (Shape{2, 1}));
  EXPECT_CLOSE(sum_to(x, {}), {15});
  EXPECT_CLOSE(sum_to(x, {1, 1}), {15});
  EXPECT_CLOSE(sum_to(NDArray::zeros({0, 3}), {1, 3}), {0, 0, 0});
  EXPECT_CLOSE(sum_to(counted({1, 3}), 3), {0, 1, 2});
  EXPECT_EQ(sum_to(counted({2, 3}, int32), 3).dtype(), int32);
}

TEST(SumToTest, RefusesAShapeThatDoesNotBroadcast) {
  EXPECT_THROWS(ShapeError, "[sum_to] expected a shape that broadcasts to (2, 3), got (2,)",
                sum_to(counted({2, 3}), 2));
  EXPECT_THROWS(ShapeError, "[sum_to] expected", sum_to(counted({3}), {1, 3}));
}

TEST(ViewOpsTest, EightDimensionsWork) {
  const NDArray x = counted({2, 1, 2, 1, 2, 1, 2, 1});
  const NDArray y = permute(x, {7, 6, 5, 4, 3, 2, 1, 0});
  EXPECT_CLOSE(y, {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15});
  EXPECT_EQ(elements(contiguous(y)), elements(y));
}

TEST(ViewOpsTest, UndefinedArraysAreRefusedByName) {
  const NDArray none;
  const char* wanted = "expected a defined array, got one without a value";
  EXPECT_THROWS(RuntimeError, std::string("[view] ") + wanted, view(none, 1));
  EXPECT_THROWS(RuntimeError, std::string("[select] ") + wanted, select(none, 0, 0));
  EXPECT_THROWS(RuntimeError, std::string("[to] ") + wanted, to(none, int32));
  EXPECT_THROWS(RuntimeError, std::string("[sum_to] ") + wanted, sum_to(none, 1));
  EXPECT_THROWS(RuntimeError, std::string("[contiguous] ") + wanted, contiguous(none));
}

}  // namespace
}  // namespace lamina
