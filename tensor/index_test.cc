// Selection and accumulation by integer indices.
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
using test::kAllDTypes;
using test::kNumericDTypes;
using test::noise;

NDArray indices(const std::vector<int64_t>& values, const Shape& shape) {
  return NDArray::from(values, shape);
}
NDArray indices(const std::vector<int64_t>& values) {
  return indices(values, static_cast<int64_t>(values.size()));
}

double at(const NDArray& x, const Shape& index) {
  return elements(x)[static_cast<size_t>(test::offset_of(index, contiguous_strides(x.shape())))];
}

TEST(IndexSelectTest, TakesSlicesInEveryDTypeAndLayoutAlongEveryDimension) {
  for (DType dtype : kAllDTypes) {
    const NDArray x = noise({3, 4, 2}, dtype);
    for (int d = 0; d < 3; ++d) {
      const std::vector<int64_t> chosen{1, 0, 1};
      Shape shape = x.shape();
      shape[d] = 3;
      std::vector<double> expected;
      test::for_each_index(shape, [&](const Shape& i) {
        Shape from = i;
        from[d] = chosen[static_cast<size_t>(i[d])];
        expected.push_back(at(x, from));
      });
      for (const NDArray& y : test::layouts(x)) {
        for (const NDArray& index : test::layouts(indices(chosen))) {
          const NDArray out = index_select(y, d - 3, index);
          EXPECT_EQ(out.shape(), shape);
          EXPECT_EQ(out.dtype(), dtype);
          EXPECT_CLOSE(out, expected);
        }
      }
    }
  }
}

TEST(IndexSelectTest, EmptyAnd0dArraysWork) {
  const NDArray x = noise({3, 2});
  EXPECT_EQ(index_select(x, 0, indices({})).shape(), (Shape{0, 2}));
  EXPECT_EQ(index_select(NDArray::zeros({3, 0}), 0, indices({2, 2})).shape(), (Shape{2, 0}));
  EXPECT_EQ(index_select(x, 0, indices({1}, {})).shape(), (Shape{1, 2}));  // a 0-d index
  EXPECT_CLOSE(index_select(NDArray::full({}, 5), 0, indices({0})), {5});
  EXPECT_EQ(index_select(NDArray::full({}, 5), 0, indices({0})).shape(), Shape());
  EXPECT_CLOSE(index_select(array({1, 2}, {2, 1}).expand({2, 3}), 1, indices({2, 0})),
               {1, 1, 2, 2});
}

TEST(IndexSelectTest, ManyRowsAreWholeOnSeveralThreads) {
  const int before = get_num_threads();
  const NDArray table = noise({50, 33});
  std::vector<int64_t> chosen;
  std::vector<double> expected;
  const std::vector<double> values = elements(table);
  for (int64_t i = 0; i < 5000; ++i) {
    const int64_t row = i * 7919 % 50;
    chosen.push_back(row);
    expected.insert(expected.end(), values.begin() + row * 33, values.begin() + (row + 1) * 33);
  }
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    EXPECT_CLOSE(index_select(table, 0, indices(chosen)), expected);
  }
  set_num_threads(before);
}

TEST(IndexAddTest, AddsSlicesAndRepeatedOnesTwice) {
  for (DType dtype : kNumericDTypes) {
    const NDArray x = array({1, 2, 3, 4, 5, 6}, {3, 2}, dtype),
                  source = array({10, 20, 30, 40, 50, 60}, {3, 2}, dtype);
    for (const NDArray& y : test::layouts(x)) {
      for (const NDArray& s : test::layouts(source)) {
        EXPECT_CLOSE(index_add(y, 0, indices({2, 0, 2}), s), {31, 42, 3, 4, 65, 86});
        EXPECT_CLOSE(y, {1, 2, 3, 4, 5, 6});
      }
    }
    EXPECT_CLOSE(index_add(x, -1, indices({1}), array({10, 20, 30}, {3, 1}, dtype)),
                 {1, 12, 3, 24, 5, 36});
    EXPECT_CLOSE(index_add(x, 0, indices({}), NDArray::zeros({0, 2}, dtype)), {1, 2, 3, 4, 5, 6});
    EXPECT_CLOSE(
        index_add(NDArray::full({}, 3, dtype), 0, indices({0}), NDArray::full({}, 4, dtype)), {7});
  }
}

