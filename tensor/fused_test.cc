#include "lamina/tensor/fused.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::array;
using test::elements;
using test::kFloatingDTypes;
using test::kInf;
using test::kNan;
using test::noise;

TEST(ReluBackwardTest, LetsThroughWhereTheOutputIsNotZero) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray dy = array({1, 2, 3, 4, 5, 6}, {2, 3}, dtype),
                  y = array({0, 0.5, 0, 2, kNan, kInf}, {2, 3}, dtype);
    for (const NDArray& a : test::layouts(dy)) {
      for (const NDArray& b : test::layouts(y))
        EXPECT_CLOSE(relu_backward(a, b), {0, 2, 0, 4, 5, 6});
    }
    EXPECT_CLOSE(
        relu_backward(NDArray::full({}, 3, dtype).expand({50000}), NDArray::ones(50000, dtype)),
        std::vector<double>(50000, 3));
    EXPECT_EQ(relu_backward(NDArray::zeros({0, 2}, dtype), NDArray::zeros({0, 2}, dtype)).shape(),
              (Shape{0, 2}));
  }
  EXPECT_THROWS(
      ShapeError,
      "[relu_backward] expected dy and y of one shape and dtype, got (2,) float32 and (3,) float32",
      relu_backward(noise({2}), noise({3})));
  EXPECT_THROWS(ShapeError, "(2,) float64 and (2,) float32",
                relu_backward(noise({2}, float64), noise({2})));
  EXPECT_THROWS(DTypeError, "[relu_backward] expected a floating dtype, got int64",
                relu_backward(noise({2}, int64), noise({2}, int64)));
}

TEST(NllTest, TakesTheNegativeOfTheLabelledColumn) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray p = array({-1, -2, -3, -4, -5, -6}, {2, 3}, dtype);
    for (const NDArray& q : test::layouts(p)) {
      for (const NDArray& labels : test::layouts(array({2, 0}, int64))) {
        EXPECT_CLOSE(nll(q, labels), {3, 4});
        EXPECT_EQ(nll(q, labels).shape(), Shape(2));
      }
    }
    EXPECT_EQ(nll(NDArray::zeros({0, 3}, dtype), NDArray::zeros(0, int64)).shape(), Shape(0));
    EXPECT_EQ(nll(NDArray::zeros({0, 0}, dtype), NDArray::zeros(0, int64)).shape(), Shape(0));
  }
}

TEST(CrossEntropyBackwardTest, IsTheGradientOfEachLogit) {
  for (DType dtype : kFloatingDTypes) {
    for (int64_t classes : {1, 2, 3, 10, 16, 17, 40}) {
      const int64_t n = 5;
      const NDArray log_p = log_softmax(noise({n, classes}, dtype), 1), dy = noise({n}, dtype, 2);
      NDArray labels = NDArray::empty(n, int64);
      for (int64_t i = 0; i < n; ++i) labels.data<int64_t>()[i] = i * 7 % classes;
      const std::vector<double> p = elements(log_p), scale = elements(dy);
      std::vector<double> expected;
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t c = 0; c < classes; ++c) {
          expected.push_back(
              scale[static_cast<size_t>(i)] *
              (std::exp(p[static_cast<size_t>(i * classes + c)]) - (c == i * 7 % classes)));
        }
      }
      for (const NDArray& q : test::layouts(log_p)) {
        for (const NDArray& d : test::layouts(dy))
          EXPECT_CLOSE(cross_entropy_backward(q, labels, d), expected, 1e-6, 1e-6);
      }
    }
  }
}

TEST(CrossEntropyBackwardTest, ImpossibleClassesAndNanRows) {
  for (DType dtype : kFloatingDTypes) {
    const NDArray log_p = array({-kInf, 0, kNan, kNan}, {2, 2}, dtype),
                  labels = array({1, 0}, int64);
    EXPECT_CLOSE(cross_entropy_backward(log_p, labels, NDArray::ones(2, dtype)),
                 {0, 0, kNan, kNan});
    EXPECT_EQ(cross_entropy_backward(NDArray::zeros({0, 3}, dtype), NDArray::zeros(0, int64),
                                     NDArray::zeros(0, dtype))
                  .shape(),
              (Shape{0, 3}));
  }
}

