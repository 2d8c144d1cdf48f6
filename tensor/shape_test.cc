#include "lamina/tensor/shape.h"

#include <limits>
#include <sstream>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(ShapeTest, IsWrittenAsPythonWritesATuple) {
  EXPECT_EQ(Shape().str(), "()");
  EXPECT_EQ(Shape(3).str(), "(3,)");
  EXPECT_EQ((Shape{2, 3}).str(), "(2, 3)");
  std::ostringstream out;
  out << Shape{0, -1, 4};
  EXPECT_EQ(out.str(), "(0, -1, 4)");
}

TEST(ShapeTest, NumelIsTheProductAndOneForNoDimensions) {
  EXPECT_EQ(Shape().numel(), 1);
  EXPECT_EQ((Shape{2, 3, 4}).numel(), 24);
  EXPECT_EQ((Shape{2, 0, 4}).numel(), 0);
}

TEST(ShapeTest, EqualsOnlyAShapeOfTheSameRankAndExtents) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2}), (Shape{2, 1}));
  EXPECT_EQ(Shape(5), Shape{5});
}

TEST(ShapeTest, HoldsEightExtentsAndRefusesTheNinth) {
  const Shape shape{1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(shape.rank(), 8);
  EXPECT_EQ(shape[7], 8);
  EXPECT_THROWS(ShapeError, "expected a rank of at most 8", Shape{1, 2, 3, 4, 5, 6, 7, 8, 9});
  Shape full = shape;
  EXPECT_THROWS(ShapeError, "expected a rank of at most 8", full.insert(0, 1));
  EXPECT_THROWS(ShapeError, "expected a rank of at most 8", Shape::filled(9, 0));
}

TEST(ShapeTest, InsertsAndErasesAtBothEndsAndBetween) {
  Shape shape{1, 2};
  shape.insert(0, 7);
  EXPECT_EQ(shape, (Shape{7, 1, 2}));
  shape.insert(3, 9);
  EXPECT_EQ(shape, (Shape{7, 1, 2, 9}));
  shape.insert(2, 5);
  EXPECT_EQ(shape, (Shape{7, 1, 5, 2, 9}));
  shape.erase(0);
  shape.erase(3);
  shape.erase(1);
  EXPECT_EQ(shape, (Shape{1, 2}));
}

TEST(ContiguousStridesTest, AreRowMajor) {
  EXPECT_EQ(contiguous_strides({2, 3, 4}), (Strides{12, 4, 1}));
  EXPECT_EQ(contiguous_strides({}), Strides());
  EXPECT_EQ(contiguous_strides({2, 0, 4}),
            (Strides{4, 4, 1}));  // what torch.zeros(2, 0, 4).stride() gives
}

TEST(NormalizeDimTest, CountsNegativeDimensionsFromTheEnd) {
  EXPECT_EQ(normalize_dim("op", 0, 3), 0);
  EXPECT_EQ(normalize_dim("op", 2, 3), 2);
  EXPECT_EQ(normalize_dim("op", -1, 3), 2);
  EXPECT_EQ(normalize_dim("op", -3, 3), 0);
}

TEST(NormalizeDimTest, TakesZeroAndMinusOneForNoDimensions) {
  EXPECT_EQ(normalize_dim("op", 0, 0), 0);
  EXPECT_EQ(normalize_dim("op", -1, 0), 0);
  EXPECT_THROWS(IndexError, "[op] expected a dimension from -1 to 0, got 1",
                normalize_dim("op", 1, 0));
}

TEST(NormalizeDimTest, ThrowsOutsideTheRange) {
  EXPECT_THROWS(IndexError, "[op] expected a dimension from -3 to 2, got 3",
                normalize_dim("op", 3, 3));
  EXPECT_THROWS(IndexError, "[op] expected a dimension from -3 to 2, got -4",
                normalize_dim("op", -4, 3));
  EXPECT_THROWS(IndexError, "got 9223372036854775807", normalize_dim("op", kMax, 3));
  EXPECT_THROWS(IndexError, "got -9223372036854775808", normalize_dim("op", kMin, 3));
}

TEST(NormalizeDimsTest, GivesABitForEachDimension) {
  EXPECT_EQ(normalize_dims("op", {0, -1}, 3), 0b101u);
  EXPECT_EQ(normalize_dims("op", {1}, 8), 0b10u);
}

TEST(NormalizeDimsTest, TakesNoDimensionsForAllOfThem) {
  EXPECT_EQ(normalize_dims("op", {}, 3), 0b111u);
  EXPECT_EQ(normalize_dims("op", {}, 0), 0u);
  EXPECT_EQ(normalize_dims("op", {-1}, 0), 0u);
}

TEST(NormalizeDimsTest, RefusesADimensionThatIsNamedTwice) {
  EXPECT_THROWS(IndexError, "[op] expected different dimensions, got (1, -2)",
                normalize_dims("op", {1, -2}, 3));
  EXPECT_THROWS(IndexError, "[op] expected different dimensions, got (0, -1)",
                normalize_dims("op", {0, -1}, 0));
}

TEST(BroadcastShapesTest, AlignsAtTheEnd) {
  EXPECT_EQ(broadcast_shapes("op", {2, 3}, {3}), (Shape{2, 3}));
  EXPECT_EQ(broadcast_shapes("op", {3}, {2, 3}), (Shape{2, 3}));
  EXPECT_EQ(broadcast_shapes("op", {2, 1, 4}, {3, 1}), (Shape{2, 3, 4}));
  EXPECT_EQ(broadcast_shapes("op", {}, {5}), Shape(5));
  EXPECT_EQ(broadcast_shapes("op", {}, {}), Shape());
}

TEST(BroadcastShapesTest, TakesZeroForAnExtentLikeAnyOther) {
  EXPECT_EQ(broadcast_shapes("op", {0}, {1}), Shape(0));
  EXPECT_EQ(broadcast_shapes("op", {1}, {0}), Shape(0));
  EXPECT_EQ(broadcast_shapes("op", {3, 1}, {0}), (Shape{3, 0}));
  EXPECT_THROWS(ShapeError, "(0,) and (3,)", broadcast_shapes("op", {0}, {3}));
}

TEST(BroadcastShapesTest, NamesBothShapesWhenTheyDoNotFit) {
  EXPECT_THROWS(ShapeError, "[op] expected shapes that broadcast together, got (2, 3) and (2, 4)",
                broadcast_shapes("op", {2, 3}, {2, 4}));
}

TEST(InferShapeTest, FillsInOneUnknownExtent) {
  EXPECT_EQ(infer_shape("op", {2, -1}, 6), (Shape{2, 3}));
  EXPECT_EQ(infer_shape("op", {-1}, 0), Shape(0));
  EXPECT_EQ(infer_shape("op", {-1, 3}, 0), (Shape{0, 3}));
  EXPECT_EQ(infer_shape("op", {-1}, 1), Shape(1));
  EXPECT_EQ(infer_shape("op", {}, 1), Shape());
}

TEST(InferShapeTest, RefusesWhatDoesNotComeOut) {
  EXPECT_THROWS(ShapeError, "[op] expected a shape of 6 elements, got (4,)",
                infer_shape("op", {4}, 6));
  EXPECT_THROWS(ShapeError, "[op] expected a shape of 6 elements, got ()",
                infer_shape("op", {}, 6));
  EXPECT_THROWS(ShapeError, "[op] expected a shape that divides 6 elements, got (4, -1)",
                infer_shape("op", {4, -1}, 6));
  EXPECT_THROWS(ShapeError, "[op] expected extents of at least 0 and at most one -1, got (-1, -1)",
                infer_shape("op", {-1, -1}, 6));
  EXPECT_THROWS(ShapeError, "at most one -1, got (-2, 3)", infer_shape("op", {-2, 3}, 6));
  EXPECT_THROWS(ShapeError, "at most one -1", infer_shape("op", {kMin}, 6));
}

TEST(InferShapeTest, RefusesAnUnknownExtentBesideZero) {  // any number would do
  EXPECT_THROWS(ShapeError, "got (0, -1)", infer_shape("op", {0, -1}, 0));
}

TEST(InferShapeTest, RefusesAProductThatOverflows) {
  EXPECT_THROWS(ShapeError, "expected extents whose product is below 2^63",
                infer_shape("op", {int64_t{1} << 62, 4}, 0));
  EXPECT_THROWS(ShapeError, "expected extents whose product is below 2^63",
                infer_shape("op", {kMax, kMax, -1}, 1));
}

TEST(CheckShapeTest, RefusesNegativeExtents) {
  EXPECT_THROWS(ShapeError, "[op] expected extents of at least 0, got (2, -3)",
                check_shape("op", {2, -3}, 4));
  EXPECT_THROWS(ShapeError, "expected extents of at least 0", check_shape("op", {kMin}, 4));
}

TEST(CheckShapeTest, RefusesBytesThatOverflow) {
  EXPECT_NO_THROW(check_shape("op", {int64_t{1} << 59}, 4));
  EXPECT_THROWS(ShapeError,
                "[op] expected an array of less than 2^62 bytes, got shape (4611686018427387904,)",
                check_shape("op", {int64_t{1} << 62}, 1));
  EXPECT_THROWS(ShapeError, "less than 2^62 bytes", check_shape("op", {kMax, 2}, 1));
  EXPECT_THROWS(ShapeError, "less than 2^62 bytes",
                check_shape("op", {int64_t{1} << 32, int64_t{1} << 32}, 1));
}

TEST(CheckShapeTest, RefusesOverflowBesideAZeroExtentToo) {  // its strides would overflow
  EXPECT_THROWS(ShapeError, "less than 2^62 bytes",
                check_shape("op", {0, int64_t{1} << 40, int64_t{1} << 40}, 4));
}

TEST(ShapeTest, OneExtentMayBeOfAnyIntegerType) {
  const Shape expected{int64_t{1} << 40};
  EXPECT_EQ(Shape(1LL << 40), expected);
  EXPECT_EQ(Shape(size_t{1} << 40), expected);
  EXPECT_EQ(NDArray::zeros(1).expand(1LL << 40).shape(), expected);
}

TEST(ShapeTest, ErrorsTellTheRankAndTheOverflow) {
  EXPECT_THROWS(ShapeError, "[Shape] expected a rank of at most 8, got 9",
                Shape{1, 2, 3, 4, 5, 6, 7, 8, 9});
  Shape full{1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_THROWS(ShapeError, "got (1, 2, 3, 4, 5, 6, 7, 8) and another extent of 9",
                full.push_back(9));
  EXPECT_THROWS(ShapeError, "[op] expected extents whose product is below 2^63, got (922",
                infer_shape("op", {kMax, kMax, 0}, 0));
}

TEST(OpScopeTest, TheOutermostNamesTheErrorAndThenNoLonger) {
  {
    const OpScope outer("outer"), inner("inner");
    EXPECT_THROWS(ValueError, "[outer] text", fail<ValueError>("part", "text"));
  }
  EXPECT_THROWS(ValueError, "[part] text", fail<ValueError>("part", "text"));
}

}  // namespace
}  // namespace lamina
