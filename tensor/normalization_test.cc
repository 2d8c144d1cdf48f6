// normalize and normalize_backward beside plain loops in double precision.
#include "lamina/tensor/normalization.h"

#include <cmath>
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/parallel.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::elements;
using test::kFloatingDTypes;
using test::noise;

constexpr double kEps = 1e-3;

// The same by definition: `group` and `parameter` say where in the view an element belongs.
struct Naive {
  std::vector<double> y, dx, dweight, dbias;
};
Naive naive(const std::vector<double>& x, const std::vector<double>& dy,
            const std::vector<double>& weight, const std::vector<double>& bias, bool centered,
            int64_t groups, const std::function<size_t(size_t)>& group,
            const std::function<size_t(size_t)>& parameter) {
  const auto size = static_cast<size_t>(groups);
  std::vector<double> count(size), mean(size), variance(size), g(size), gh(size);
  const auto n = x.size();
  for (size_t i = 0; i < n; ++i) count[group(i)] += 1;
  for (size_t i = 0; i < n && centered; ++i) mean[group(i)] += x[i] / count[group(i)];
  for (size_t i = 0; i < n; ++i) {
    variance[group(i)] += std::pow(x[i] - mean[group(i)], 2) / count[group(i)];
  }
  const auto scale = [&](size_t i) { return 1 / std::sqrt(variance[group(i)] + kEps); };
  const auto h = [&](size_t i) { return (x[i] - mean[group(i)]) * scale(i); };
  Naive out{{}, {}, std::vector<double>(weight.size()), std::vector<double>(weight.size())};
  for (size_t i = 0; i < n; ++i) {
    const size_t p = parameter(i);
    out.y.push_back(h(i) * weight[p] + bias[p]);
    out.dweight[p] += dy[i] * h(i);
    out.dbias[p] += dy[i];
    if (centered) g[group(i)] += dy[i] * weight[p] / count[group(i)];
    gh[group(i)] += dy[i] * weight[p] * h(i) / count[group(i)];
  }
  for (size_t i = 0; i < n; ++i) {
    out.dx.push_back((dy[i] * weight[parameter(i)] - g[group(i)] - h(i) * gh[group(i)]) * scale(i));
  }
  return out;
}

void expect_as_naive(const Shape& shape, const Normalization& how,
                     const std::function<size_t(size_t)>& group,
                     const std::function<size_t(size_t)>& parameter) {
  SCOPED_TRACE(how.view.str());
  for (const DType dtype : kFloatingDTypes) {
    const int64_t parameters = how.affine.numel();
    const NDArray x = noise(shape, dtype, 1) * 3 + 5, dy = noise(shape, dtype, 2),
                  weight = noise({parameters}, dtype, 3) + 1, bias = noise({parameters}, dtype, 4);
    const Naive wanted = naive(elements(x), elements(dy), elements(weight), elements(bias),
                               how.centered, how.groups(), group, parameter);
    const double rtol = dtype == float32 ? 2e-5 : 1e-12;
    const Normalized got = normalize(x, weight, bias, how, kEps);
    EXPECT_CLOSE(got.y, wanted.y, rtol, rtol);
    const NormalizedGradients gradients =
        normalize_backward(dy, x, weight, got.mean, got.variance, how, kEps, {});
    const double atol = rtol * std::sqrt(static_cast<double>(x.numel()));
    EXPECT_CLOSE(gradients.dx, wanted.dx, rtol, rtol);
    EXPECT_CLOSE(gradients.dweight, wanted.dweight, rtol, atol);
    EXPECT_CLOSE(gradients.dbias, wanted.dbias, rtol, atol);
  }
}

TEST(NormalizationTest, OfRowsOfEveryLength) {
  for (const int64_t n : {1, 2, 7, 8, 16, 17, 31, 64, 65, 129, 2048, 2500}) {
    for (const bool centered : {true, false}) {
      if (n == 1 && centered) continue;  // dx is 0: rounding has no measure
      const Shape shape = {37, n};
      const auto columns = static_cast<size_t>(n);
      expect_as_naive(
          shape, Normalization::of_rows(shape, 1, centered), [=](size_t i) { return i / columns; },
          [=](size_t i) { return i % columns; });
    }
  }
}

TEST(NormalizationTest, OfManyRows) {
  const Shape shape = {5000, 3};
  expect_as_naive(
      shape, Normalization::of_rows(shape, 1, true), [](size_t i) { return i / 3; },
      [](size_t i) { return i % 3; });
}

TEST(NormalizationTest, OfGroupsOfChannels) {
  for (const int64_t inner : {2, 9, 16, 33, 70, 4100}) {
    const Shape shape = {3, 6, inner};
    const auto size = static_cast<size_t>(inner);
    for (const size_t each : {1, 2, 6}) {  // channels of a group
      expect_as_naive(
          shape, Normalization::of_groups(shape, static_cast<int64_t>(6 / each)),
          [=](size_t i) { return i / (size * each); }, [=](size_t i) { return i / size % 6; });
    }
  }
}

TEST(NormalizationTest, OfChannels) {
  for (const int64_t inner : {1, 3, 15, 16, 33, 196, 2100}) {
    const Shape shape = {13, 5, inner};
    const auto size = static_cast<size_t>(inner);
    const auto channel = [=](size_t i) { return i / size % 5; };
    expect_as_naive(shape, Normalization::of_channels(shape), channel, channel);
  }
}

TEST(NormalizationTest, GivesTheSameBitsAtAnyNumberOfThreads) {
  const int before = get_num_threads();
  for (const Shape& shape : {Shape{4000, 50}, Shape{40, 60, 70}}) {
    const auto how = shape.rank() == 2 ? Normalization::of_rows(shape, 1, true)
                                       : Normalization::of_channels(shape);
    const NDArray x = noise(shape, float32, 1), dy = noise(shape, float32, 2), none;
    std::vector<std::vector<double>> runs;
    for (const int threads : {1, 2, 5}) {
      set_num_threads(threads);
      const Normalized y = normalize(x, none, none, how, kEps);
      const NormalizedGradients g =
          normalize_backward(dy, x, none, y.mean, y.variance, how, kEps, {});
      std::vector<double> all;
      for (const NDArray& a : {y.y, y.mean, y.variance, g.dx, g.dweight, g.dbias}) {
        for (const double v : elements(a)) all.push_back(v);
      }
      runs.push_back(all);
    }
    EXPECT_EQ(runs[0], runs[1]);
    EXPECT_EQ(runs[0], runs[2]);
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace lamina