TEST(GatherTest, TakesElementsInEveryDTypeAndLayout) {
  for (DType dtype : kAllDTypes) {
    const NDArray x = noise({3, 4}, dtype);
    const NDArray rows = indices({2, 0, 1, 1, 0, 2, 2, 2}, {2, 4}),
                  columns = indices({3, 0, 0, 1, 2, 2, 3, 3, 1}, {3, 3});
    std::vector<double> by_row, by_column;
    const std::vector<int64_t> r = elements<int64_t>(rows), c = elements<int64_t>(columns);
    for (int64_t i = 0; i < 8; ++i) by_row.push_back(at(x, {r[static_cast<size_t>(i)], i % 4}));
    for (int64_t i = 0; i < 9; ++i) by_column.push_back(at(x, {i / 3, c[static_cast<size_t>(i)]}));
    for (const NDArray& y : test::layouts(x)) {
      for (const NDArray& index : test::layouts(rows)) EXPECT_CLOSE(gather(y, 0, index), by_row);
      for (const NDArray& index : test::layouts(columns))
        EXPECT_CLOSE(gather(y, -1, index), by_column);
    }
  }
}

TEST(GatherTest, EmptyAnd0dArraysWork) {
  EXPECT_EQ(gather(noise({3, 4}), 1, NDArray::zeros({0, 9}, int64)).shape(), (Shape{0, 9}));
  EXPECT_EQ(gather(noise({3, 4}), 1, NDArray::zeros({3, 0}, int64)).shape(), (Shape{3, 0}));
  EXPECT_EQ(gather(NDArray::full({}, 7), 0, indices({0}, {})).item<float>(), 7);
}

TEST(ScatterAddTest, AddsElementsAndRepeatedOnesTwice) {
  for (DType dtype : kNumericDTypes) {
    const NDArray x = array({1, 2, 3, 4, 5, 6}, {2, 3}, dtype),
                  source = array({10, 20, 30, 40, 50, 60}, {2, 3}, dtype);
    for (const NDArray& y : test::layouts(x)) {
      for (const NDArray& s : test::layouts(source)) {
        EXPECT_CLOSE(scatter_add(y, 1, indices({0, 0, 2, 1, 1, 1}, {2, 3}), s),
                     {31, 2, 33, 4, 155, 6});
        EXPECT_CLOSE(scatter_add(y, 0, indices({1, 0}, {1, 2}), s),
                     {1, 22, 3, 14, 5, 6});  // a smaller index
        EXPECT_CLOSE(y, {1, 2, 3, 4, 5, 6});
      }
    }
    EXPECT_CLOSE(scatter_add(x, 1, NDArray::zeros({0, 3}, int64), source), {1, 2, 3, 4, 5, 6});
    EXPECT_CLOSE(
        scatter_add(NDArray::full({}, 3, dtype), 0, indices({0}, {}), NDArray::full({}, 4, dtype)),
        {7});
  }
}

TEST(ScatterAddTest, IntegersWrapAround) {
  const int64_t max64 = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(scatter_add(NDArray::full(1, max64, int64), 0, indices({0}), NDArray::ones(1, int64))
                .item<int64_t>(),
            std::numeric_limits<int64_t>::min());
  EXPECT_EQ(index_add(NDArray::full(1, max64, int64), 0, indices({0}), NDArray::ones(1, int64))
                .item<int64_t>(),
            std::numeric_limits<int64_t>::min());
  EXPECT_CLOSE(scatter_add(array({250}, uint8), 0, indices({0}), array({10}, uint8)), {4});
}

