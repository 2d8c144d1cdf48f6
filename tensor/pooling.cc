// Pooling and resampling of images.
#include "lamina/tensor/pooling.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_join.h"
#include "lamina/tensor/kernels/pool.h"

namespace lamina {
namespace {

// Windows along one axis; where they are rounded up, the last one begins in the image or the padding
// before it.
int64_t count_pool_windows(const kernels::WindowAxis& w, bool ceil_mode) {
  const __int128 room = static_cast<__int128>(w.extent) + 2 * static_cast<__int128>(w.padding) -
                        static_cast<__int128>(w.dilation) * (w.kernel - 1) - 1 +
                        (ceil_mode ? w.stride - 1 : 0);
  if (room < 0) return 0;
  int64_t count = static_cast<int64_t>(room / w.stride) + 1;
  if (ceil_mode && static_cast<__int128>(count - 1) * w.stride >= w.extent + w.padding) --count;
  return count;
}

ValuesIndices<NDArray> pool(const char* op, const NDArray& x, const Dims& kernel,
                            const MaxPoolOptions& options, bool indices) {
  check_defined(op, x);
  check_floating(op, x.dtype());
  const kernels::Windows w = internal::pool_windows(op, x.shape(), kernel, options, 2);
  if (is_half(x.dtype())) {
    ValuesIndices<NDArray> wide = pool(op, to(x, float32), kernel, options, indices);
    return {to(wide.values, x.dtype()), wide.indices};
  }
  Shape shape = x.shape();
  shape[x.dim() - 2] = w.rows.count;
  shape[x.dim() - 1] = w.columns.count;
  ValuesIndices<NDArray> out{NDArray::empty(shape, x.dtype()),
                             indices ? NDArray::empty(shape, int64) : NDArray()};
  const NDArray images = contiguous(x);
  const int64_t planes = x.numel() / (w.rows.extent * w.columns.extent);
  kernels::max_pool(x.dtype(), w, planes, images.raw_data(), out.values.raw_data(),
                    indices ? out.indices.data<int64_t>() : nullptr);
  return out;
}

}  // namespace

kernels::Windows internal::pool_windows(const char* op, const Shape& shape, const Dims& kernel,
                                        const MaxPoolOptions& options, int axes) {
  if (shape.rank() != axes + 2 && shape.rank() != axes + 1) {
    fail<ShapeError>(op, "expected x ",
                     axes == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)",
                     ", got shape ", shape.str());
  }
  Dims image, k = per_axis(op, "kernel", kernel, axes, 1),
              s = options.stride.empty() ? k : per_axis(op, "stride", options.stride, axes, 1),
              p = per_axis(op, "padding", options.padding, axes, 0),
              d = per_axis(op, "dilation", options.dilation, axes, 1);
  for (int a = 0; a < axes; ++a) {
    image.push_back(shape[shape.rank() - axes + a]);
    if (p[a] > k[a] / 2) {
      fail<ValueError>(op, "expected a padding of at most half the kernel, got ", p.str(),
                       " for kernel ", k.str());
    }
  }
  const Dims shown = k;
  if (axes == 1) {  // images of one row
    for (Dims* dims : {&image, &k, &s, &d}) dims->insert(0, 1);
    p.insert(0, 0);
  }
  kernels::Windows w{{image[0], k[0], d[0], p[0], s[0], 0}, {image[1], k[1], d[1], p[1], s[1], 0}};
  for (kernels::WindowAxis* axis : {&w.rows, &w.columns}) {
    axis->count = axis->extent == 0 ? 0 : count_pool_windows(*axis, options.ceil_mode);
    if (axis->count == 0) {
      fail<ShapeError>(op, "expected a kernel that fits into the padded input, got ", shown.str(),
                       " for shape ", shape.str());
    }
  }
  return w;
}

NDArray internal::pool_divisors(const kernels::Windows& w, bool count_include_pad) {
  bool alike = true;
  const auto lengths = [&](const kernels::WindowAxis& axis) {
    std::vector<double> all;
    for (int64_t i = 0; i < axis.count; ++i) {
      const int64_t begin = i * axis.stride - axis.padding;
      const int64_t end = std::min(begin + axis.kernel, axis.extent + axis.padding);
      const int64_t inside = std::min(end, axis.extent) - std::max<int64_t>(begin, 0);
      all.push_back(static_cast<double>(count_include_pad ? end - begin : inside));
      alike = alike && all.back() == static_cast<double>(axis.kernel);
    }
    return all;
  };
  const std::vector<double> rows = lengths(w.rows), columns = lengths(w.columns);
  if (alike) return NDArray();
  return mul(NDArray::from(rows, {w.rows.count, 1}), NDArray::from(columns, {w.columns.count}));
}

