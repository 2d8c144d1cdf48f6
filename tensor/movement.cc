// Copies that join, reverse and pad, and the windows of images.
#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"
#include "lamina/tensor/kernels/copy.h"
#include "lamina/tensor/kernels/unfold.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/windows.h"

namespace lamina {

NDArray cat(absl::Span<const NDArray> arrays, int64_t dim) {
  const OpScope scope("cat");
  if (arrays.empty()) fail<ValueError>("cat", "expected at least one array, got none");
  const NDArray* first = nullptr;  // of those that count
  const auto is_skipped = [](const NDArray& x) { return x.dim() == 1 && x.numel() == 0; };
  DType dtype = bool_;
  for (const NDArray& x : arrays) {
    check_defined("cat", x);
    if (x.dim() == 0) fail<ShapeError>("cat", "expected ranks of at least 1, got a 0-d array");
    dtype = promote_types(dtype, x.dtype());
    if (first == nullptr && !is_skipped(x)) first = &x;
  }
  if (first == nullptr) {
    normalize_dim("cat", dim, 1);
    return NDArray::empty(0, dtype);
  }
  const int d = normalize_dim("cat", dim, first->dim());
  Shape shape = first->shape();
  shape[d] = 0;
  for (const NDArray& x : arrays) {
    if (is_skipped(x)) continue;
    bool fits = x.dim() == shape.rank();
    for (int e = 0; fits && e < x.dim(); ++e) fits = e == d || x.shape()[e] == shape[e];
    if (!fits) {
      fail<ShapeError>("cat", "expected shapes that differ in dimension ", d, " only, got ",
                       first->shape().str(), " and ", x.shape().str());
    }
    if (__builtin_add_overflow(shape[d], x.shape()[d], &shape[d])) {
      fail<ShapeError>("cat", "expected an extent below 2^63 along dimension ", d, ", got more");
    }
  }
  NDArray out = NDArray::empty(shape, dtype);
  char* next = out.raw_data();
  for (const NDArray& x : arrays) {
    if (is_skipped(x)) continue;
    kernels::copy(x.shape(), dtype, next, out.strides(), x.dtype(), x.raw_data(), x.strides());
    next += x.shape()[d] * out.strides()[d] * size_of(dtype);
  }
  return out;
}

NDArray flip(const NDArray& x, const Dims& dims) {
  check_defined("flip", x);
  const uint32_t flipped = dims.empty() ? 0 : normalize_dims("flip", dims, x.dim());
  Strides strides = x.strides();
  int64_t last = 0;
  for (int d = 0; d < x.dim() && x.numel() > 0; ++d) {
    if (!(flipped >> d & 1)) continue;
    last += (x.shape()[d] - 1) * strides[d];
    strides[d] = -strides[d];
  }
  return clone(x.view_of(x.shape(), strides, last));
}

NDArray internal::pad_constant(const NDArray& x, absl::Span<const int64_t> padding, Scalar value) {
  Shape shape = x.shape();
  NDArray kept = x;
  for (size_t i = 0; i < padding.size(); i += 2) {
    const int d = x.dim() - 1 - static_cast<int>(i / 2);
    const int64_t crop = std::max<int64_t>(-padding[i], 0);
    kept = narrow(kept, d, crop, shape[d] - crop - std::max<int64_t>(-padding[i + 1], 0));
    shape[d] += padding[i] + padding[i + 1];
  }
  check_holds("pad", value, x.dtype());
  NDArray out = NDArray::full(shape, value, x.dtype());
  NDArray inside = out;
  for (size_t i = 0; i < padding.size(); i += 2) {
    const int d = x.dim() - 1 - static_cast<int>(i / 2);
    inside = narrow(inside, d, std::max<int64_t>(padding[i], 0), kept.shape()[d]);
  }
  inside.copy_(kept);
  return out;
}

// ---- Windows of images

namespace {

kernels::Windows windows_of(const char* op, const char* image_name, const Dims& image,
                            const Dims& kernel, const UnfoldOptions& options) {
  const auto pair = [op](const char* name, const Dims& numbers, int64_t least) {
    return internal::per_axis(op, name, numbers, 2, least);
  };
  const Dims size = pair(image_name, image, 0), k = pair("kernel", kernel, 1),
             d = pair("dilation", options.dilation, 1), p = pair("padding", options.padding, 0);
  const kernels::Windows w =
      internal::windows_over(op, size, k, d, p, pair("stride", options.stride, 1));
  if (w.rows.count == 0 || w.columns.count == 0) {
    fail<ShapeError>(op, "expected a kernel that fits into the padded image, got kernel ", k.str(),
                     " with dilation ", d.str(), " and padding ", p.str(), " for image ",
                     size.str());
  }
  return w;
}

int64_t product(const char* op, std::initializer_list<int64_t> factors) {
  int64_t all = 1;
  for (int64_t factor : factors) {
    if (__builtin_mul_overflow(all, factor, &all)) {
      fail<ShapeError>(op, "expected extents below 2^63, got the product of ",
                       absl::StrJoin(factors, " and "));
    }
  }
  return all;
}

}  // namespace

NDArray unfold(const NDArray& x, const Dims& kernel, const UnfoldOptions& options) {
  const OpScope scope("unfold");
  check_defined("unfold", x);
  if (x.dim() == 3) return squeeze(unfold(unsqueeze(x, 0), kernel, options), 0);
  if (x.dim() != 4) {
    fail<ShapeError>("unfold", "expected x of rank 4 (N, C, H, W) or 3 (C, H, W), got shape ",
                     x.shape().str());
  }
  const kernels::Windows w =
      windows_of("unfold", "image", {x.shape()[2], x.shape()[3]}, kernel, options);
  NDArray out = NDArray::empty(
      {x.shape()[0], product("unfold", {x.shape()[1], w.rows.kernel, w.columns.kernel}),
       product("unfold", {w.rows.count, w.columns.count})},
      x.dtype());
  kernels::unfold(w, x.shape()[0], x.shape()[1], size_of(x.dtype()), x.raw_data(), x.strides(),
                  out.raw_data());
  return out;
}

NDArray fold(const NDArray& x, const Dims& output_size, const Dims& kernel,
             const UnfoldOptions& options) {
  const OpScope scope("fold");
  check_defined("fold", x);
  if (x.dtype() == bool_) fail<DTypeError>("fold", "expected a numeric dtype, got bool");
  if (is_half(x.dtype())) return to(fold(to(x, float32), output_size, kernel, options), x.dtype());
  if (x.dim() == 2) return squeeze(fold(unsqueeze(x, 0), output_size, kernel, options), 0);
  if (x.dim() != 3) {
    fail<ShapeError>("fold", "expected x of rank 3 (N, C kh kw, L) or 2 (C kh kw, L), got shape ",
                     x.shape().str());
  }
  const kernels::Windows w = windows_of("fold", "output_size", output_size, kernel, options);
  const int64_t area = product("fold", {w.rows.kernel, w.columns.kernel}),
                count = product("fold", {w.rows.count, w.columns.count});
  if (x.shape()[1] % area != 0 || x.shape()[2] != count) {
    fail<ShapeError>("fold", "expected x (N, C * ", area, ", ", count, ") for output size ",
                     output_size.str(), " and kernel ", kernel.str(), ", got ", x.shape().str());
  }
  const int64_t channels = x.shape()[1] / area;
  NDArray out =
      NDArray::zeros({x.shape()[0], channels, w.rows.extent, w.columns.extent}, x.dtype());
  const NDArray columns = contiguous(x);
  kernels::fold(w, x.shape()[0] * channels, x.dtype(), columns.raw_data(), out.raw_data());
  return out;
}

}  // namespace lamina