TEST(IndexTest, IndicesOutsideAreRefused) {
  const NDArray x = noise({3, 4}), source = noise({1, 4});
  const int64_t extremes[] = {-1, 3, std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max()};
  EXPECT_THROWS(
      IndexError,
      "[index_select] expected indices from 0 to 2 for dimension 0 of shape (3, 4), got 3",
      index_select(x, 0, indices({3})));
  for (int64_t bad : extremes) {
    const NDArray row = NDArray::full({1, 4}, bad, int64);
    EXPECT_THROWS(IndexError, "[index_select] expected indices",
                  index_select(x, 0, indices({0, bad})));
    EXPECT_THROWS(IndexError, "[index_add] expected indices",
                  index_add(x, 0, indices({bad}), source));
    EXPECT_THROWS(IndexError, "[gather] expected indices", gather(x, 0, row));
    EXPECT_THROWS(IndexError, "[scatter_add] expected indices", scatter_add(x, 0, row, source));
  }
  EXPECT_THROWS(IndexError,
                "[gather] expected no indices, for dimension 0 of shape (0, 4) is empty, got 0",
                gather(NDArray::zeros({0, 4}), 0, NDArray::zeros({1, 4}, int64)));
  EXPECT_THROWS(IndexError, "got 7 at position 2", index_select(x, 0, indices({0, 1, 7})));
  EXPECT_THROWS(IndexError, "[index_select] expected no indices, for dimension 1 of shape (3, 0)",
                index_select(NDArray::zeros({3, 0}), 1, indices({0})));
  EXPECT_THROWS(IndexError,
                "[select] expected no index, for dimension 1 of shape (3, 0) is empty, got 0",
                select(NDArray::zeros({3, 0}), 1, 0));
  EXPECT_THROWS(IndexError, "[index_select]", index_select(NDArray::full({}, 5), 0, indices({1})));
}

// The values are PyTorch 1.13's.
TEST(IndexTest, RanksZeroAndOneAreAlike) {
  const NDArray three = NDArray::full({}, 3.0), two = array({1, 2}), one = indices({1}, {});
  EXPECT_EQ(gather(three, -1, indices({0, 0, 0})).shape(), Shape(3));
  EXPECT_CLOSE(gather(three, 0, indices({0, 0, 0})), {3, 3, 3});
  EXPECT_EQ(gather(two, 0, one).shape(), Shape());
  EXPECT_CLOSE(gather(two, 0, one), {2});
  EXPECT_EQ(scatter(three, 0, indices({0, 0}), array({5, 6})).shape(), Shape());
  EXPECT_CLOSE(scatter(three, 0, indices({0, 0}), array({5, 6})), {6});
  EXPECT_CLOSE(scatter(three, 0, indices({0}, {}), array({5, 6})), {5});
  EXPECT_CLOSE(scatter(two, 0, one, array({5, 7})), {1, 5});
  EXPECT_CLOSE(scatter(two, 0, indices({1}), NDArray::full({}, 5.0)), {1, 5});
  EXPECT_CLOSE(scatter(three, 0, indices({0}), 7), {7});
  EXPECT_CLOSE(scatter_add(three, 0, indices({0, 0}), array({5, 6})), {14});
  EXPECT_CLOSE(scatter_add(two, 0, one, NDArray::full({}, 5.0)), {1, 7});
  EXPECT_CLOSE(index_add(three, 0, indices({0}), array({5})), {8});
  EXPECT_CLOSE(index_add(array({3, 1}), 0, indices({0}, {}), NDArray::full({}, 5.0)), {8, 1});
  EXPECT_THROWS(IndexError, "for dimension 0 of shape (), got 1", gather(three, 0, indices({1})));
  EXPECT_THROWS(ShapeError, "[gather] expected an index of rank 1, not larger than ()",
                gather(three, 0, indices({0}, {1, 1})));
  EXPECT_THROWS(ShapeError, "[scatter] expected a source not smaller than the index (2,), got ()",
                scatter(two, 0, indices({1, 0}), NDArray::full({}, 5.0)));
  EXPECT_THROWS(ShapeError, "[scatter_add] expected a source not smaller than the index (), got",
                scatter_add(two, 0, one, array({})));
}

