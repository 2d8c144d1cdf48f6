// Arithmetic, comparison and elementwise functions: dtypes, broadcasting, layouts, wrap-around,
// errors.
#include <cmath>
#include <cstdint>
#include <functional>
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
using test::kFloatingDTypes;
using test::kNumericDTypes;
using test::noise;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Function = std::function<double(double, double)>;
struct Op {
  const char* name;
  NDArray (*array)(const NDArray&, const NDArray&);
  Function f;
  bool comparison;
};
const Op kOps[] = {
    {"add", add, [](double a, double b) { return a + b; }, false},
    {"sub", sub, [](double a, double b) { return a - b; }, false},
    {"mul", mul, [](double a, double b) { return a * b; }, false},
    {"div", div, [](double a, double b) { return a / b; }, false},
    {"eq", eq, [](double a, double b) { return a == b; }, true},
    {"ne", ne, [](double a, double b) { return a != b; }, true},
    {"lt", lt, [](double a, double b) { return a < b; }, true},
    {"le", le, [](double a, double b) { return a <= b; }, true},
    {"gt", gt, [](double a, double b) { return a > b; }, true},
    {"ge", ge, [](double a, double b) { return a >= b; }, true},
};

// What the operation gives for the double v in a dtype: integers wrap, bool is "or" and "and",
// float32 rounds.
double in_dtype(double v, DType dtype) {
  if (dtype == bool_) return v != 0;
  if (dtype == uint8) return static_cast<double>(static_cast<int64_t>(v) & 0xff);
  return dtype == float32 ? static_cast<float>(v) : v;
}

std::vector<double> naive(const Op& op, const NDArray& a, const NDArray& b, const Shape& shape,
                          DType dtype) {
  const auto at = [](const NDArray& x, const Shape& index) {
    int64_t offset = 0;
    for (int d = 0; d < x.dim(); ++d) {
      if (x.shape()[d] != 1) offset += index[d + index.rank() - x.dim()] * x.strides()[d];
    }
    return dispatch(x.dtype(), [&](auto type) {
      return static_cast<double>(x.data<typename decltype(type)::type>()[offset]);
    });
  };
  std::vector<double> out;
  test::for_each_index(shape, [&](const Shape& index) {
    const double v = op.f(in_dtype(at(a, index), dtype), in_dtype(at(b, index), dtype));
    out.push_back(op.comparison ? v : in_dtype(v, dtype));
  });
  return out;
}

DType dtype_of_op(const Op& op, DType a, DType b) {
  const DType dtype = promote_types(a, b);
  return std::string(op.name) == "div" ? to_floating(dtype) : dtype;
}

struct Shapes {
  Shape a, b, out;
};
const Shapes kShapes[] = {
    {{2, 3}, {2, 3}, {2, 3}},
    {{2, 3}, {3}, {2, 3}},
    {{2, 1, 3}, {4, 1}, {2, 4, 3}},
    {{}, {}, {}},
    {{}, {2, 2}, {2, 2}},
    {{1}, {5}, {5}},
    {{0, 3}, {3}, {0, 3}},
    {{2, 1}, {1, 0}, {2, 0}},
    {{3, 1, 2, 1}, {2, 1, 4}, {3, 2, 2, 4}},
    {{37}, {37}, {37}},
};

TEST(BinaryTest, EveryPairOfDTypesOverEveryBroadcastIsTheNaiveResult) {
  for (const Op& op : kOps) {
    for (DType x : kAllDTypes) {
      for (DType y : kAllDTypes) {
        const DType dtype = dtype_of_op(op, x, y);
        if (op.array == static_cast<NDArray (*)(const NDArray&, const NDArray&)>(sub) &&
            (x == bool_ || y == bool_)) {
          EXPECT_THROWS(DTypeError, "[sub] expected numeric dtypes, got ",
                        sub(NDArray::ones(2, x), NDArray::ones(2, y)));
          continue;
        }
        for (const Shapes& s : kShapes) {
          if ((s.a.empty() != s.b.empty()) && x != y)
            continue;  // 0-d arrays promote otherwise; see dtype_test
          const NDArray a = noise(s.a, x, 1), b = noise(s.b, y, 2), out = op.array(a, b);
          ASSERT_EQ(out.dtype(), op.comparison ? bool_ : dtype) << op.name << " " << x << " " << y;
          ASSERT_EQ(out.shape(), s.out) << op.name;
          ASSERT_TRUE(test::is_close(out, naive(op, a, b, s.out, dtype)))
              << op.name << " " << x << " " << y << " " << s.a << s.b;
        }
      }
    }
  }
}

