// The convolution kernels beside plain loops in double precision, over random geometries. BUILD runs
// this on lower instruction sets, too.
#include "lamina/tensor/kernels/conv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/kernels/conv_winograd.h"
#include "lamina/tensor/parallel.h"

namespace lamina::kernels {
namespace {

// Of small integers, whose sums are exact in float32.
std::vector<float> numbers(std::mt19937& random, int64_t n) {
  std::vector<float> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(static_cast<float>(random() % 9) - 4.0f);
  return all;
}

enum class Kind { kAny, kWinograd };

struct Case {
  Convolution conv;
  std::vector<float> x, weight, bias, dy;

  explicit Case(std::mt19937& random, Kind kind = Kind::kAny) {
    const auto up_to = [&](int64_t most) {
      return 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(most));
    };
    const bool is_large = random() % 4 == 0;
    conv.images = up_to(3);
    conv.groups = up_to(3);
    conv.channels = random() % 3 == 0 ? 1 : up_to(is_large ? 80 : 5);
    conv.filters = random() % 3 == 0 ? 1 : up_to(is_large ? 40 : 5);
    for (ConvAxis* axis : {&conv.rows, &conv.columns}) {
      const int64_t dilation = up_to(3), padding = up_to(4) - 1;
      axis->stride = up_to(3);
      axis->extent = up_to(is_large ? 40 : 9);
      const int64_t taps = up_to(4);
      for (int64_t k = 0; k < taps; ++k) axis->offsets.push_back(k * dilation - padding);
      axis->count = up_to(is_large ? 40 : 9);
    }
    if (kind == Kind::kWinograd) {
      conv.groups = up_to(2);
      conv.channels = 15 + up_to(is_large ? 20 : 5);
      conv.filters = 15 + up_to(is_large ? 20 : 5);
      for (ConvAxis* axis : {&conv.rows, &conv.columns}) {
        const int64_t padding = up_to(4) - 1;
        axis->stride = 1;
        axis->extent = 9 + up_to(is_large ? 20 : 5);
        axis->count = axis->extent - 2 + 2 * padding;
        axis->offsets = {-padding, 1 - padding, 2 - padding};
        // As the gradient of the input has them.
        if (random() % 2 == 0) std::swap(axis->offsets[0], axis->offsets[2]);
      }
      conv.images = !is_large && random() % 4 == 0 ? 11 : 4;
    }
    const int64_t channels = conv.groups * conv.channels, filters = conv.groups * conv.filters;
    const int64_t area = conv.rows.extent * conv.columns.extent;
    x = numbers(random, conv.images * channels * area);
    weight = numbers(random, filters * depth());
    bias = numbers(random, filters);
    dy = numbers(random, conv.images * filters * conv.rows.count * conv.columns.count);
    conv.x = x.data();
    conv.x_strides = {channels * area, area, conv.columns.extent, 1};
  }

  int64_t depth() const {
    return conv.channels *
           static_cast<int64_t>(conv.rows.offsets.size() * conv.columns.offsets.size());
  }
  Strides y_strides() const {
    const int64_t area = conv.rows.count * conv.columns.count;
    return {conv.groups * conv.filters * area, area, conv.columns.count, 1};
  }

  // Calls f(place in y, in x, in the weights) for each product.
  template <class F>
  void for_each_product(const F& f) const {
    int64_t y = 0;
    for (int64_t n = 0; n < conv.images; ++n) {
      for (int64_t o = 0; o < conv.groups * conv.filters; ++o) {
        for (int64_t i = 0; i < conv.rows.count; ++i) {
          for (int64_t j = 0; j < conv.columns.count; ++j, ++y) {
            int64_t w = o * depth();
            for (int64_t c = 0; c < conv.channels; ++c) {
              const int64_t channel = o / conv.filters * conv.channels + c;
              for (int64_t r : conv.rows.offsets) {
                for (int64_t s : conv.columns.offsets) {
                  const int64_t row = i * conv.rows.stride + r;
                  const int64_t column = j * conv.columns.stride + s;
                  if (row >= 0 && row < conv.rows.extent && column >= 0 &&
                      column < conv.columns.extent) {
                    f(y,
                      n * conv.x_strides[0] + channel * conv.x_strides[1] +
                          row * conv.x_strides[2] + column,
                      w);
                  }
                  ++w;
                }
              }
            }
          }
        }
      }
    }
  }
};

std::vector<double> as_doubles(const std::vector<float>& x) { return {x.begin(), x.end()}; }

std::vector<double> plain_convolution(const Case& c) {
  std::vector<double> y(c.dy.size());
  const int64_t area = c.conv.rows.count * c.conv.columns.count;
  for (size_t k = 0; k < y.size(); ++k) {
    const int64_t filter = static_cast<int64_t>(k) / area % static_cast<int64_t>(c.bias.size());
    y[k] = c.bias[static_cast<size_t>(filter)];
  }
  c.for_each_product([&](int64_t place, int64_t x, int64_t w) {
    y[static_cast<size_t>(place)] +=
        static_cast<double>(c.x[static_cast<size_t>(x)]) * c.weight[static_cast<size_t>(w)];
  });
  return y;
}

std::vector<float> convolved(const Case& c) {
  std::vector<float> y(c.dy.size(), 77.0f);
  convolve(c.conv, c.weight.data(), c.bias.data(), y.data(), c.y_strides());
  return y;
}

TEST(Conv, AgreesWithPlainLoops) {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const Case c(random);
    ASSERT_TRUE(is_compact(c.conv));
    SCOPED_TRACE("case " + std::to_string(i));
    ASSERT_EQ(as_doubles(convolved(c)), plain_convolution(c));
  }
}