TEST(IndexTest, AnIndexWithoutElementsMayHaveAnyShape) {
  const NDArray x = NDArray::ones({2, 3}), none = indices({});
  EXPECT_EQ(gather(x, 0, none).shape(), Shape(0));
  EXPECT_EQ(gather(x, 0, NDArray::zeros({0, 5, 2}, int64)).shape(), (Shape{0, 5, 2}));
  EXPECT_CLOSE(scatter(x, 0, none, array({})), {1, 1, 1, 1, 1, 1});
  EXPECT_CLOSE(scatter(x, 0, none, 5), {1, 1, 1, 1, 1, 1});
  EXPECT_CLOSE(scatter_add(x, 0, none, array({})), {1, 1, 1, 1, 1, 1});
}

TEST(IndexTest, ShapesThatDoNotFitAreRefused) {
  const NDArray x = noise({3, 4}), scalar = NDArray::full({}, 5);
  EXPECT_THROWS(ShapeError, "[index_select] expected an index of rank at most 1, got shape (1, 1)",
                index_select(x, 0, indices({0}, {1, 1})));
  EXPECT_THROWS(ShapeError, "[index_select] expected one index for a 0-d array, got shape (2,)",
                index_select(scalar, 0, indices({0, 0})));
  EXPECT_THROWS(ShapeError, "[index_add] expected one index for a 0-d array, got shape (3,)",
                index_add(scalar, 0, indices({0, 0, 0}), scalar));
  EXPECT_THROWS(
      ShapeError,
      "[index_add] expected a source of shape (2, 4) for x (3, 4) and 2 indices, got (3, 4)",
      index_add(x, 0, indices({0, 1}), x));
  EXPECT_THROWS(ShapeError,
                "[gather] expected an index of rank 2, not larger than (3, 4) outside dimension 0, "
                "got shape (1, 5)",
                gather(x, 0, NDArray::zeros({1, 5}, int64)));
  EXPECT_THROWS(ShapeError, "got shape (3,)", gather(x, 0, NDArray::zeros(3, int64)));
  EXPECT_THROWS(ShapeError,
                "[scatter_add] expected a source not smaller than the index (2, 4), got (1, 4)",
                scatter_add(x, 0, NDArray::zeros({2, 4}, int64), noise({1, 4})));
  EXPECT_THROWS(IndexError, "[gather] expected a dimension from -2 to 1, got 2",
                gather(x, 2, NDArray::zeros({3, 4}, int64)));
}

TEST(IndexTest, DTypesThatDoNotFitAreRefused) {
  const NDArray x = noise({3, 4}), mask = noise({3, 4}, bool_),
                zeros = NDArray::zeros({3, 4}, int64);
  EXPECT_THROWS(DTypeError, "[index_select] expected an index of dtype int64, got int32",
                index_select(x, 0, array({0}, int32)));
  EXPECT_THROWS(DTypeError, "[gather] expected an index of dtype int64, got float32",
                gather(x, 0, x));
  EXPECT_THROWS(DTypeError, "[scatter_add] expected a source of dtype float32, got float64",
                scatter_add(x, 0, zeros, x.to(float64)));
  EXPECT_THROWS(DTypeError, "[index_add] expected a source of dtype float32, got bool",
                index_add(x, 0, indices({0, 1, 2}), mask));
  EXPECT_THROWS(DTypeError, "[scatter_add] expected a numeric dtype, got bool",
                scatter_add(mask, 0, zeros, mask));
  EXPECT_THROWS(DTypeError, "[index_add] expected a numeric dtype, got bool",
                index_add(mask, 0, indices({0, 1, 2}), mask));
  EXPECT_THROWS(RuntimeError, "[gather] expected a defined array", gather(x, 0, NDArray()));
}

}  // namespace
}  // namespace lamina