TEST(BinaryTest, EveryLayoutGivesTheSameResult) {
  for (const Op& op : kOps) {
    for (DType dtype : {uint8, int32, float32, float64}) {
      for (const Shapes& s :
           {Shapes{{3, 4, 5}, {3, 4, 5}, {3, 4, 5}}, Shapes{{3, 4, 5}, {4, 1}, {3, 4, 5}}}) {
        const NDArray a = noise(s.a, dtype, 3), b = noise(s.b, dtype, 4);
        const std::vector<double> expected = naive(op, a, b, s.out, dtype_of_op(op, dtype, dtype));
        for (const NDArray& x : test::layouts(a)) {
          for (const NDArray& y : test::layouts(b)) {
            ASSERT_TRUE(test::is_close(op.array(x, y), expected))
                << op.name << " " << dtype << x.strides() << y.strides();
          }
        }
      }
    }
  }
}

TEST(BinaryTest, LargeArraysOfEachLayoutAreWholeAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  const NDArray a = noise({200, 301}, float32, 5), row = noise({301}, float32, 6),
                column = noise({200, 1}, float32, 7);
  const NDArray turned = noise({301, 200}, float32, 8).t();
  const Op& op = kOps[0];
  for (int threads : {1, 3}) {
    set_num_threads(threads);
    for (const NDArray& b :
         {a, row, column, turned, a.narrow(0, 0, 1), column.expand({200, 301})}) {
      EXPECT_CLOSE(add(a, b), naive(op, a, b, {200, 301}, float32));
      EXPECT_CLOSE(add(b, a), naive(op, b, a, {200, 301}, float32));
    }
  }
  set_num_threads(before);
}

TEST(BinaryTest, EightDimensionsBroadcast) {
  const NDArray a = noise({2, 1, 2, 1, 2, 1, 2, 1}), b = noise({1, 2, 1, 2, 1, 2, 1, 2});
  EXPECT_CLOSE(mul(a, b), naive(kOps[2], a, b, {2, 2, 2, 2, 2, 2, 2, 2}, float32));
}

TEST(BinaryTest, IntegersWrapAround) {
  const int64_t max64 = std::numeric_limits<int64_t>::max(),
                min64 = std::numeric_limits<int64_t>::min();
  const int32_t max32 = std::numeric_limits<int32_t>::max(),
                min32 = std::numeric_limits<int32_t>::min();
  EXPECT_EQ((NDArray::full({}, max64, int64) + 1).item<int64_t>(), min64);
  EXPECT_EQ((NDArray::full({}, min64, int64) - 1).item<int64_t>(), max64);
  EXPECT_EQ((NDArray::full({}, max64, int64) * 2).item<int64_t>(), -2);
  EXPECT_EQ((-NDArray::full({}, min64, int64)).item<int64_t>(), min64);
  EXPECT_EQ((NDArray::full({}, max32, int32) + 1).item<int32_t>(), min32);
  EXPECT_EQ((NDArray::full({}, max32, int32) * max32).item<int32_t>(), 1);
  EXPECT_EQ((-NDArray::full({}, min32, int32)).item<int32_t>(), min32);
  EXPECT_CLOSE(array({200, 255}, uint8) + array({100, 1}, uint8), {44, 0});
  EXPECT_CLOSE(array({1, 0}, uint8) - array({2, 1}, uint8), {255, 255});
  EXPECT_CLOSE(array({16, 255}, uint8) * array({17, 255}, uint8), {16, 1});
  EXPECT_CLOSE(-array({1, 0, 128}, uint8), {255, 0, 128});
}

