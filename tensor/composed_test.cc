// Operations made of others, where the parts alone would go wrong: huge extents, ranks of 8, and the
// names in errors.
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMany = int64_t{1} << 40;

TEST(RepeatTest, WithoutElementsItGivesTheShapeOfPyTorch) {
  EXPECT_EQ(tile(NDArray::zeros(0), kMax).shape(), Shape(0));
  EXPECT_EQ(repeat(NDArray::ones(2), {0, int64_t{1} << 50}).shape(), (Shape{0, int64_t{1} << 51}));
  EXPECT_EQ(repeat(NDArray::ones({}), {0, 3}).shape(), (Shape{0, 3}));
  EXPECT_EQ(repeat(NDArray::ones(3), {3, 0, 5}).shape(), (Shape{3, 0, 15}));
}

TEST(PadTest, WithoutElementsItGivesTheShapeOfPyTorch) {
  EXPECT_EQ(pad(NDArray::zeros({0, kMany}), {1, 2}, PadMode::kReplicate).shape(),
            (Shape{0, kMany + 3}));
}

TEST(SplitTest, SoManyPiecesThatTheyFillTheMemoryAreRefused) {
  const NDArray x = NDArray::ones(1).expand(kMany);
  const char* text = "expected at most 1048576 pieces, got 1099511627776";
  EXPECT_THROWS(ValueError, text, split(x, 1));
  EXPECT_THROWS(ValueError, text, unbind(x));
  EXPECT_THROWS(ValueError, text, unbind(NDArray::zeros({0, kMany}), 1));
  EXPECT_THROWS(ValueError, text, chunk(NDArray::zeros(0), kMany));
  EXPECT_EQ(split(x, kMany / 2).size(), 2u);
}

// Sums over a, b, f and g of x[abcde] y[fghij] z[abfg]: x and y alone would have ten dimensions.
TEST(EinsumTest, OperandsWaitWhereTheProductWouldHaveTooManyDimensions) {
  const NDArray x = test::noise({2, 2, 2, 2, 2}, float64, 1),
                y = test::noise({2, 2, 2, 2, 2}, float64, 2),
                z = test::noise({2, 2, 2, 2}, float64, 3);
  const std::vector<double> xs = test::elements(x), ys = test::elements(y), zs = test::elements(z);
  std::vector<double> expected(64);
  for (size_t ab = 0; ab < 4; ++ab) {
    for (size_t cde = 0; cde < 8; ++cde) {
      for (size_t fg = 0; fg < 4; ++fg) {
        for (size_t hij = 0; hij < 8; ++hij) {
          expected[cde * 8 + hij] += xs[ab * 8 + cde] * ys[fg * 8 + hij] * zs[ab * 4 + fg];
        }
      }
    }
  }
  const NDArray out = einsum("abcde,fghij,abfg->cdehij", {x, y, z});
  EXPECT_EQ(out.shape(), (Shape{2, 2, 2, 2, 2, 2}));
  EXPECT_CLOSE(out, expected, 1e-12, 1e-12);
}

TEST(ComposedTest, ErrorsOfPartsNameTheOperation) {
  const NDArray x = NDArray::ones({2, 3}), y = NDArray::ones(4),
                eight = NDArray::ones({1, 1, 1, 1, 1, 1, 1, 1});
  const NDArray huge = NDArray::ones(1).expand(int64_t{1} << 40);
  const char* broadcast = "expected shapes that broadcast together, got ";
  EXPECT_THROWS(ShapeError, std::string("[clamp] ") + broadcast, clamp(x, y, y));
  EXPECT_THROWS(ShapeError, std::string("[lerp] ") + broadcast, lerp(x, y, 0.5));
  EXPECT_THROWS(ShapeError, std::string("[addcmul] ") + broadcast, addcmul(x, y, x));
  EXPECT_THROWS(ShapeError, std::string("[addcdiv] ") + broadcast, addcdiv(x, x, y));
  EXPECT_THROWS(IndexError, "[take_along_dim] expected indices",
                take_along_dim(x, array({7}, {1, 1}, int64), 0));
  EXPECT_THROWS(ValueError, "[tile] expected numbers of at least 0", tile(x, -1));
  EXPECT_THROWS(ShapeError, "[broadcast_to] expected a shape", broadcast_to(x, 4));
  EXPECT_THROWS(ShapeError, "[masked_select] expected", masked_select(x, y.to(bool_)));
  EXPECT_THROWS(ShapeError, "[outer] expected an array of less than 2^62 bytes", outer(huge, huge));
  EXPECT_THROWS(ShapeError, "[matmul] expected an array of less than 2^62 bytes",
                matmul(huge.unsqueeze(1), huge.unsqueeze(0)));
  EXPECT_THROWS(ShapeError, "[add] expected an array of less than 2^62 bytes",
                huge.unsqueeze(1) + huge);
  EXPECT_THROWS(ShapeError, "[einsum] expected an array of less than 2^62 bytes",
                einsum("i,j->ij", {huge, huge}));
  const char* rank = "expected a rank of at most 8, got ";
  EXPECT_THROWS(ShapeError, std::string("[unsqueeze] ") + rank, unsqueeze(eight, 0));
  EXPECT_THROWS(ShapeError, std::string("[stack] ") + rank, stack({eight, eight}));
  EXPECT_THROWS(ShapeError, std::string("[unflatten] ") + rank, unflatten(eight, 0, {1, 1}));
  EXPECT_THROWS(ShapeError, std::string("[einsum] ") + rank,
                einsum("abcde,fghij->abcdefghij",
                       {NDArray::ones({1, 1, 1, 1, 1}), NDArray::ones({1, 1, 1, 1, 1})}));
}

TEST(WindowsTest, ErrorsTellTheSizesThatCame) {
  UnfoldOptions wide;
  wide.padding = kMany;
  EXPECT_THROWS(ShapeError,
                "[unfold] expected extents below 2^63, got the product of 2199023255553 and "
                "2199023255553",
                unfold(NDArray::ones({1, 1, 1, 1}), 1, wide));
  EXPECT_THROWS(ValueError, "[fold] expected one or two numbers of at least 0 for the output_size",
                fold(NDArray::ones({1, 1, 1}), -1, 1));
}

}  // namespace
}  // namespace lamina
