// Lists of indices, masks and writes in place. Values are PyTorch 1.13's.
#include "lamina/tensor/indexing.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/parallel.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;
using test::noise;

NDArray integers(const std::vector<double>& values, const Shape& shape) {
  return array(values, shape, int64);
}
NDArray integers(const std::vector<double>& values) { return array(values, int64); }
NDArray mask(const std::vector<double>& values) { return array(values, bool_); }

TEST(IndexingTest, ArraysAmongSlicesAndIntegersAsInPyTorch) {
  const NDArray x = NDArray::arange(24).view({2, 3, 4});
  for (const NDArray& y : test::layouts(x)) {
    const NDArray rows = y.index({Slice(), integers({2, -1, 0}), Slice(1, None)});
    EXPECT_EQ(rows.shape(), (Shape{2, 3, 3}));
    EXPECT_CLOSE(rows, {9, 10, 11, 9, 10, 11, 1, 2, 3, 21, 22, 23, 21, 22, 23, 13, 14, 15});
    const NDArray separated = y.index({integers({0, 1}), Slice(), integers({3, -1})});
    EXPECT_EQ(separated.shape(), (Shape{2, 3}));
    EXPECT_CLOSE(separated, {3, 7, 11, 15, 19, 23});
    const NDArray none_between = y.index({integers({1, 0}), None, integers({2, 0})});
    EXPECT_EQ(none_between.shape(), (Shape{2, 1, 4}));
    EXPECT_CLOSE(none_between, {20, 21, 22, 23, 0, 1, 2, 3});
    // Integers are taken before arrays, unlike in NumPy: the shape is not (2, 3).
    const NDArray after_integer = y.index({1, Slice(), integers({3, 0})});
    EXPECT_EQ(after_integer.shape(), (Shape{3, 2}));
    EXPECT_CLOSE(after_integer, {15, 12, 19, 16, 23, 20});
    const NDArray broadcast = y.index({integers({0, 1}, {2, 1}), integers({2, 0}), 1});
    EXPECT_CLOSE(broadcast, {9, 1, 21, 13});
    EXPECT_CLOSE(y.index({1}).index({mask({1, 0, 1})}).index({Slice(), -1}), {15, 23});
    EXPECT_CLOSE(y.index({y.select(2, 0) == 16}), {16, 17, 18, 19});
  }
}