TEST(ActivationTest, InfinitiesGiveTheLimitsAndNanStays) {
  for (const DType dtype : kFloatingDTypes) {
    const NDArray x = array({-kInf, kInf, kNan, 0}, {4}, dtype), dy = NDArray::ones(4, dtype);
    for (const NDArray& y : {gelu(x, Gelu::kExact), gelu(x, Gelu::kTanh), silu(x)}) {
      EXPECT_CLOSE(y, {0, kInf, kNan, 0});
    }
    for (const NDArray& dx : {gelu_backward(dy, x, Gelu::kExact), gelu_backward(dy, x, Gelu::kTanh),
                              silu_backward(dy, x)}) {
      EXPECT_CLOSE(dx, {0, 1, kNan, 0.5}, 3e-7);
    }
  }
}

// The tails of float32 keep their relative accuracy: against the C library in double.
TEST(ActivationTest, SlopesAreRightOverAllMagnitudes) {
  std::vector<double> xs;
  for (double x = -80; x <= 80; x += 0.0137) xs.push_back(static_cast<float>(x));
  const NDArray x = array(xs, float32), dy = NDArray::ones(x.numel());
  const auto expect_slopes = [&](const NDArray& got, double (*slope)(double)) {
    const std::vector<double> values = elements(got);
    for (size_t i = 0; i < xs.size(); ++i) {
      const double exact = slope(xs[i]);
      // x Phi(x) has a slope of 0 near -0.75, x sigmoid(x) near -1.28: an absolute bound there.
      const double bound = std::abs(xs[i]) < 2 ? 3e-7 : 2e-6 * std::abs(exact) + 1e-44;
      EXPECT_NEAR(values[i], exact, bound) << xs[i];
    }
  };
  expect_slopes(gelu_backward(dy, x, Gelu::kExact), [](double v) {
    return 0.5 * std::erfc(-v / std::sqrt(2.0)) + v * std::exp(-v * v / 2) / std::sqrt(2 * M_PI);
  });
  expect_slopes(silu_backward(dy, x), [](double v) {
    const double s = 1 / (1 + std::exp(-v));
    return s + v * s / (1 + std::exp(v));
  });
}

TEST(FusedTest, LabelsAreChecked) {
  const NDArray p = noise({2, 3}), dy = noise({2});
  EXPECT_THROWS(IndexError, "[nll] expected labels from 0 to 2, got 3 at position 1",
                nll(p, array({0, 3}, int64)));
  EXPECT_THROWS(IndexError, "[nll] expected labels from 0 to 2, got -1 at position 0",
                nll(p, array({-1, 0}, int64)));
  EXPECT_THROWS(IndexError, "[cross_entropy_backward] expected labels",
                cross_entropy_backward(p, array({0, 3}, int64), dy));
  EXPECT_THROWS(DTypeError, "[nll] expected labels of dtype int64, got int32",
                nll(p, array({0, 1}, int32)));
  EXPECT_THROWS(ShapeError, "[nll] expected (n, classes) and labels (n), got (2, 3) and (3,)",
                nll(p, array({0, 1, 2}, int64)));
  EXPECT_THROWS(ShapeError, "got (2,) and (2,)", nll(dy, array({0, 0}, int64)));
  EXPECT_THROWS(DTypeError, "[nll] expected a floating dtype, got int64",
                nll(p.to(int64), array({0, 0}, int64)));
  EXPECT_THROWS(
      ShapeError,
      "[cross_entropy_backward] expected dy of shape (2,) and dtype float32, got (3,) and float32",
      cross_entropy_backward(p, array({0, 0}, int64), noise({3})));
  EXPECT_THROWS(RuntimeError, "[nll] expected a defined array", nll(NDArray(), array({0}, int64)));
}

TEST(CrossEntropyBackwardTest, LabelsThatWereOverwrittenSinceTheyWereCheckedWriteNowhereElse) {
  const NDArray log_p = NDArray::zeros({3, 2}), labels = array({2, -1, 1 << 20}, int64);
  EXPECT_CLOSE(cross_entropy_backward(log_p, labels, NDArray::ones(3), Labels::kChecked),
               {1, 1, 1, 1, 1, 1});
  EXPECT_THROWS(IndexError, "[gather] expected indices from 0 to 1",
                nll(log_p, labels, Labels::kChecked));
}

TEST(FusedTest, LabelsWithoutClassesAreRefusedInSoManyWords) {
  EXPECT_THROWS(IndexError,
                "[nll] expected no labels, for there are no classes, got 0 at position 0",
                nll(NDArray::zeros({2, 0}), NDArray::zeros(2, int64)));
}

TEST(FusedTest, ARecurrenceWithoutElementsTakesNoTimeWhateverItsExtents) {
  const NDArray x = NDArray::zeros({0, int64_t{1} << 40});
  EXPECT_EQ(recurrence(x, x, 0).shape(), x.shape());
}

}  // namespace
}  // namespace lamina
