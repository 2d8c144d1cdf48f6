#include "lamina/tests/op_cases/op_case.h"

#include <cmath>

namespace lamina::op_cases {
namespace {

// A pseudo-random number in [0, 1) that depends on the two alone.
double noise(uint64_t stream, uint64_t position) {
  uint64_t x = (stream + 1) * 0x9E3779B97F4A7C15u + (position + 1) * 0xBF58476D1CE4E5B9u;
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9u;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBu;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) / 9007199254740992.0;
}

double value_at(const Input& input, size_t number, DType dtype, int64_t i) {
  const double u = noise(number, static_cast<uint64_t>(i));
  if (input.domain == Domain::kIndex) return std::floor(u * static_cast<double>(input.extent));
  if (dtype == bool_) return u < 0.5 ? 0 : 1;
  if (input.domain == Domain::kSmall) return std::floor(u * 3);
  if (!is_floating(dtype)) {
    if (input.domain == Domain::kPositive) return 1 + std::floor(u * 9);
    return dtype == uint8 ? std::floor(u * 10) : std::floor(u * 19) - 9;
  }
  if (input.domain == Domain::kPositive) return 0.5 + 2.5 * u;
  // A permutation of a grid of 40 cells on each side of 0, each value inside its cell: distinct,
  // and away from 0. The steps of gradcheck cannot make one element overtake another. Grids of many
  // elements repeat in other places.
  const int64_t cell = (i * 37 + 11 * static_cast<int64_t>(number) + 5) % 80;
  const double x = (static_cast<double>(cell % 40) + 1 + 0.4 * (u - 0.5)) * 0.05;
  const double scaled = input.domain == Domain::kUnit ? 0.45 * x : x;
  return cell < 40 ? scaled : -scaled;
}

Shape shape_of(const Extents& extents) { return Shape(absl::Span<const int64_t>(extents)); }

NDArray dense_array(const Dense& values, DType dtype) {
  return NDArray::from(values.values, shape_of(values.shape)).to(dtype);
}

}  // namespace

const char* name_of(Layout layout) {
  switch (layout) {
    case Layout::kContiguous:
      return "contiguous";
    case Layout::kTransposed:
      return "transposed";
    case Layout::kNarrowed:
      return "narrowed";
    case Layout::kExpanded:
      break;
  }
  return "expanded";
}

DType dtype_for(const Input& input, DType dtype) {
  return input.domain == Domain::kIndex ? int64 : dtype;
}

Dense values_for(const Input& input, size_t number, DType dtype, Layout layout) {
  Dense out{input.shape, {}};
  const int64_t n = count(input.shape);
  // Along the first dimension an expanded array repeats its first slice.
  const bool repeats = layout == Layout::kExpanded && !input.shape.empty() && input.shape[0] > 0;
  const int64_t period = repeats ? n / input.shape[0] : n;
  for (int64_t i = 0; i < n; ++i) out.values.push_back(value_at(input, number, dtype, i % period));
  return out;
}

NDArray array_of(const Dense& values, DType dtype, Layout layout) {
  const NDArray x = dense_array(values, dtype);
  if (x.dim() == 0) {
    // There is nothing to transpose or expand; any other layout has a storage offset.
    return layout == Layout::kContiguous
               ? x
               : NDArray::from({7.0, values.values[0]}, {2}).to(dtype).select(0, 1);
  }
  switch (layout) {
    case Layout::kContiguous:
      return x;
    case Layout::kTransposed: {  // stored with the dimensions reversed
      Dims reversed;
      for (int d = x.dim() - 1; d >= 0; --d) reversed.push_back(d);
      return x.permute(reversed).clone().permute(reversed);
    }
    case Layout::kNarrowed: {  // inside a larger array: an offset in front, gaps between
      Shape larger = x.shape();
      for (int d = 0; d < x.dim(); ++d) larger[d] += 2;
      NDArray window = NDArray::full(larger, 77, float64).to(dtype);
      for (int d = 0; d < x.dim(); ++d) window = window.narrow(d, 1, x.shape()[d]);
      window.copy_(x);
      return window;
    }
    case Layout::kExpanded:
      break;
  }
  if (x.shape()[0] == 0) return x;
  return x.narrow(0, 0, 1).clone().expand(x.shape());
}

Extents extents_of(const Shape& shape) { return Extents(shape.begin(), shape.end()); }

const Table& all_op_cases() {
  static const Table& table = *[] {
    auto* t = new Table;
    add_activation_rows(*t);
    add_arithmetic_rows(*t);
    add_reduce_rows(*t);
    add_product_rows(*t);
    add_convolution_rows(*t);
    add_index_rows(*t);
    add_indexing_rows(*t);
    add_view_rows(*t);
    add_pointwise_rows(*t);
    add_slicing_rows(*t);
    add_movement_rows(*t);
    add_padding_rows(*t);
    add_pooling_rows(*t);
    add_order_rows(*t);
    add_statistics_rows(*t);
    add_normalization_rows(*t);
    add_linalg_rows(*t);
    add_einsum_rows(*t);
    return t;
  }();
  return table;
}

}  // namespace lamina::op_cases