TEST(Conv, WinogradIsExactForSmallIntegers) {
  std::mt19937 random(5);
  for (int i = 0; i < 20; ++i) {
    const Case c(random, Kind::kWinograd);
    SCOPED_TRACE("case " + std::to_string(i));
    ASSERT_TRUE(suits_winograd(c.conv));
    ASSERT_EQ(as_doubles(convolved(c)), plain_convolution(c));
  }
}

TEST(Conv, WinogradRoundsAsLittleAsItsHeaderSays) {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 10; ++i) {
    Case c(random, Kind::kWinograd);
    SCOPED_TRACE("case " + std::to_string(i));
    for (std::vector<float>* numbers : {&c.x, &c.weight, &c.bias}) {
      for (float& v : *numbers) v = normal(random);
    }
    const std::vector<float> y = convolved(c);
    const std::vector<double> expected = plain_convolution(c);
    double largest = 0, error = 0;
    for (size_t k = 0; k < y.size(); ++k) {
      largest = std::max(largest, std::abs(expected[k]));
      error = std::max(error, std::abs(y[k] - expected[k]));
    }
    EXPECT_LE(error, 1e-6 * largest);
  }
}

TEST(Conv, WinogradGivesTheSameBitsOnAnyNumberOfThreads) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  const int threads = get_num_threads();
  for (int i = 0; i < 5; ++i) {
    Case c(random, Kind::kWinograd);
    for (float& v : c.x) v = normal(random);
    c.x[c.x.size() / 2] = INFINITY;  // whose image is computed again
    std::vector<float> y[2];
    for (int k = 0; k < 2; ++k) {
      set_num_threads(k == 0 ? 1 : 4);
      y[k] = convolved(c);
      for (float& v : y[k]) v = std::isnan(v) ? 77.0f : v;
    }
    EXPECT_EQ(y[0], y[1]);
  }
  set_num_threads(threads);
}

// 3e38 - -3e38 is a number of the transform; the results are far from an overflow.
TEST(Conv, WinogradOverflowsNoSoonerThanTheSumsDo) {
  std::mt19937 random(8);
  Case c(random, Kind::kWinograd);
  for (float& v : c.weight) v *= 1e-38f;
  for (float& v : c.x) v = v > 0 ? 3e38f : -3e38f;
  const std::vector<float> y = convolved(c);
  const std::vector<double> expected = plain_convolution(c);
  for (size_t k = 0; k < y.size(); ++k) ASSERT_NEAR(y[k], expected[k], 0.01);
}

TEST(Conv, WeightsAgreeWithPlainLoops) {
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) {
    const Case c(random);
    SCOPED_TRACE("case " + std::to_string(i));
    std::vector<double> expected(c.weight.size());
    c.for_each_product([&](int64_t y, int64_t x, int64_t w) {
      expected[static_cast<size_t>(w)] +=
          static_cast<double>(c.x[static_cast<size_t>(x)]) * c.dy[static_cast<size_t>(y)];
    });
    std::vector<float> got(c.weight.size(), 77.0f);
    convolve_weights(c.conv, c.dy.data(), c.y_strides(), got.data());
    ASSERT_EQ(as_doubles(got), expected);
  }
}

// Rows and columns of the result that lie apart, as those of a phase of an input gradient do.
TEST(Conv, WritesToAnyStrides) {
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    const Case c(random, i < 50 ? Kind::kAny : Kind::kWinograd);
    std::vector<float> dense(c.dy.size());
    convolve(c.conv, c.weight.data(), nullptr, dense.data(), c.y_strides());
    Strides strides = c.y_strides();
    for (int d = 0; d < 4; ++d) strides[d] *= 3;
    std::vector<float> apart(3 * dense.size(), 77.0f);
    convolve(c.conv, c.weight.data(), nullptr, apart.data() + 1, strides);
    for (size_t k = 0; k < dense.size(); ++k) {
      ASSERT_EQ(apart[3 * k + 1], dense[k]);
      ASSERT_EQ(apart[3 * k], 77.0f);
      ASSERT_EQ(apart[3 * k + 2], 77.0f);
    }
  }
}

// An infinity in the image reaches the windows and weights that see it, and no others.
TEST(Conv, KeepsInfinitiesWhereTheyBelong) {
  std::mt19937 random(4);
  for (int i = 0; i < 110; ++i) {
    Case c(random, i < 100 ? Kind::kAny : Kind::kWinograd);
    const size_t place = random() % c.x.size();
    std::vector<bool> reached(c.dy.size()), sees(c.weight.size());
    c.for_each_product([&](int64_t y, int64_t x, int64_t w) {
      if (static_cast<size_t>(x) != place) return;
      reached[static_cast<size_t>(y)] = true;
      sees[static_cast<size_t>(w)] = true;
    });
    c.x[place] = INFINITY;
    std::vector<float> y(c.dy.size()), dweight(c.weight.size());
    convolve(c.conv, c.weight.data(), nullptr, y.data(), c.y_strides());
    convolve_weights(c.conv, c.dy.data(), c.y_strides(), dweight.data());
    for (size_t k = 0; k < y.size(); ++k) ASSERT_EQ(!std::isfinite(y[k]), reached[k]);
    for (size_t k = 0; k < dweight.size(); ++k) ASSERT_EQ(!std::isfinite(dweight[k]), sees[k]);
  }
}

}  // namespace
}  // namespace lamina::kernels
