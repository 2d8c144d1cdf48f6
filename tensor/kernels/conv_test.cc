// The convolution kernels beside plain loops in double precision, over random geometries. BUILD runs
// this on lower instruction sets, too.
#include "lamina/tensor/kernels/conv.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace lamina::kernels {
namespace {

// Of small integers, whose sums are exact in float32.
std::vector<float> numbers(std::mt19937& random, int64_t n) {
  std::vector<float> all;
  for (int64_t i = 0; i < n; ++i) all.push_back(static_cast<float>(random() % 9) - 4.0f);
  return all;
}

struct Case {
  Convolution conv;
  std::vector<float> x, weight, bias, dy;

  explicit Case(std::mt19937& random) {
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

TEST(Conv, AgreesWithPlainLoops) {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const Case c(random);
    ASSERT_TRUE(is_compact(c.conv));
    SCOPED_TRACE("case " + std::to_string(i));
    std::vector<double> expected(c.dy.size());
    const int64_t area = c.conv.rows.count * c.conv.columns.count;
    for (size_t k = 0; k < expected.size(); ++k) {
      const int64_t filter = static_cast<int64_t>(k) / area % static_cast<int64_t>(c.bias.size());
      expected[k] = c.bias[static_cast<size_t>(filter)];
    }
    c.for_each_product([&](int64_t y, int64_t x, int64_t w) {
      expected[static_cast<size_t>(y)] +=
          static_cast<double>(c.x[static_cast<size_t>(x)]) * c.weight[static_cast<size_t>(w)];
    });
    std::vector<float> got(c.dy.size(), 77.0f);
    convolve(c.conv, c.weight.data(), c.bias.data(), got.data(), c.y_strides());
    ASSERT_EQ(as_doubles(got), expected);
  }
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
  for (int i = 0; i < 50; ++i) {
    const Case c(random);
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
  for (int i = 0; i < 100; ++i) {
    Case c(random);
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