TEST(BinaryTest, ScalarsAreTakenInTheDTypeOfTheArray) {  // all as PyTorch 1.13 gives them
  const NDArray x = array({1, 200}, uint8);
  EXPECT_CLOSE(x + -1, {0, 199});
  EXPECT_EQ((x + -1).dtype(), uint8);
  EXPECT_CLOSE(x < -1, {1, 1});
  EXPECT_CLOSE(x * 2.5, {2.5, 500});
  EXPECT_CLOSE(x / 0, {kInf, kInf});
  EXPECT_CLOSE(1 - array({0.5, 2}), {0.5, -1});
  EXPECT_CLOSE(2 / array({4, 8}, int64), {0.5, 0.25});
  EXPECT_CLOSE(3 > array({2, 3, 4}), {1, 0, 0});
  EXPECT_EQ((array({1}, float32) * 1e300).item<double>(), kInf);
}

TEST(BinaryTest, BoolAddsAsOrAndMultipliesAsAnd) {
  const NDArray a = array({0, 0, 1, 1}, bool_), b = array({0, 1, 0, 1}, bool_);
  EXPECT_CLOSE(a + b, {0, 1, 1, 1});
  EXPECT_CLOSE(a * b, {0, 0, 0, 1});
  EXPECT_CLOSE(a < b, {0, 1, 0, 0});
  EXPECT_CLOSE(a >= b, {1, 0, 1, 1});
  EXPECT_EQ((a + b).dtype(), bool_);
  EXPECT_CLOSE(a / b, {kNan, 0, kInf, 1});
  EXPECT_EQ((a / b).dtype(), float32);
}

TEST(BinaryTest, DivisionIsTrueDivision) {
  for (DType dtype : kNumericDTypes) {
    const NDArray y = array({7, 1, 0}, dtype) / array({2, 3, 5}, dtype);
    EXPECT_EQ(y.dtype(), dtype == float64 ? float64 : float32);
    EXPECT_CLOSE(y, {3.5, 1.0 / 3, 0}, 1e-7);
  }
  EXPECT_CLOSE(array({1, -1, 0}, int32) / array({0, 0, 0}, int32), {kInf, -kInf, kNan});
}

TEST(BinaryTest, NanComparesAsIeeeSays) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray a = array({kNan, kNan, 1}, dtype), b = array({kNan, 1, kNan}, dtype);
    EXPECT_CLOSE(eq(a, b), {0, 0, 0});
    EXPECT_CLOSE(ne(a, b), {1, 1, 1});
    for (const Op& op : {kOps[6], kOps[7], kOps[8], kOps[9]})
      EXPECT_CLOSE(op.array(a, b), {0, 0, 0});
    EXPECT_CLOSE(eq(array({0.0}, dtype), array({-0.0}, dtype)), {1});
  }
}

TEST(BinaryTest, LargeIntegersCompareExactly) {
  const int64_t large = (int64_t{1} << 53) + 1;
  EXPECT_EQ(eq(NDArray::full({}, large, int64), large - 1).item<bool>(), false);
  EXPECT_EQ(gt(NDArray::full({}, large, int64), NDArray::full({}, large - 1, int64)).item<bool>(),
            true);
}

