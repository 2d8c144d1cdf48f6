#include "lamina/tensor/normalization.h"

#include <algorithm>
#include <cmath>

#include "lamina/tensor/kernels/normalize.h"

namespace lamina {
namespace {

// Below so many neighbours in a channel its vectors would be mostly empty.
constexpr int64_t kFewNeighbours = 16;

bool is_batch(const Normalization& how) { return how.view.rank() == 3; }

// (n, channels, inner) as (1, channels, n inner), and back.
NDArray channels_first(const NDArray& x) { return contiguous(permute(x, {1, 0, 2})); }
NDArray channels_second(const NDArray& x, const Shape& view) {
  return contiguous(permute(reshape(x, {view[1], view[0], view[2]}), {1, 0, 2}));
}
bool has_few_neighbours(const Normalization& how) {
  return is_batch(how) && how.view[0] > 1 && how.view[2] < kFewNeighbours;
}
Normalization with_channels_first(const Normalization& how) {
  Normalization flat = how;
  flat.view = {1, how.view[1], how.view[0] * how.view[2]};
  return flat;
}

kernels::NormRows rows_of(const Normalization& how) {
  return {how.view[0], how.view[1], how.centered};
}
kernels::NormSegments segments_of(const Normalization& how) {
  const Shape& v = how.view;
  if (is_batch(how)) {
    const int64_t n = v[0], channels = v[1], inner = v[2];
    return {channels, 1, n, inner, inner, 0, channels * inner, channels};
  }
  const int64_t n = v[0], groups = v[1], channels = v[2], inner = v[3];
  return {n * groups, channels, 1, inner, channels * inner, inner, 0, groups};
}

const void* raw(const NDArray& x) { return x.defined() ? x.raw_data() : nullptr; }
NDArray dense(const NDArray& x) { return x.defined() ? contiguous(x) : x; }
NDArray single(const NDArray& x) { return x.defined() ? to(x, float32) : x; }

}  // namespace

Normalization Normalization::of_rows(const Shape& x, int trailing, bool centered) {
  int64_t rows = 1, n = 1;
  for (int d = 0; d < x.rank(); ++d) (d < x.rank() - trailing ? rows : n) *= x[d];
  return {centered, {rows, n}, {1}, {1, n}};
}
Normalization Normalization::of_groups(const Shape& x, int64_t groups) {
  int64_t inner = 1;
  for (int d = 2; d < x.rank(); ++d) inner *= x[d];
  const int64_t channels = x[1] / groups;
  return {true, {x[0], groups, channels, inner}, {2, 3}, {1, groups, channels, 1}};
}
Normalization Normalization::of_channels(const Shape& x) {
  int64_t inner = 1;
  for (int d = 2; d < x.rank(); ++d) inner *= x[d];
  return {true, {x[0], x[1], inner}, {0, 2}, {1, x[1], 1}};
}
int64_t Normalization::groups() const {
  int64_t groups = 1;
  for (int d = 0; d < view.rank(); ++d) {
    if (std::find(over.begin(), over.end(), d) == over.end()) groups *= view[d];
  }
  return groups;
}

Normalized normalize(const NDArray& x, const NDArray& weight, const NDArray& bias,
                     const Normalization& how, double eps) {
  if (is_half(x.dtype())) {
    Normalized wide = normalize(to(x, float32), single(weight), single(bias), how, eps);
    wide.y = to(wide.y, x.dtype());
    return wide;
  }
  if (has_few_neighbours(how)) {
    Normalized flat = normalize(channels_first(reshape(x, how.view)), weight, bias,
                                with_channels_first(how), eps);
    flat.y = reshape(channels_second(flat.y, how.view), x.shape());
    return flat;
  }
  const int64_t groups = how.groups();
  if (x.numel() == 0) {
    const double nothing = std::nan("");
    return {NDArray::zeros(x.shape(), x.dtype()), NDArray::full(groups, nothing, float64),
            NDArray::full(groups, nothing, float64)};
  }
  const NDArray from = contiguous(x), w = dense(weight), b = dense(bias);
  Normalized result{NDArray::empty_unchecked(x.shape(), x.dtype()),
                    NDArray::empty_unchecked(groups, float64),
                    NDArray::empty_unchecked(groups, float64)};
  const kernels::NormForward forward{eps,
                                     from.raw_data(),
                                     raw(w),
                                     raw(b),
                                     result.y.raw_data(),
                                     result.mean.data<double>(),
                                     result.variance.data<double>()};
  if (how.view.rank() == 2) {
    kernels::normalize(x.dtype(), rows_of(how), forward);
  } else {
    kernels::normalize(x.dtype(), segments_of(how), forward);
  }
  return result;
}

NormalizedGradients normalize_backward(const NDArray& dy, const NDArray& x, const NDArray& weight,
                                       const NDArray& mean, const NDArray& variance,
                                       const Normalization& how, double eps,
                                       const WantedGradients& wanted) {
  if (is_half(x.dtype())) {
    NormalizedGradients g = normalize_backward(to(dy, float32), to(x, float32), single(weight),
                                               mean, variance, how, eps, wanted);
    for (NDArray* a : {&g.dx, &g.dweight, &g.dbias}) {
      if (a->defined()) *a = to(*a, x.dtype());
    }
    return g;
  }
  if (has_few_neighbours(how)) {
    NormalizedGradients g = normalize_backward(channels_first(reshape(dy, how.view)),
                                               channels_first(reshape(x, how.view)), weight, mean,
                                               variance, with_channels_first(how), eps, wanted);
    if (wanted.dx) g.dx = reshape(channels_second(g.dx, how.view), x.shape());
    return g;
  }
  const int64_t parameters = how.affine.numel();
  if (x.numel() == 0) {
    return {wanted.dx ? NDArray::zeros(x.shape(), x.dtype()) : NDArray(),
            wanted.dweight ? NDArray::zeros(parameters, x.dtype()) : NDArray(),
            wanted.dbias ? NDArray::zeros(parameters, x.dtype()) : NDArray()};
  }
  const NDArray from = contiguous(dy), at = contiguous(x), w = dense(weight);
  NormalizedGradients g;
  if (wanted.dx) g.dx = NDArray::empty_unchecked(x.shape(), x.dtype());
  if (wanted.dweight) g.dweight = NDArray::empty_unchecked(parameters, x.dtype());
  if (wanted.dbias) g.dbias = NDArray::empty_unchecked(parameters, x.dtype());
  const auto writable = [](NDArray& a) { return a.defined() ? a.raw_data() : nullptr; };
  const kernels::NormBackward backward{eps,
                                       from.raw_data(),
                                       at.raw_data(),
                                       raw(w),
                                       mean.data<double>(),
                                       variance.data<double>(),
                                       writable(g.dx),
                                       writable(g.dweight),
                                       writable(g.dbias)};
  if (how.view.rank() == 2) {
    kernels::normalize_backward(x.dtype(), rows_of(how), backward);
  } else {
    kernels::normalize_backward(x.dtype(), segments_of(how), backward);
  }
  return g;
}

}  // namespace lamina