// Shapes and errors as PyTorch 1.13 has them.
TEST(IndexingTest, EachEllipsisStandsForAsManyDimensions) {
  const NDArray x = NDArray::arange(24).view({2, 3, 4});
  EXPECT_EQ(x.index({Ellipsis, Ellipsis}).shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(x.index({Ellipsis, 0, Ellipsis}).shape(), (Shape{2, 3}));
  EXPECT_EQ(x.index({0, Ellipsis, Ellipsis, Slice(1, None), Slice(1, None)}).shape(),
            (Shape{2, 3}));
  EXPECT_EQ(x.index({Ellipsis, None, Ellipsis}).shape(), (Shape{2, 3, 4, 1}));
  EXPECT_EQ(x.index({Ellipsis, integers({0}), Ellipsis}).shape(), (Shape{2, 3, 1}));
  const NDArray y = NDArray::arange(6).view({2, 3});
  EXPECT_CLOSE(y.index({1, Ellipsis, 2, Ellipsis, None}), {5});
  EXPECT_CLOSE(y.index({Ellipsis, Ellipsis, mask({1, 0, 0, 0, 0, 1}).view({2, 3})}), {0, 5});
  for (const Index& last : {Index(0), Index(None), Index(Slice()), Index(integers({0}))}) {
    EXPECT_THROWS(IndexError, "[index] expected no indices beyond the 2 dimensions of shape (2, 3)",
                  y.index({Ellipsis, Ellipsis, last}));
  }
  EXPECT_THROWS(IndexError, "behind a second Ellipsis", y.index({Ellipsis, 0, Ellipsis, None}));
}

TEST(IndexingTest, ShapesOfTheExtremes) {
  const NDArray x = noise({2, 3});
  EXPECT_EQ(x.index({mask({1}).view({})}).shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(x.index({mask({0}).view({})}).shape(), (Shape{0, 2, 3}));
  EXPECT_EQ(x.index({integers({1}, {})}).shape(), (Shape{3}));
  EXPECT_EQ(x.index({NDArray::zeros({2, 0}, int64)}).shape(), (Shape{2, 0, 3}));
  EXPECT_EQ(NDArray::zeros({0, 3}).index({Slice(), integers({0, 1}, {1, 2})}).shape(),
            (Shape{0, 1, 2}));
  EXPECT_EQ(x.index({}).storage(), x.storage());
  EXPECT_EQ(x.index({Slice(1, None), -1}).storage(), x.storage());
  EXPECT_EQ(NDArray::full({}, 3).index({Ellipsis, None}).shape(), Shape(1));
}

TEST(IndexingTest, ManyRowsAreTheSameOnSeveralThreads) {
  const NDArray x = noise({3, 500, 17}), rows = integers({0, 499, 7, 7, 250}).repeat(1000);
  const int before = get_num_threads();
  std::vector<std::vector<float>> results;
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    results.push_back(x.index({Slice(), rows}).to_vector<float>());
  }
  set_num_threads(before);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(IndexPutTest, WritesInPlaceThroughViewsArraysAndMasks) {
  NDArray x = NDArray::zeros({2, 3});
  const uint32_t version = x.version();
  x.index_put_({Slice(), -1}, 1);
  EXPECT_GT(x.version(), version);
  EXPECT_CLOSE(x, {0, 0, 1, 0, 0, 1});
  x.index_put_({integers({1, 0})}, array({5, 7}, {2, 1}));
  EXPECT_CLOSE(x, {7, 7, 7, 5, 5, 5});
  x.index_put_({x > 6}, 2.5);
  EXPECT_CLOSE(x, {2.5, 2.5, 2.5, 5, 5, 5});
  x.t().index_put_({2, mask({0, 1})}, -1);
  EXPECT_CLOSE(x, {2.5, 2.5, 2.5, 5, 5, -1});
  x.index_put_({Ellipsis}, 0);
  x.index_put_({integers({0, 1, 0}), integers({2, 2, 2})}, array({1, 2, 4}), true);
  EXPECT_CLOSE(x, {0, 0, 5, 0, 0, 2});
  x.index_put_({integers({0, 1, 0}), integers({2, 2, 2})}, array({1, 2, 4}));  // the last one
  EXPECT_CLOSE(x, {0, 0, 4, 0, 0, 2});
}

TEST(IndexPutTest, AddsUpInHalfPrecisionOnce) {
  // 2048 + 1 is 2048 in float16, but three ones together count.
  NDArray x = NDArray::full({2, 2}, 2048, float16);
  x.t().index_put_({0, integers({1, 1, 1})}, NDArray::ones({}, float16), true);
  EXPECT_CLOSE(x, {2048, 2048, 2052, 2048});
}

TEST(IndexPutTest, ReadsItselfBeforeItWrites) {
  NDArray x = NDArray::arange(4);
  x.index_put_({integers({3, 2, 1, 0})}, x);
  EXPECT_CLOSE(x, {3, 2, 1, 0});
  x.index_put_({x}, x);  // its own index, too
  EXPECT_CLOSE(x, {0, 1, 2, 3});
  NDArray y = NDArray::arange(4);
  y.index_put_({Slice(1, None)}, y.index({Slice(None, -1)}));
  EXPECT_CLOSE(y, {0, 0, 1, 2});
  NDArray z = integers({1, 0, 7});
  z.scatter_(0, z.narrow(0, 0, 2), z.narrow(0, 1, 2));
  EXPECT_CLOSE(z, {7, 0, 7});
}

TEST(IndexPutTest, RefusesWhatItCannotWrite) {
  NDArray one = NDArray::zeros({1, 3}), expanded = one.expand({2, 3});
  const char* text = "expected elements of their own, got an expanded array of shape (2, 3)";
  EXPECT_THROWS(RuntimeError, text, expanded.index_put_({0}, 1));
  EXPECT_THROWS(RuntimeError, text, expanded.index_put_({integers({0})}, 1));
  EXPECT_THROWS(RuntimeError, text, expanded.masked_fill_(NDArray::ones({2, 3}, bool_), 1));
  EXPECT_THROWS(RuntimeError, text, expanded.scatter_(0, NDArray::zeros({1, 3}, int64), 1));
  EXPECT_THROWS(RuntimeError, text,
                expanded.scatter_add_(0, NDArray::zeros({1, 3}, int64), NDArray::ones({1, 3})));
  EXPECT_THROWS(RuntimeError, text, expanded.index_add_(0, integers({0}), NDArray::ones({1, 3})));
  NDArray overlapping = NDArray::zeros(4).as_strided({3, 2}, {1, 1});
  EXPECT_THROWS(RuntimeError, "got an overlapping array of shape (3, 2) with strides (1, 1)",
                overlapping.fill_(1));
  EXPECT_NO_THROW(NDArray::zeros({3, 4, 5}).diagonal(0, 0, 2).fill_(1));

  NDArray x = NDArray::zeros({2, 3}), b = NDArray::zeros(3, bool_), undefined;
  EXPECT_THROWS(IndexError, "[index_put_] expected an index from -2 to 1 for dimension 0",
                x.index_put_({integers({0, 2})}, 1));
  EXPECT_THROWS(DTypeError, "[index_put_] expected a value of dtype float32, got int64",
                x.index_put_({0}, integers({1, 2, 3})));
  EXPECT_THROWS(ShapeError, "[index_put_] expected a source that broadcasts to (3,), got (2,)",
                x.index_put_({0}, array({1, 2})));
  EXPECT_THROWS(DTypeError, "[index_put_] expected a numeric dtype to accumulate in, got bool",
                b.index_put_({integers({0})}, true, true));
  EXPECT_THROWS(RuntimeError, "[index_put_] expected a defined array",
                undefined.index_put_({0}, 1));
  EXPECT_THROWS(IndexError, "[scatter_] expected indices from 0 to 2 for dimension 1",
                x.scatter_(1, integers({0, 3}, {2, 1}), 1));
  EXPECT_CLOSE(x, {0, 0, 0, 0, 0, 0});  // nothing was written
}

TEST(InPlaceTest, ScatterAndIndexAddWriteThroughStrides) {
  const NDArray base = NDArray::zeros({3, 2});
  NDArray x = base.t();
  x.scatter_(1, integers({2, 0, 1, 0}, {2, 2}), array({1, 2, 3, 4}, {2, 2}));
  EXPECT_CLOSE(base, {2, 4, 0, 3, 1, 0});
  x.scatter_(1, integers({1}, {1, 1}), 9.0);
  x.scatter_add_(1, integers({0, 0}, {1, 2}), array({10, 20}, {1, 2}));
  EXPECT_CLOSE(base, {32, 4, 9, 3, 1, 0});
  x.index_add_(0, integers({1, 1}), array({1, 1, 1, 2, 2, 2}, {2, 3}));
  EXPECT_CLOSE(base, {32, 7, 9, 6, 1, 3});
  EXPECT_CLOSE(scatter(NDArray::zeros(3), 0, integers({1, 1, 0}), array({1, 2, 3})), {3, 2, 0});
}

TEST(InPlaceTest, MaskedFillBroadcastsItsMask) {
  NDArray x = noise({2, 3}, int32);
  x.t().masked_fill_(mask({1, 0}), 300);
  EXPECT_CLOSE(x.select(0, 0), {300, 300, 300});
  x.masked_fill_(NDArray::ones({}, bool_), NDArray::full({}, 1.7));
  EXPECT_CLOSE(x, {1, 1, 1, 1, 1, 1});
  EXPECT_THROWS(ShapeError, "[masked_fill_] expected a source that broadcasts to (2, 3), got (2,)",
                x.masked_fill_(mask({1, 0}), 1));
  EXPECT_THROWS(DTypeError, "[masked_fill_] expected a mask of dtype bool", x.masked_fill_(x, 1));
  EXPECT_THROWS(ShapeError, "[masked_fill_] expected a 0-d value, got shape (1,)",
                x.masked_fill_(mask({1, 0, 1}), array({1})));
  EXPECT_CLOSE(masked_fill(integers({1, 2}), mask({1, 0}), 1.5), {1, 2});
}

TEST(WhereTest, PromotesAndKeepsNanAndInfinity) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_CLOSE(where(mask({1, 0, 1}), array({NAN, 1, inf}), array({0, -inf, 1})), {NAN, -inf, inf});
  const NDArray yes = mask({1});
  const auto dtype = [&](const NDArray& a, const NDArray& b) { return where(yes, a, b).dtype(); };
  EXPECT_EQ(dtype(integers({1}), array({2})), float32);
  EXPECT_EQ(dtype(array({1}, int32), integers({2}, {})), int32);
  EXPECT_EQ(dtype(array({1}, uint8), array({2.5}, {}, float64)), float64);
  EXPECT_EQ(dtype(mask({1}), array({1}, uint8)), uint8);
  EXPECT_EQ(dtype(array({1}, float16), array({1}, bfloat16)), float32);
  EXPECT_CLOSE(where(mask({1, 0, 1}), integers({1, 2, 3}), 2.5), {1, 2.5, 3});
  EXPECT_EQ(where(yes, 1, 0).dtype(), int64);
  EXPECT_EQ(where(yes, 1.0, 0.0).dtype(), float32);
  EXPECT_EQ(where(yes, array({1}, float64), 2).dtype(), float64);
}

TEST(WhereTest, BlendsEveryCombinationOfStrides) {
  for (DType dtype : test::kAllDTypes) {
    const NDArray a = noise({9, 33}, dtype, 1), b = noise({9, 33}, dtype, 2),
                  c = noise({9, 33}, bool_, 3);
    std::vector<double> expected;
    const std::vector<double> x = test::elements(a), y = test::elements(b), m = test::elements(c);
    for (size_t i = 0; i < m.size(); ++i) expected.push_back(m[i] != 0 ? x[i] : y[i]);
    for (const NDArray& p : test::layouts(a)) {
      for (const NDArray& q : test::layouts(b)) {
        for (const NDArray& r : test::layouts(c)) EXPECT_CLOSE(where(r, p, q), expected);
      }
    }
  }
}

TEST(NonzeroTest, CountsNanAndNotMinusZero) {
  const NDArray at = nonzero(array({0, NAN, -0.0, -1}, {2, 2}));
  EXPECT_EQ(at.shape(), (Shape{2, 2}));
  EXPECT_CLOSE(at, {0, 1, 1, 1});
  EXPECT_EQ(nonzero(NDArray::full({}, 5)).shape(), (Shape{1, 0}));
  EXPECT_EQ(nonzero(NDArray::full({}, 0)).shape(), (Shape{0, 0}));
}

TEST(IndexingTest, NewDimensionsComeAfterIntegersSoThatEightAreEnough) {
  const NDArray x = test::noise({2, 1, 2, 1, 2, 1, 1, 2});
  const NDArray y = x.index({None, 1});
  EXPECT_EQ(y.shape(), (Shape{1, 1, 2, 1, 2, 1, 1, 2}));
  EXPECT_EQ(test::elements(y), test::elements(x.select(0, 1)));
  const NDArray z = x.index({Slice(1), None, 0, Slice(None, 1)});
  EXPECT_EQ(z.shape(), (Shape{1, 1, 1, 1, 2, 1, 1, 2}));
  EXPECT_EQ(test::elements(z), test::elements(x.narrow(0, 1, 1).narrow(2, 0, 1)));
  const NDArray put = index_put(NDArray::zeros({2, 1, 1, 1, 1, 1, 1, 1}), {None, 0}, 5);
  EXPECT_CLOSE(put, {5, 0});
}

TEST(IndexingTest, AnIndexOutOfRangeIsNamedWithItsPosition) {
  NDArray x = NDArray::zeros({2, 3});
  const NDArray bad = test::array({0, 1, 2, -3}, {2, 2}, int64);
  EXPECT_THROWS(IndexError,
                "[index] expected an index from -2 to 1 for dimension 0 of shape (2, 3), "
                "got 2 at position 2",
                x.index({bad}));
  EXPECT_THROWS(IndexError, "got 2 at position 2", x.index_put_({bad}, 1));
  // Before x is copied, which this one cannot be.
  const NDArray huge = NDArray::zeros(1).expand(int64_t{1} << 50);
  EXPECT_THROWS(IndexError, "[index_put] expected an index",
                index_put(huge, {test::array({-0x1p51}, int64)}, NDArray::zeros({})));
}

TEST(IndexingTest, AnUnsignedIndexDoesNotBecomeANegativeOne) {
  const NDArray x = NDArray::zeros(3);
  EXPECT_THROWS(ValueError, "[Index] expected an integer below 2^63, got 18446744073709551615",
                x.index({~uint64_t{0}}));
  const std::vector<int> none;
  EXPECT_THROWS(ValueError, "[Index]", x.index({none.size() - 1}));
  EXPECT_CLOSE(x.index({size_t{2}}), {0});
}

TEST(IndexingTest, ErrorsOfPartsNameTheOperation) {
  NDArray x = NDArray::zeros({1, 1, 1, 1, 1, 1, 1, 1});
  EXPECT_THROWS(ShapeError,
                "[index] expected a rank of at most 8, got (1, 1, 1, 1, 1, 1, 1, 1) and "
                "another extent",
                x.index({None}));
  EXPECT_THROWS(ShapeError, "[index_put_] expected a rank", x.index_put_({None}, 1));
  EXPECT_THROWS(ShapeError, "[index_put] expected a rank", index_put(x, {None}, 1));
}

}  // namespace
}  // namespace lamina