void internal::check_images(const char* op, const Shape& shape) {
  const int rank = shape.rank();
  if ((rank != 3 && rank != 4) || shape[rank - 1] < 1 || shape[rank - 2] < 1) {
    fail<ShapeError>(op, "expected x (N, C, H, W) or (C, H, W) with pixels, got shape ",
                     shape.str());
  }
}

internal::AdaptiveWindows internal::adaptive_windows(int64_t extent, int64_t outputs) {
  std::vector<int64_t> begins;
  std::vector<double> lengths;
  int64_t longest = 1;
  for (int64_t i = 0; i < outputs; ++i) {
    begins.push_back(i * extent / outputs);
    const int64_t length = ((i + 1) * extent + outputs - 1) / outputs - begins.back();
    lengths.push_back(static_cast<double>(length));
    longest = std::max(longest, length);
  }
  std::vector<int64_t> places;
  std::vector<bool> unused;
  for (size_t i = 0; i < begins.size(); ++i) {
    for (int64_t k = 0; k < longest; ++k) {
      places.push_back(std::min(begins[i] + k, extent - 1));
      unused.push_back(static_cast<double>(k) >= lengths[i]);
    }
  }
  return {NDArray::from(places, {outputs, longest}), NDArray::from(unused, {outputs, longest}),
          NDArray::from(lengths, {outputs})};
}

Dims internal::interpolated_size(int64_t height, int64_t width, const InterpolateOptions& options) {
  constexpr const char* kName = "interpolate";
  const std::vector<double>& factors = options.scale_factor;
  if (options.size.empty() == factors.empty()) {
    fail<ValueError>(kName, "expected either a size or a scale_factor, got ",
                     factors.empty() ? "neither" : "both");
  }
  if (options.align_corners && options.mode == InterpolateMode::kNearest)
    fail<ValueError>(kName, "expected align_corners with the mode kBilinear alone");
  if (factors.empty()) return per_axis(kName, "size", options.size, 2, 1);
  Dims size;
  for (int axis = 0; axis < 2; ++axis) {
    const double factor = factors[axis == 0 ? 0 : factors.size() - 1];
    const double outputs = std::floor(static_cast<double>(axis == 0 ? height : width) * factor);
    if (factors.size() > 2 || !(outputs >= 1 && outputs < 0x1p40)) {
      fail<ValueError>(kName, "expected one or two factors that leave rows and columns, got ",
                       absl::StrJoin(factors, " and "), " for ", height, " x ", width);
    }
    size.push_back(static_cast<int64_t>(outputs));
  }
  return size;
}

internal::Interpolation internal::interpolation(int64_t extent, int64_t outputs,
                                                const InterpolateOptions& options, int axis) {
  const std::vector<double>& factors = options.scale_factor;
  const double ratio = static_cast<double>(extent) / static_cast<double>(outputs);
  double step = factors.empty() ? ratio : 1 / factors[axis == 0 ? 0 : factors.size() - 1];
  std::vector<int64_t> low, high;
  std::vector<double> weight;
  if (options.mode == InterpolateMode::kNearest) {
    // In float32, as in PyTorch: where the product is nearly an integer, the bits decide.
    const float scale = factors.empty() ? static_cast<float>(extent) / static_cast<float>(outputs)
                                        : static_cast<float>(step);
    for (int64_t i = 0; i < outputs; ++i) {
      const auto place = static_cast<int64_t>(std::floor(static_cast<float>(i) * scale));
      low.push_back(std::min(place, extent - 1));
    }
    return {NDArray::from(low, outputs), NDArray(), NDArray()};
  }
  if (options.align_corners)
    step = outputs > 1 ? static_cast<double>(extent - 1) / static_cast<double>(outputs - 1) : 0;
  for (int64_t i = 0; i < outputs; ++i) {
    const double at = static_cast<double>(i);
    const double place = options.align_corners ? at * step : (at + 0.5) * step - 0.5;
    const double inside = std::clamp(place, 0.0, static_cast<double>(extent - 1));
    low.push_back(static_cast<int64_t>(inside));
    high.push_back(std::min(low.back() + 1, extent - 1));
    weight.push_back(inside - static_cast<double>(low.back()));
  }
  return {NDArray::from(low, outputs), NDArray::from(high, outputs),
          NDArray::from(weight, outputs)};
}

NDArray max_pool2d(const NDArray& x, const Dims& kernel, const MaxPoolOptions& options) {
  return pool("max_pool2d", x, kernel, options, false).values;
}
ValuesIndices<NDArray> max_pool2d_with_indices(const NDArray& x, const Dims& kernel,
                                               const MaxPoolOptions& options) {
  return pool("max_pool2d_with_indices", x, kernel, options, true);
}

}  // namespace lamina
