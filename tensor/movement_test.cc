// Views and copies beyond the basic ones. Values are PyTorch 1.13's.
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;
using test::noise;
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(SliceTest, ClampsItsEndsAsPythonDoes) {
  const NDArray x = NDArray::arange(10);
  EXPECT_CLOSE(slice(x, 0, -100, 100, 3), {0, 3, 6, 9});
  EXPECT_CLOSE(slice(x, 0, kMin, kMax), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_CLOSE(slice(x, 0, None, -8), {0, 1});
  EXPECT_CLOSE(slice(x, 0, 9, kMax, kMax), {9});
  EXPECT_EQ(slice(x, 0, 8, 2).numel(), 0);
  EXPECT_EQ(slice(x, 0, kMax, kMin).numel(), 0);
  EXPECT_CLOSE(slice(slice(x, 0, 1, None, 2), 0, 1, None, 2), {3, 7});
}

TEST(DiagonalTest, OutsideItIsEmpty) {
  EXPECT_CLOSE(diagonal(NDArray::arange(6).view({2, 3}), 1), {1, 5});
  for (int64_t offset : {int64_t{5}, int64_t{4}, int64_t{-3}, kMin, kMax}) {
    EXPECT_EQ(diagonal(NDArray::zeros({3, 4}), offset).shape(), Shape(0)) << offset;
  }
  EXPECT_EQ(diagonal(NDArray::zeros({3, 4, 5}), -1, 0, 2).shape(), (Shape{4, 2}));
}

TEST(AsStridedTest, CountsFromTheStorageAndStaysInside) {
  const NDArray x = NDArray::arange(10), tail = x.narrow(0, 3, 5);
  EXPECT_CLOSE(as_strided(x, {2, 2}, {1, 1}, 3), {3, 4, 4, 5});
  EXPECT_CLOSE(as_strided(tail, 2, 1), {3, 4});     // its own offset
  EXPECT_CLOSE(as_strided(tail, 2, 9, 0), {0, 9});  // the whole storage
  EXPECT_EQ(as_strided(x, 0, 1, 50).shape(), Shape(0));
  EXPECT_THROWS(IndexError, "[as_strided] expected elements inside a storage of 10",
                as_strided(tail, 8, 1));
  EXPECT_THROWS(IndexError, "[as_strided]", as_strided(x, 1, 0, 10));
  EXPECT_THROWS(ShapeError, "[as_strided]", as_strided(x, 2, kMax, 9));
  EXPECT_THROWS(ShapeError, "[as_strided]", as_strided(x, {3, 3}, {kMax / 2, kMax / 2}));
  EXPECT_THROWS(IndexError, "[as_strided]", as_strided(x, 1, 1, kMax));
}

TEST(CatTest, PromotesAndSkipsEmptyVectors) {
  const auto dtype = [](const NDArray& a, const NDArray& b) { return cat({a, b}).dtype(); };
  EXPECT_EQ(dtype(array({1}, int64), array({2})), float32);
  EXPECT_EQ(dtype(array({1}, uint8), array({2}, int32)), int32);
  EXPECT_EQ(dtype(array({1}, float16), array({2}, int64)), float16);
  EXPECT_EQ(dtype(NDArray::zeros(0, float64), array({2})), float64);  // an empty one counts
  EXPECT_CLOSE(cat({array({1, 0}, bool_), array({7, -2}, int64), array({0.5})}),
               {1, 0, 7, -2, 0.5});
  EXPECT_EQ(cat({NDArray::zeros(0), NDArray::zeros({2, 3})}, 1).shape(), (Shape{2, 3}));
  EXPECT_EQ(cat({NDArray::zeros(0), NDArray::zeros(0)}).shape(), Shape(0));
  EXPECT_THROWS(ShapeError, "[cat] expected shapes that differ",
                cat({NDArray::zeros({0, 2}), NDArray::zeros({2, 3})}));
  const std::vector<NDArray> list(3, array({1, 2}));
  EXPECT_CLOSE(cat(list), {1, 2, 1, 2, 1, 2});
  for (const NDArray& y : test::layouts(noise({3, 4}, int32))) {
    EXPECT_CLOSE(cat({y, y}, 1).narrow(1, 4, 4), test::elements(y));
  }
}

TEST(SplitTest, GivesPyTorchsPieces) {
  const auto extents = [](const std::vector<NDArray>& pieces) {
    std::vector<int64_t> all;
    for (const NDArray& x : pieces) all.push_back(x.size(0));
    return all;
  };
  using List = std::vector<int64_t>;
  EXPECT_EQ(extents(chunk(NDArray::zeros(10), 4)), (List{3, 3, 3, 1}));
  EXPECT_EQ(extents(chunk(NDArray::zeros(4), 3)), (List{2, 2}));
  EXPECT_EQ(extents(chunk(NDArray::zeros({0, 2}), 3)), (List{0, 0, 0}));
  EXPECT_EQ(extents(split(NDArray::zeros(0), 2)), (List{0}));
  EXPECT_EQ(extents(split(NDArray::zeros(0), 0)), (List{0}));
  EXPECT_EQ(extents(split(NDArray::zeros(5), kMax)), (List{5}));
  EXPECT_EQ(extents(split(NDArray::zeros(20), List(20, 1))), List(20, 1));  // more than a rank
  EXPECT_TRUE(unbind(NDArray::zeros({0, 2})).empty());
}

TEST(MovementTest, RollsAroundTheEnd) {
  const NDArray x = NDArray::arange(6).view({2, 3});
  EXPECT_CLOSE(roll(x, 4), {2, 3, 4, 5, 0, 1});
  EXPECT_CLOSE(roll(x, {1, 1}, {1, 1}), {1, 2, 0, 4, 5, 3});
  EXPECT_CLOSE(roll(x, kMin, 1), {2, 0, 1, 5, 3, 4});  // -2^63 % 3 = -2
  EXPECT_CLOSE(roll(NDArray::full({}, 3), 1), {3});
  EXPECT_NE(roll(x, 0, 0).storage(), x.storage());
}

TEST(MovementTest, TilesAndRepeats) {
  const NDArray x = array({1, 2, 3, 4}, {2, 2});
  EXPECT_CLOSE(tile(x, {2, 1, 2}), {1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4});
  EXPECT_NE(repeat(x, {1, 1}).storage(), x.storage());
  EXPECT_EQ(repeat(x, {2, 0, 2}).shape(), (Shape{2, 0, 4}));
  const NDArray deep = noise({1, 2, 1, 2, 1, 2, 1, 2});
  EXPECT_EQ(repeat(deep, {2, 1, 2, 1, 2, 1, 2, 1}).shape(), Shape::filled(8, 2));
}

TEST(PadTest, MirrorsReplicatesAndCrops) {
  const NDArray x = NDArray::arange(5, float32).view({1, 5});
  EXPECT_CLOSE(pad(x, {-1, 3}, PadMode::kReflect), {1, 2, 3, 4, 3, 2, 1});
  EXPECT_CLOSE(pad(x, {-2, 3}, PadMode::kReplicate), {2, 3, 4, 4, 4, 4});
  EXPECT_CLOSE(pad(x, {2, 5}, PadMode::kCircular), {3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4});
  EXPECT_CLOSE(pad(x, {-1, 2}, PadMode::kCircular), {1, 2, 3, 4, 1, 2});
  EXPECT_CLOSE(pad(NDArray::arange(6).view({1, 2, 3}), {2, 1}, PadMode::kReflect),
               {2, 1, 0, 1, 2, 1, 5, 4, 3, 4, 5, 4});
  EXPECT_CLOSE(pad(x.to(int64), {1, 1}, PadMode::kConstant, 2.5), {2, 0, 1, 2, 3, 4, 2});
  EXPECT_CLOSE(pad(x, {-6 + 1, 3}), {0, 0, 0});
  EXPECT_THROWS(ShapeError, "[pad] expected padding that leaves", pad(x, {-6, 3}));
  EXPECT_THROWS(ShapeError, "[pad]", pad(x, {kMin, kMax}));
  EXPECT_THROWS(ShapeError, "[pad]", pad(x, {kMax, kMax}, PadMode::kReplicate));
}

// As in PyTorch 1.13.
TEST(PadTest, APaddedDimensionEndsWithoutElementsOnlyWhereAllNumbersCrop) {
  const NDArray x = NDArray::ones({2, 3}), none = NDArray::ones({2, 0});
  EXPECT_EQ(pad(x, {-3, 0, -1, 0}).shape(), (Shape{1, 0}));
  EXPECT_EQ(pad(none, {0, 0, 0, 0}).shape(), (Shape{2, 0}));
  EXPECT_EQ(pad(none, {1, 0}).shape(), (Shape{2, 1}));
  EXPECT_EQ(pad(NDArray::ones({0, 3}), {1, 1}).shape(), (Shape{0, 5}));
  EXPECT_CLOSE(pad(x, {-3, 4}), {0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_THROWS(ShapeError, "dimension 1 of shape (2, 0) an extent", pad(none, {0, 0, 1, 1}));
  EXPECT_THROWS(ShapeError, "dimension 1 of shape (2, 3) an extent", pad(x, {-3, 0, 1, 0}));
  EXPECT_THROWS(ShapeError, "an extent", pad(x, {-1, -2}, PadMode::kReflect));
  EXPECT_THROWS(ShapeError, "an extent", pad(x, {-3, 0}, PadMode::kReplicate));
}

TEST(DilateTest, PutsZerosBehindEachElement) {
  EXPECT_CLOSE(dilate(array({1, 2, 3, 4}, {2, 2}), 0, 1), {1, 2, 0, 0, 3, 4, 0, 0});
  EXPECT_CLOSE(dilate(array({1, 2, 3, 4}, {2, 2}), {0, 1}, 1),
               {1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0});
}

TEST(UnfoldTest, HasPyTorchsOrder) {
  const NDArray x = NDArray::arange(12, float32).add(1).view({1, 1, 3, 4});
  UnfoldOptions options;
  options.padding = {1, 0};
  options.stride = {2, 1};
  const NDArray columns = unfold(x, {2, 3}, options);
  EXPECT_EQ(columns.shape(), (Shape{1, 6, 4}));
  EXPECT_CLOSE(columns,
               {0, 0, 5, 6, 0, 0, 6, 7, 0, 0, 7, 8, 1, 2, 9, 10, 2, 3, 10, 11, 3, 4, 11, 12});
  for (const NDArray& y : test::layouts(x)) {
    EXPECT_CLOSE(unfold(y, {2, 3}, options), test::elements(columns));
  }
  EXPECT_EQ(unfold(NDArray::zeros({2, 3, 3}), 2).shape(), (Shape{8, 4}));
  EXPECT_EQ(unfold(NDArray::zeros({0, 2, 3, 3}), 2).shape(), (Shape{0, 8, 4}));
  EXPECT_EQ(unfold(NDArray::ones({1, 1, 1, 1}), 1, {1, 3, kMax}).shape(), (Shape{1, 1, 1}));
}

TEST(FoldTest, AddsWindowsUp) {
  const NDArray columns = cat({array({1, 2, 3, 4}), array({9, 10, 11, 12}), array({17, 18, 19, 20}),
                               array({25, 26, 27, 28})})
                              .view({1, 4, 4});
  EXPECT_CLOSE(fold(columns, 3, 2), {1, 11, 10, 20, 58, 38, 19, 47, 28});
  EXPECT_CLOSE(fold(NDArray::full({4, 4}, 100, uint8), 3, 2),
               {100, 200, 100, 200, 144, 200, 100, 200, 100});  // wraps around
  EXPECT_EQ(fold(NDArray::zeros({1, 0, 4}), 3, 2).shape(), (Shape{1, 0, 3, 3}));
}

TEST(MovementTest, RepetitionAndPaddingNeverShareStorage) {
  NDArray x = NDArray::arange(3);
  NDArray y = repeat(x, {2, 1}), z = tile(x, {2, 1}), p = pad(x, {0, 0}, PadMode::kReflect);
  x.fill_(7);
  EXPECT_CLOSE(y, {0, 1, 2, 0, 1, 2});
  EXPECT_CLOSE(z, {0, 1, 2, 0, 1, 2});
  EXPECT_CLOSE(p, {0, 1, 2});
  y.add_(1);
  EXPECT_CLOSE(y, {1, 2, 3, 1, 2, 3});
}

// What a view of it would compute with the stride must not overflow.
TEST(AsStridedTest, RefusesAnAbsurdStrideWhereNoElementUsesIt) {
  const NDArray x = NDArray::ones(1);
  const char* text =
      "[as_strided] expected strides that reach less than 2^59 places, got shape (1,) ";
  EXPECT_THROWS(ShapeError, text, as_strided(x, 1, kMax));
  EXPECT_THROWS(ShapeError, "with strides (9223372036854775807, 9223372036854775807)",
                as_strided(x, {0, 3}, {kMax, kMax}));
  float value = 0;
  EXPECT_THROWS(ShapeError, "[from_blob] expected strides that reach less than 2^59 places",
                NDArray::from_blob(&value, {1, 1}, {kMax, 1}, float32));
  // The largest that pass, through every view that multiplies them.
  const int64_t large = (int64_t{1} << 57) / 3;
  const NDArray empty = as_strided(x, {0, 3}, {large, large});
  EXPECT_EQ(select(empty, 1, 2).shape(), Shape(0));
  EXPECT_EQ(narrow(empty, 1, 3, 0).shape(), (Shape{0, 0}));
  EXPECT_EQ(diagonal(empty, 2).shape(), Shape(0));
  EXPECT_EQ(unsqueeze(empty, 1).shape(), (Shape{0, 1, 3}));
  const NDArray one = as_strided(x, {1, 1}, {large, large});
  EXPECT_EQ(narrow(one, 0, 1, 0).numel(), 0);
  EXPECT_EQ(slice(one, 0, 1).numel(), 0);
  EXPECT_CLOSE(diagonal(one), {1});
}

}  // namespace
}  // namespace lamina
