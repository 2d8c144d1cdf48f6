#include "lamina/tensor/kernels/unfold.h"

#include <algorithm>
#include <type_traits>

#include "lamina/tensor/kernels/strided.h"

namespace lamina::kernels {
namespace {

template <class T>
void unfold_all(const Windows& w, int64_t images, int64_t channels, const T* x,
                const Strides& strides, T* columns) {
  const int64_t kernel_rows = w.rows.kernel, kernel_columns = w.columns.kernel;
  const int64_t count = w.rows.count * w.columns.count;
  const int64_t lines = images * channels * kernel_rows * kernel_columns;
  parallel_for(
      0, lines, std::max<int64_t>(1, kParallelGrain / count), [&](int64_t first, int64_t last) {
        for (int64_t line = first; line < last; ++line) {
          const int64_t kc = line % kernel_columns, kr = line / kernel_columns % kernel_rows;
          const int64_t plane = line / kernel_columns / kernel_rows;
          const T* image = x + plane / channels * strides[0] + plane % channels * strides[1];
          const WindowRange rows = windows_inside(w.rows, kr), cols = windows_inside(w.columns, kc);
          T* to = columns + line * count;
          for (int64_t r = 0; r < w.rows.count; ++r, to += w.columns.count) {
            if (r < rows.first || r >= rows.last) {
              std::fill_n(to, w.columns.count, T(0));
              continue;
            }
            std::fill_n(to, cols.first, T(0));
            if (cols.first < cols.last) {
              const T* from =
                  image + (r * w.rows.stride + kr * w.rows.dilation - w.rows.padding) * strides[2] +
                  (cols.first * w.columns.stride + kc * w.columns.dilation - w.columns.padding) *
                      strides[3];
              const int64_t n = cols.last - cols.first;
              const int64_t step = n == 1 ? 1 : w.columns.stride * strides[3];
              if (step == 1) {
                std::copy_n(from, n, to + cols.first);
              } else {
                for (int64_t c = 0; c < n; ++c) to[cols.first + c] = from[c * step];
              }
            }
            std::fill_n(to + cols.last, w.columns.count - cols.last, T(0));
          }
        }
      });
}

template <class T>
void fold_all(const Windows& w, int64_t planes, const T* columns, T* images) {
  if (planes == 0) return;
  const int64_t area = w.rows.kernel * w.columns.kernel;
  const int64_t count = w.rows.count * w.columns.count;
  const int64_t work = std::max<int64_t>(1, area * count);
  parallel_for(
      0, planes, std::max<int64_t>(1, kParallelGrain / work), [&](int64_t first, int64_t last) {
        for (int64_t plane = first; plane < last; ++plane) {
          T* image = images + plane * w.rows.extent * w.columns.extent;
          for (int64_t k = 0; k < area; ++k) {
            const int64_t kr = k / w.columns.kernel, kc = k % w.columns.kernel;
            const WindowRange rows = windows_inside(w.rows, kr),
                              cols = windows_inside(w.columns, kc);
            for (int64_t r = rows.first; r < rows.last; ++r) {
              if (cols.first == cols.last) break;
              const T* from =
                  columns + (plane * area + k) * count + r * w.columns.count + cols.first;
              T* to =
                  image +
                  (r * w.rows.stride + kr * w.rows.dilation - w.rows.padding) * w.columns.extent +
                  cols.first * w.columns.stride + kc * w.columns.dilation - w.columns.padding;
              const int64_t n = cols.last - cols.first;
              for (int64_t c = 0; c < n; ++c) {
                T& sum = to[c * w.columns.stride];
                if constexpr (std::is_integral_v<T>) {  // wraps around
                  using U = std::make_unsigned_t<T>;
                  sum = static_cast<T>(static_cast<U>(sum) + static_cast<U>(from[c]));
                } else {
                  sum += from[c];
                }
              }
            }
          }
        }
      });
}

}  // namespace

void unfold(const Windows& windows, int64_t images, int64_t channels, int64_t item, const void* x,
            const Strides& x_strides, void* columns) {
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    unfold_all(windows, images, channels, static_cast<const T*>(x), x_strides,
               static_cast<T*>(columns));
  };
  switch (item) {
    case 1:
      return run(uint8_t{});
    case 2:
      return run(uint16_t{});
    case 4:
      return run(uint32_t{});
    default:
      return run(uint64_t{});
  }
}

void fold(const Windows& windows, int64_t planes, DType dtype, const void* columns, void* images) {
  dispatch(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if constexpr (!std::is_same_v<T, bool>) {
      fold_all(windows, planes, static_cast<const T*>(columns), static_cast<T*>(images));
    }
  });
}

}  // namespace lamina::kernels
