// Convolutions of images and their gradients: our own kernels for float32, unfold and matmul for the
// other dtypes.
#include "lamina/tensor/convolution.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "lamina/tensor/kernels/conv.h"
#include "lamina/tensor/kernels/gemm.h"
#include "lamina/tensor/multiply_adds.h"
#include "lamina/tensor/windows.h"

namespace lamina {
namespace {

// A convolution of images, all checked.
struct Geometry {
  int64_t images, groups;
  int64_t channels, filters;  // of one group, in and out
  kernels::Windows w;

  int64_t taps() const { return w.rows.kernel * w.columns.kernel; }
  int64_t outputs() const { return w.rows.count * w.columns.count; }
  Shape input() const { return {images, groups * channels, w.rows.extent, w.columns.extent}; }
  Shape output() const { return {images, groups * filters, w.rows.count, w.columns.count}; }
  Shape weight() const { return {groups * filters, channels, w.rows.kernel, w.columns.kernel}; }
  bool is_pointwise() const {
    return taps() == 1 && w.rows.stride == 1 && w.columns.stride == 1 && w.rows.padding == 0 &&
           w.columns.padding == 0;
  }
};

// Throws unless there are groups that divide the channels in and out.
void check_groups(const char* op, int64_t groups, int64_t in, int64_t out) {
  if (groups < 1) fail<ValueError>(op, "expected at least one group, got ", groups);
  if (in % groups != 0 || out % groups != 0) {
    fail<ShapeError>(op, "expected channels that ", groups, " groups divide, got ", in,
                     " of the input and ", out, " of the output");
  }
}

kernels::Windows conv_windows(const char* op, const Dims& image, const Dims& kernel,
                              const ConvOptions& options, int axes, const std::string& operands) {
  Dims dilation = internal::per_axis(op, "dilation", options.dilation, axes, 1),
       padding = internal::per_axis(op, "padding", options.padding, axes, 0),
       stride = internal::per_axis(op, "stride", options.stride, axes, 1), extents = image,
       taps = kernel;
  const Dims shown_padding = padding, shown_dilation = dilation;
  if (axes == 1) {  // an image of one row
    for (Dims* dims : {&extents, &taps, &dilation, &stride}) dims->insert(0, 1);
    padding.insert(0, 0);
  }
  const bool any = taps[0] > 0 && taps[1] > 0;
  const kernels::Windows w =
      any ? internal::windows_over(op, extents, taps, dilation, padding, stride)
          : kernels::Windows();
  if (w.rows.count == 0 || w.columns.count == 0) {
    fail<ShapeError>(op, "expected a kernel that has elements and fits into the padded input, got ",
                     kernel.str(), " with dilation ", shown_dilation.str(), " and padding ",
                     shown_padding.str(), "; ", operands);
  }
  return w;
}

// The extents behind the channels.
Dims spatial(const Shape& shape, int axes) {
  Dims extents;
  for (int d = shape.rank() - axes; d < shape.rank(); ++d) extents.push_back(shape[d]);
  return extents;
}

Geometry geometry_of(const char* op, const internal::ConvShapes& s, const ConvOptions& options,
                     int axes) {
  if ((s.x.rank() != axes + 2 && s.x.rank() != axes + 1) || s.weight.rank() != axes + 2) {
    fail<ShapeError>(op, "expected input ",
                     axes == 1 ? "(N, C, L) or (C, L) and weight (O, C / groups, k)"
                               : "(N, C, H, W) or (C, H, W) and weight (O, C / groups, kh, kw)",
                     ", got ", s.str());
  }
  const bool batched = s.x.rank() == axes + 2;
  const int64_t channels = s.x[batched ? 1 : 0];
  check_groups(op, options.groups, channels, s.weight[0]);
  if (s.weight[1] != channels / options.groups) {
    fail<ShapeError>(op, "expected weight.shape[1] == ", channels / options.groups, " (",
                     options.groups == 1 ? "input channels" : "input channels / groups", "), got ",
                     s.weight[1], "; ", s.str());
  }
  if (s.has_bias && s.bias != Shape{s.weight[0]}) {
    fail<ShapeError>(op, "expected bias ", Shape{s.weight[0]}.str(), ", got ", s.bias.str(), "; ",
                     s.str());
  }
  const kernels::Windows w =
      conv_windows(op, spatial(s.x, axes), spatial(s.weight, axes), options, axes, s.str());
  return {batched ? s.x[0] : 1, options.groups, s.weight[1], s.weight[0] / options.groups, w};
}

// ---- float32

// Counts what the kernels multiply; where matmul does, it counts itself.
void count_multiply_adds(const Geometry& g) {
  internal::multiply_adds += g.output().numel() * g.channels * g.taps();
}

kernels::ConvAxis axis_of(const kernels::WindowAxis& w) {
  kernels::ConvAxis axis{w.extent, w.count, w.stride, {}};
  for (int64_t k = 0; k < w.kernel; ++k) axis.offsets.push_back(k * w.dilation - w.padding);
  return axis;
}

kernels::Convolution convolution_of(const Geometry& g, const NDArray& x) {
  kernels::Convolution conv;
  conv.images = g.images;
  conv.groups = g.groups;
  conv.channels = g.channels;
  conv.filters = g.filters;
  conv.rows = axis_of(g.w.rows);
  conv.columns = axis_of(g.w.columns);
  conv.x = x.data<float>();
  conv.x_strides = x.strides();
  return conv;
}

// A kernel of one element: y[n] = weight x[n] + bias, or weight^T for the gradient. x is the operand
// with `in` channels per group.
void convolve_pointwise(const Geometry& g, const NDArray& x, const NDArray& weight, bool transposed,
                        const NDArray& bias, const NDArray& y) {
  const int64_t in = transposed ? g.filters : g.channels, out = transposed ? g.channels : g.filters;
  kernels::GemmArgs args{};
  args.m = g.outputs();
  args.n = out;
  args.k = in;
  args.a_row = 1;
  args.a_col = args.m;
  args.b_row = transposed ? g.channels : 1;
  args.b_col = transposed ? 1 : g.channels;
  args.c_row = 1;
  args.c_col = args.m;
  count_multiply_adds(g);
  for (int64_t group = 0; group < g.groups; ++group) {
    args.a = x.data<float>() + group * in * args.m;
    args.b = weight.data<float>() + group * g.filters * g.channels;
    args.c = y.data<float>() + group * out * args.m;
    if (bias.defined()) args.bias = bias.data<float>() + group * out;
    kernels::gemm_batched(args, g.images, g.groups * in * args.m, 0, g.groups * out * args.m);
  }
}

// The pixels of the input gradient along one axis that lie at `phase` modulo the stride: each is a sum
// over outputs, a convolution of stride 1 with the taps that reach it.
struct Phase {
  int64_t phase;
  std::vector<int64_t> taps;  // of the kernel
  kernels::ConvAxis axis;     // reads outputs
};
std::vector<Phase> phases_of(const kernels::WindowAxis& w) {
  std::vector<Phase> phases;
  for (int64_t phase = 0; phase < std::min(w.stride, w.extent); ++phase) {
    Phase p{phase, {}, {w.count, (w.extent - phase - 1) / w.stride + 1, 1, {}}};
    for (int64_t k = 0; k < w.kernel; ++k) {
      const int64_t place = phase + w.padding - k * w.dilation;
      if (place % w.stride != 0) continue;
      p.taps.push_back(k);
      p.axis.offsets.push_back(place / w.stride);
    }
    phases.push_back(std::move(p));
  }
  return phases;
}

// The weights (groups * channels, filters, taps of rows, taps of columns) of a pair of phases.
std::vector<float> phase_weights(const Geometry& g, const float* weight, const Phase& rows,
                                 const Phase& columns) {
  const int64_t taps = static_cast<int64_t>(rows.taps.size() * columns.taps.size());
  std::vector<float> out(static_cast<size_t>(g.groups * g.channels * g.filters * taps));
  constexpr int64_t kStreams = 16;  // filters that are read side by side
  for (int64_t group = 0; group < g.groups; ++group) {
    for (int64_t o0 = 0; o0 < g.filters; o0 += kStreams) {
      const int64_t o1 = std::min(g.filters, o0 + kStreams);
      for (int64_t c = 0; c < g.channels; ++c) {
        float* to = out.data() + ((group * g.channels + c) * g.filters + o0) * taps;
        for (int64_t o = o0; o < o1; ++o) {
          const float* from = weight + ((group * g.filters + o) * g.channels + c) * g.taps();
          for (int64_t r : rows.taps) {
            for (int64_t s : columns.taps) *to++ = from[r * g.w.columns.kernel + s];
          }
        }
      }
    }
  }
  return out;
}

// The gradient of the input; undefined where phases are many, or one reaches too far for the kernels.
NDArray input_gradient_by_phases(const Geometry& g, const NDArray& dy, const NDArray& weight) {
  constexpr int64_t kMostStride = 4;
  if (std::max(g.w.rows.stride, g.w.columns.stride) > kMostStride) return NDArray();
  const std::vector<Phase> rows = phases_of(g.w.rows), columns = phases_of(g.w.columns);
  kernels::Convolution conv;
  conv.images = g.images;
  conv.groups = g.groups;
  conv.channels = g.filters;
  conv.filters = g.channels;
  conv.x = dy.data<float>();
  conv.x_strides = dy.strides();
  const auto each_pair = [&](const auto& f) {
    for (const Phase& r : rows) {
      for (const Phase& c : columns) {
        if (r.taps.empty() || c.taps.empty()) continue;
        conv.rows = r.axis;
        conv.columns = c.axis;
        f(r, c);
      }
    }
  };
  bool compact = true;
  size_t pairs = 0;
  each_pair([&](const Phase&, const Phase&) {
    compact = compact && is_compact(conv);
    ++pairs;
  });
  if (!compact) return NDArray();
  count_multiply_adds(g);
  // Pixels of phases that no tap reaches are 0.
  NDArray dx = pairs == rows.size() * columns.size() ? NDArray::empty(g.input(), float32)
                                                     : NDArray::zeros(g.input(), float32);
  Strides strides = dx.strides();
  strides[2] = g.w.columns.extent * g.w.rows.stride;
  strides[3] = g.w.columns.stride;
  each_pair([&](const Phase& r, const Phase& c) {
    const std::vector<float> weights = phase_weights(g, weight.data<float>(), r, c);
    float* const to = dx.data<float>() + r.phase * g.w.columns.extent + c.phase;
    kernels::convolve(conv, weights.data(), nullptr, to, strides);
  });
  return dx;
}

// ---- Other dtypes, and kernels that reach very far

UnfoldOptions unfold_options(const Geometry& g) {
  return {{g.w.rows.dilation, g.w.columns.dilation},
          {g.w.rows.padding, g.w.columns.padding},
          {g.w.rows.stride, g.w.columns.stride}};
}
// x (N, C, H, W) -> (N, groups, channels * taps, outputs)
NDArray windows_of(const Geometry& g, const NDArray& x) {
  return reshape(unfold(x, {g.w.rows.kernel, g.w.columns.kernel}, unfold_options(g)),
                 {g.images, g.groups, g.channels * g.taps(), g.outputs()});
}
// weight -> (groups, filters, channels * taps)
NDArray weight_matrices(const Geometry& g, const NDArray& weight) {
  return reshape(weight, {g.groups, g.filters, g.channels * g.taps()});
}
// dy -> (N, groups, filters, outputs)
NDArray output_matrices(const Geometry& g, const NDArray& dy) {
  return reshape(dy, {g.images, g.groups, g.filters, g.outputs()});
}

NDArray without_bias(const Geometry& g, const NDArray& x, const NDArray& weight) {
  return reshape(matmul(weight_matrices(g, weight), windows_of(g, x)), g.output());
}

bool is_empty(const Geometry& g) {
  return g.images == 0 || g.groups * g.channels == 0 || g.groups * g.filters == 0 ||
         g.input().numel() == 0;
}

NDArray wide(const NDArray& x) { return x.defined() ? to(x, float32) : x; }

// Rows of floats that lie apart are no use to the kernels.
NDArray with_dense_rows(const NDArray& x) { return x.strides()[3] == 1 ? x : contiguous(x); }

// The geometry of a gradient, of which dy is known to be floating.
Geometry gradient_geometry(const char* op, const NDArray& dy, const Shape& x, const Shape& weight,
                           const ConvOptions& options, const std::string& operands) {
  const Dims image = spatial(x, 2), kernel = spatial(weight, 2);
  const kernels::Windows w = conv_windows(op, image, kernel, options, 2, operands);
  const Geometry g{x[0], options.groups, weight[1], weight[0] / options.groups, w};
  if (dy.shape() != g.output()) {
    fail<ShapeError>(op, "expected dy ", g.output().str(), ", got ", dy.shape().str(), "; ",
                     operands);
  }
  return g;
}

}  // namespace

std::string internal::ConvShapes::str() const {
  return absl::StrCat("input ", x.str(), ", weight ", weight.str());
}

void internal::check_convolution(const char* op, const ConvShapes& shapes,
                                 const ConvOptions& options, int axes) {
  geometry_of(op, shapes, options, axes);
}

Dims internal::conv_transpose_size(const char* op, const ConvShapes& s,
                                   const ConvTransposeOptions& options) {
  if ((s.x.rank() != 4 && s.x.rank() != 3) || s.weight.rank() != 4) {
    fail<ShapeError>(op,
                     "expected input (N, C, H, W) or (C, H, W) and weight (C, O / groups, kh, kw), "
                     "got ",
                     s.str());
  }
  const int64_t channels = s.x[s.x.rank() - 3];
  if (s.weight[0] != channels) {
    fail<ShapeError>(op, "expected weight.shape[0] == ", channels, " (input channels), got ",
                     s.weight[0], "; ", s.str());
  }
  check_groups(op, options.groups, channels, options.groups * s.weight[1]);
  const Shape bias{options.groups * s.weight[1]};
  if (s.has_bias && s.bias != bias) {
    fail<ShapeError>(op, "expected bias ", bias.str(), ", got ", s.bias.str(), "; ", s.str());
  }
  const Dims stride = per_axis(op, "stride", options.stride, 2, 1),
             padding = per_axis(op, "padding", options.padding, 2, 0),
             more = per_axis(op, "output_padding", options.output_padding, 2, 0),
             dilation = per_axis(op, "dilation", options.dilation, 2, 1);
  Dims size;
  for (int d = 0; d < 2; ++d) {
    if (more[d] >= std::max(stride[d], dilation[d])) {
      fail<ValueError>(op, "expected output_padding less than stride or dilation, got ", more.str(),
                       " for stride ", stride.str(), " and dilation ", dilation.str());
    }
    const int64_t extent = s.x[s.x.rank() - 2 + d], kernel = s.weight[2 + d];
    const __int128 rows = static_cast<__int128>(extent - 1) * stride[d] -
                          static_cast<__int128>(2) * padding[d] +
                          static_cast<__int128>(dilation[d]) * (kernel - 1) + more[d] + 1;
    if (extent < 1 || kernel < 1 || rows < 1 || rows > int64_t{1} << 60) {
      fail<ShapeError>(op,
                       "expected extents and a kernel that leave the result at least one row "
                       "and column, got stride ",
                       stride.str(), ", padding ", padding.str(), " and dilation ", dilation.str(),
                       "; ", s.str());
    }
    size.push_back(static_cast<int64_t>(rows));
  }
  return size;
}

NDArray conv2d(const NDArray& x, const NDArray& weight, const NDArray& bias,
               const ConvOptions& options) {
  const OpScope scope("conv2d");
  const Geometry g =
      geometry_of("conv2d", internal::conv_shapes("conv2d", x, weight, bias), options, 2);
  if (x.dim() == 3) return squeeze(conv2d(unsqueeze(x, 0), weight, bias, options), 0);
  if (is_half(x.dtype()))
    return to(conv2d(to(x, float32), to(weight, float32), wide(bias), options), x.dtype());
  if (x.dtype() == float32 && !is_empty(g)) {
    const NDArray filters = contiguous(weight), shift = bias.defined() ? contiguous(bias) : bias;
    if (g.is_pointwise()) {
      NDArray y = NDArray::empty(g.output(), float32);
      convolve_pointwise(g, contiguous(x), filters, false, shift, y);
      return y;
    }
    const NDArray image = with_dense_rows(x);
    const kernels::Convolution conv = convolution_of(g, image);
    if (kernels::is_compact(conv)) {
      NDArray y = NDArray::empty(g.output(), float32);
      count_multiply_adds(g);
      kernels::convolve(conv, filters.data<float>(),
                        shift.defined() ? shift.data<float>() : nullptr, y.data<float>(),
                        y.strides());
      return y;
    }
  }
  NDArray y = is_empty(g) ? NDArray::zeros(g.output(), x.dtype()) : without_bias(g, x, weight);
  if (bias.defined()) y.add_(reshape(bias, {bias.numel(), 1, 1}));
  return y;
}

namespace {
void check_gradient_operands(const char* name, const NDArray& dy, const char* other_name,
                             const NDArray& other) {
  check_defined(name, dy);
  check_defined(name, other);
  check_floating(name, dy.dtype());
  if (other.dtype() != dy.dtype()) {
    fail<DTypeError>(name, "expected one dtype, got dy ", name_of(dy.dtype()), " and ", other_name,
                     " ", name_of(other.dtype()));
  }
}
}  // namespace

NDArray conv2d_input_gradient(const NDArray& dy, const NDArray& weight, const Dims& input_size,
                              const ConvOptions& options) {
  constexpr const char* kName = "conv2d_input_gradient";
  const OpScope scope(kName);
  check_gradient_operands(kName, dy, "weight", weight);
  if (dy.dim() == 3)
    return squeeze(conv2d_input_gradient(unsqueeze(dy, 0), weight, input_size, options), 0);
  if (dy.dim() != 4 || weight.dim() != 4) {
    fail<ShapeError>(kName,
                     "expected dy (N, O, rows, columns) and weight (O, C / groups, kh, kw), got ",
                     dy.shape().str(), " and ", weight.shape().str());
  }
  check_groups(kName, options.groups, 0, weight.shape()[0]);
  if (is_half(dy.dtype())) {
    return to(conv2d_input_gradient(to(dy, float32), to(weight, float32), input_size, options),
              dy.dtype());
  }
  const Dims size = internal::per_axis(kName, "input_size", input_size, 2, 0);
  const Shape x{dy.shape()[0], options.groups * weight.shape()[1], size[0], size[1]};
  const Geometry g =
      gradient_geometry(kName, dy, x, weight.shape(), options,
                        absl::StrCat("input ", x.str(), ", weight ", weight.shape().str()));
  if (is_empty(g)) return NDArray::zeros(g.input(), dy.dtype());
  if (dy.dtype() == float32) {
    const NDArray filters = contiguous(weight);
    if (g.is_pointwise()) {
      NDArray dx = NDArray::empty(g.input(), float32);
      convolve_pointwise(g, contiguous(dy), filters, true, NDArray(), dx);
      return dx;
    }
    NDArray dx = input_gradient_by_phases(g, with_dense_rows(dy), filters);
    if (dx.defined()) return dx;
  }
  const NDArray columns =
      matmul(transpose(weight_matrices(g, weight), 1, 2), output_matrices(g, dy));
  return fold(reshape(columns, {g.images, g.groups * g.channels * g.taps(), g.outputs()}), size,
              {g.w.rows.kernel, g.w.columns.kernel}, unfold_options(g));
}

NDArray conv2d_weight_gradient(const NDArray& dy, const NDArray& x, const Dims& kernel,
                               const ConvOptions& options) {
  constexpr const char* kName = "conv2d_weight_gradient";
  const OpScope scope(kName);
  check_gradient_operands(kName, dy, "input", x);
  if (dy.dim() == 3 && x.dim() == 3)
    return conv2d_weight_gradient(unsqueeze(dy, 0), unsqueeze(x, 0), kernel, options);
  if (dy.dim() != 4 || x.dim() != 4) {
    fail<ShapeError>(kName, "expected dy (N, O, rows, columns) and input (N, C, H, W), got ",
                     dy.shape().str(), " and ", x.shape().str());
  }
  check_groups(kName, options.groups, x.shape()[1], dy.shape()[1]);
  if (is_half(dy.dtype())) {
    return to(conv2d_weight_gradient(to(dy, float32), to(x, float32), kernel, options), dy.dtype());
  }
  const Dims size = internal::per_axis(kName, "kernel", kernel, 2, 1);
  const Shape weight{dy.shape()[1], x.shape()[1] / options.groups, size[0], size[1]};
  const Geometry g =
      gradient_geometry(kName, dy, x.shape(), weight, options,
                        absl::StrCat("input ", x.shape().str(), ", weight ", weight.str()));
  if (is_empty(g)) return NDArray::zeros(g.weight(), dy.dtype());
  if (dy.dtype() == float32) {
    const NDArray image = with_dense_rows(x), gradient = with_dense_rows(dy);
    const kernels::Convolution conv = convolution_of(g, image);
    if (kernels::is_compact(conv)) {
      NDArray dweight = NDArray::empty(g.weight(), float32);
      count_multiply_adds(g);
      kernels::convolve_weights(conv, gradient.data<float>(), gradient.strides(),
                                dweight.data<float>());
      return dweight;
    }
  }
  const NDArray each = matmul(output_matrices(g, dy), transpose(windows_of(g, x), 2, 3));
  return reshape(sum(each, 0), g.weight());
}

}  // namespace lamina
