// Maximum pooling beside plain loops, with NaNs, infinities and equal elements among the values.
#include "lamina/tensor/kernels/pool.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

template <class T>
void expect_pools(int64_t planes, const kernels::Windows& w, std::mt19937& random) {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> few = {-inf, -1, -0.0f, 0, 1, 2, 3, inf, nan};
  std::vector<T> x(static_cast<size_t>(planes * w.rows.extent * w.columns.extent));
  // Many equal ones; and planes of -inf or NaN alone.
  for (size_t i = 0; i < x.size(); ++i) x[i] = few[random() % few.size()];
  for (int64_t i = 0; i < w.rows.extent * w.columns.extent; ++i) x[i] = -inf;
  const auto out = static_cast<size_t>(planes * w.rows.count * w.columns.count);
  std::vector<T> values(out), alone(out);
  std::vector<int64_t> places(out);
  kernels::max_pool(dtype_of<T>, w, planes, x.data(), values.data(), places.data());
  kernels::max_pool(dtype_of<T>, w, planes, x.data(), alone.data(), nullptr);

  size_t at = 0;
  for (int64_t plane = 0; plane < planes; ++plane) {
    for (int64_t i = 0; i < w.rows.count; ++i) {
      for (int64_t j = 0; j < w.columns.count; ++j, ++at) {
        int64_t place = -1;
        T best = 0;
        for (int64_t r = 0; r < w.rows.kernel; ++r) {
          for (int64_t s = 0; s < w.columns.kernel; ++s) {
            const int64_t row = i * w.rows.stride + r * w.rows.dilation - w.rows.padding;
            const int64_t column =
                j * w.columns.stride + s * w.columns.dilation - w.columns.padding;
            if (row < 0 || row >= w.rows.extent || column < 0 || column >= w.columns.extent)
              continue;
            const int64_t here = row * w.columns.extent + column;
            const T v = x[plane * w.rows.extent * w.columns.extent + here];
            if (place < 0 || v > best || std::isnan(v)) {
              best = v;
              place = here;
            }
          }
        }
        ASSERT_EQ(places[at], place) << plane << " " << i << " " << j;
        ASSERT_TRUE(std::isnan(best) ? std::isnan(values[at]) : values[at] == best);
        ASSERT_TRUE(std::isnan(best) ? std::isnan(alone[at]) : alone[at] == best);
      }
    }
  }
}

kernels::WindowAxis axis(int64_t extent, int64_t kernel, int64_t stride, int64_t padding,
                         int64_t dilation) {
  const int64_t count = (extent + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
  return {extent, kernel, dilation, padding, stride, count};
}

TEST(PoolTest, PairsOfEveryWidth) {
  std::mt19937 random(1);
  for (int64_t width = 2; width <= 70; ++width) {
    const kernels::Windows w = {axis(2 + width % 5, 2, 2, 0, 1), axis(width, 2, 2, 0, 1)};
    expect_pools<float>(3, w, random);
    expect_pools<double>(3, w, random);
  }
}

TEST(PoolTest, WindowsOfEveryKind) {
  std::mt19937 random(2);
  for (int64_t kernel = 1; kernel <= 3; ++kernel) {
    for (int64_t stride = 1; stride <= 3; ++stride) {
      for (int64_t padding = 0; padding <= kernel / 2; ++padding) {
        for (int64_t dilation = 1; dilation <= 2; ++dilation) {
          const kernels::Windows w = {axis(9, kernel, stride, padding, dilation),
                                      axis(37, kernel, stride, padding, dilation)};
          expect_pools<float>(2, w, random);
          expect_pools<double>(2, w, random);
        }
      }
    }
  }
}

}  // namespace
}  // namespace lamina