TEST(BinaryTest, ErrorsNameTheOperationAndWhatCame) {
  const NDArray a = noise({2, 3}), mask = noise({2}, bool_);
  EXPECT_THROWS(ShapeError, "[add] expected shapes that broadcast together, got (2, 3) and (2,)",
                add(a, noise({2})));
  EXPECT_THROWS(ShapeError, "[lt] expected shapes", (void)(a < noise({4, 3})));
  EXPECT_THROWS(DTypeError, "[sub] expected numeric dtypes, got bool and bool", sub(mask, mask));
  EXPECT_THROWS(DTypeError, "[sub] expected numeric dtypes, got bool and bool", mask - true);
  EXPECT_THROWS(RuntimeError, "[mul] expected a defined array, got one without a value",
                mul(a, NDArray()));
  EXPECT_THROWS(RuntimeError, "[div] expected a defined array", NDArray() / 2);
  EXPECT_THROWS(ShapeError, "less than 2^62 bytes",
                NDArray::zeros({1, 1}, uint8).expand({int64_t{1} << 31, 1}) +
                    NDArray::zeros({1, 1}, uint8).expand({1, int64_t{1} << 31}));
}

TEST(UnaryTest, NegAndReluKeepTheDType) {
  for (DType dtype : kNumericDTypes) {
    const NDArray x = array({3, 0, 1}, dtype);
    EXPECT_EQ(neg(x).dtype(), dtype);
    EXPECT_CLOSE(relu(x), {3, 0, 1});
    if (dtype != uint8) {
      EXPECT_CLOSE(neg(x), {-3, 0, -1});
      EXPECT_CLOSE(relu(array({-3, 2}, dtype)), {0, 2});
    }
  }
}

TEST(UnaryTest, NanPassesThrough) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray x = array({kNan, kInf, -kInf}, dtype);
    EXPECT_CLOSE(relu(x), {kNan, kInf, 0});
    EXPECT_CLOSE(neg(x), {kNan, -kInf, kInf});
    EXPECT_CLOSE(exp(x), {kNan, kInf, 0});
    EXPECT_CLOSE(log(x), {kNan, kInf, kNan});
  }
}

TEST(UnaryTest, ExpAndLogOfIntegersAreFloat32) {
  for (DType dtype : {bool_, uint8, int32, int64}) {
    EXPECT_EQ(exp(array({0, 1}, dtype)).dtype(), float32);
    EXPECT_CLOSE(exp(array({0, 1}, dtype)), {1, 2.718281828459045}, 1e-6);
    EXPECT_CLOSE(log(array({0, 1}, dtype)), {-kInf, 0});
  }
  EXPECT_CLOSE(exp(array({-5, 3}, int32)), {0.006737946999085467, 20.085536923187668}, 1e-6);
}

TEST(UnaryTest, EveryLayoutAndSizeGivesTheSameResult) {
  for (DType dtype : kFloatingDTypes) {
    for (const Shape& shape :
         {Shape{}, Shape{0}, Shape{1}, Shape{17}, Shape{3, 4, 5}, Shape{200, 200}}) {
      const NDArray a = noise(shape, dtype);
      std::vector<double> e, r;
      for (double v : elements(a)) {
        e.push_back(std::exp(v));
        r.push_back(v > 0 ? v : 0);
      }
      for (const NDArray& x : test::layouts(a)) {
        EXPECT_CLOSE(exp(x), e, 3e-7);
        EXPECT_CLOSE(relu(x), r);
      }
    }
    EXPECT_CLOSE(exp(array({1}, dtype).expand({2, 2})), std::vector<double>(4, std::exp(1.0)),
                 3e-7);
  }
}

TEST(UnaryTest, ErrorsNameTheOperation) {
  EXPECT_THROWS(DTypeError, "[neg] expected a numeric dtype, got bool", neg(noise({2}, bool_)));
  EXPECT_THROWS(DTypeError, "[relu] expected a numeric dtype, got bool", relu(noise({2}, bool_)));
  EXPECT_THROWS(RuntimeError, "[exp] expected a defined array", exp(NDArray()));
}

TEST(PointwiseTest, AnIntegerDivisorOfZeroIsNamedWithItsPosition) {
  const NDArray a = test::array({1, 2, 3}, int64), b = test::array({3, 0, 0}, int64);
  EXPECT_THROWS(ValueError,
                "[fmod] expected integer divisors other than 0, got a 0 at position 1 of them",
                fmod(a, b));
}

}  // namespace
}  // namespace lamina
