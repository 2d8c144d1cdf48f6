// Indexing by lists of slices, integers, arrays and masks; masks alone.
#include "lamina/tensor/indexing.h"

#include <algorithm>
#include <optional>
#include <string>

#include "lamina/tensor/kernels/indexing.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace internal {
namespace {

// `position` is that of an index in its array, if it is of one.
void check_in_range(const char* op, int64_t index, int dim, const Shape& shape,
                    std::optional<int64_t> position = std::nullopt) {
  const int64_t extent = shape[dim];
  if (index >= -extent && index < extent) return;
  const std::string where = position ? absl::StrCat(" at position ", *position) : "";
  if (extent == 0) {
    fail<IndexError>(op, "expected no index, for dimension ", dim, " of shape ", shape.str(),
                     " is empty, got ", index, where);
  }
  fail<IndexError>(op, "expected an index from ", -extent, " to ", extent - 1, " for dimension ",
                   dim, " of shape ", shape.str(), ", got ", index, where);
}

// A copy in which negative indices count from the front.
NDArray wrapped(const char* op, const NDArray& array, int dim, const Shape& shape) {
  NDArray at = clone(array);
  int64_t* values = at.data<int64_t>();
  const int64_t extent = shape[dim];
  for (int64_t i = 0; i < at.numel(); ++i) {
    check_in_range(op, values[i], dim, shape, i);
    if (values[i] < 0) values[i] += extent;
  }
  return at;
}

// The row-major numbers of the true elements.
NDArray places_of(const NDArray& mask) {
  const NDArray dense = contiguous(mask);
  const bool* m = dense.data<bool>();
  NDArray at = NDArray::empty(std::count(m, m + dense.numel(), true), int64);
  int64_t* next = at.data<int64_t>();
  for (int64_t i = 0; i < dense.numel(); ++i) {
    if (m[i]) *next++ = i;
  }
  return at;
}

// How many dimensions of x an entry stands for.
int dims_of(const char* op, const Index& index) {
  switch (index.kind()) {
    case Index::Kind::kNewDim:
    case Index::Kind::kEllipsis:
      return 0;
    case Index::Kind::kArray:
      check_defined(op, index.array());
      if (index.array().dtype() == bool_) return index.array().dim();
      if (index.array().dtype() == int64) return 1;
      fail<DTypeError>(op, "expected indices of dtype int64 or bool, got ",
                       name_of(index.array().dtype()));
    default:
      return 1;
  }
}

void check_mask(const char* op, const NDArray& mask, int dim, const Shape& shape) {
  for (int d = 0; d < mask.dim(); ++d) {
    if (mask.shape()[d] != shape[dim + d]) {
      fail<ShapeError>(op, "expected a mask of the extents of shape ", shape.str(),
                       " from dimension ", dim, " on, got ", mask.shape().str());
    }
  }
}

}  // namespace

IndexPlan plan_index(const char* op, const Shape& shape, absl::Span<const Index> indices) {
  int dims = 0;
  for (const Index& index : indices) dims += dims_of(op, index);
  if (dims > shape.rank()) {
    fail<IndexError>(op, "expected at most ", shape.rank(), " indices for shape ", shape.str(),
                     ", got ", dims);
  }

  IndexPlan plan;
  std::vector<IndexPlan::Step> new_dims;
  int from = 0, to = 0;  // the next dimension of x, and of the view
  const auto kept = [&] { return to - static_cast<int>(new_dims.size()); };
  const auto add_dim = [&] { new_dims.push_back({IndexPlan::Step::kNewDim, to++, Slice()}); };
  const auto select_one = [&](int64_t index) {
    check_in_range(op, index, from, shape);
    plan.steps.push_back({IndexPlan::Step::kSelect, kept(), Slice(), index});
    ++from;
  };
  for (const Index& index : indices) {
    // As in PyTorch, each Ellipsis stands for the same number of dimensions.
    if (index.kind() != Index::Kind::kEllipsis && from + dims_of(op, index) > shape.rank()) {
      fail<IndexError>(op, "expected no indices beyond the ", shape.rank(), " dimensions of shape ",
                       shape.str(), ", got one behind a second Ellipsis");
    }
    switch (index.kind()) {
      case Index::Kind::kInteger:
        select_one(index.integer());
        break;
      case Index::Kind::kSlice: {
        const Slice& s = index.slice();
        if (s.step <= 0) fail<ValueError>(op, "expected a slice's step above 0, got ", s.step);
        if (s.start || s.end || s.step != 1) {
          plan.steps.push_back({IndexPlan::Step::kSlice, kept(), s});
        }
        ++from, ++to;
        break;
      }
      case Index::Kind::kNewDim:
        add_dim();
        break;
      case Index::Kind::kEllipsis:
        from += shape.rank() - dims;
        to += shape.rank() - dims;
        break;
      case Index::Kind::kArray: {
        const NDArray& array = index.array();
        if (array.dtype() == int64 && array.dim() == 0) {
          select_one(array.item<int64_t>());
        } else if (array.dtype() == int64) {
          plan.places.push_back({to, 1, wrapped(op, array, from, shape)});
          ++from, ++to;
        } else if (array.dim() == 0) {  // a new dimension, of which all or nothing is taken
          plan.places.push_back({to, 1, places_of(array)});
          add_dim();
        } else {
          check_mask(op, array, from, shape);
          plan.places.push_back({to, array.dim(), places_of(array)});
          from += array.dim();
          to += array.dim();
        }
      }
    }
  }
  plan.steps.insert(plan.steps.end(), new_dims.begin(), new_dims.end());
  return plan;
}

namespace {

// Sums of place . strides over all of the places, broadcast together.
NDArray offsets_of(const NDArray& view, const std::vector<IndexPlan::Places>& places,
                   const Shape& shape) {
  NDArray offsets = NDArray::zeros(shape, int64);
  int64_t* sums = offsets.data<int64_t>();
  for (const IndexPlan::Places& p : places) {
    const NDArray at = contiguous(expand(p.at, shape));
    const int64_t* values = at.data<int64_t>();
    for (int64_t i = 0; i < at.numel(); ++i) {
      int64_t rest = values[i];
      for (int d = p.dim + p.dims - 1; d > p.dim; --d) {
        sums[i] += rest % view.shape()[d] * view.strides()[d];
        rest /= view.shape()[d];
      }
      sums[i] += rest * view.strides()[p.dim];
    }
  }
  return offsets;
}

struct Taking {
  Shape shape;              // of the result
  NDArray offsets;          // what walk.table points into
  kernels::TableWalk walk;  // around the result, the dimensions of the places being one
};

Taking prepare(const char* op, const NDArray& view, const std::vector<IndexPlan::Places>& places) {
  Taking taking;
  Shape common;
  uint32_t taken = 0;
  bool neighbours = true;
  for (size_t i = 0; i < places.size(); ++i) {
    const IndexPlan::Places& p = places[i];
    common = broadcast_shapes(op, common, p.at.shape());
    for (int d = p.dim; d < p.dim + p.dims; ++d) taken |= 1u << d;
    if (i > 0 && p.dim != places[i - 1].dim + places[i - 1].dims) neighbours = false;
  }
  check_shape(op, common, size_of(int64));
  kernels::TableWalk& walk = taking.walk;
  const auto add_places = [&] {
    for (int64_t extent : common) taking.shape.push_back(extent);
    walk.shape.push_back(common.numel());
    walk.array_strides.push_back(0);
    walk.table_strides.push_back(1);
  };
  const int at = neighbours ? places[0].dim : 0;
  for (int d = 0; d < view.dim(); ++d) {
    if (d == at) add_places();
    if (taken >> d & 1) continue;
    taking.shape.push_back(view.shape()[d]);
    walk.shape.push_back(view.shape()[d]);
    walk.array_strides.push_back(view.strides()[d]);
    walk.table_strides.push_back(0);
  }
  check_shape(op, taking.shape, size_of(view.dtype()));
  taking.offsets = offsets_of(view, places, common);
  walk.table = taking.offsets.data<int64_t>();
  walk.step = 1;
  return taking;
}

}  // namespace

NDArray take_places(const char* op, const NDArray& view,
                    const std::vector<IndexPlan::Places>& places) {
  Taking taking = prepare(op, view, places);
  NDArray out = NDArray::empty(taking.shape, view.dtype());
  taking.walk.other_strides = contiguous_strides(taking.walk.shape);
  kernels::take(taking.walk, size_of(view.dtype()), view.raw_data(), out.raw_data());
  return out;
}

void put_by(const char* op, NDArray& x, const IndexPlan& plan, const NDArray& value,
            bool accumulate) {
  check_defined(op, value);
  check_writable(op, x);
  if (value.dtype() != x.dtype()) {
    fail<DTypeError>(op, "expected a value of dtype ", name_of(x.dtype()), ", got ",
                     name_of(value.dtype()));
  }
  if (accumulate && x.dtype() == bool_) {
    fail<DTypeError>(op, "expected a numeric dtype to accumulate in, got bool");
  }
  NDArray view = view_by(x, plan);
  if (plan.places.empty()) {
    const NDArray source = expand_source(op, value, view.shape());
    accumulate ? view.add_(source) : view.copy_(source);
    return;
  }
  Taking taking = prepare(op, view, plan.places);
  // A value in the same storage may overlap with what is written.
  const NDArray safe = value.storage() == x.storage() ? clone(value) : value;
  const NDArray source = reshape(expand_source(op, safe, taking.shape), taking.walk.shape);
  taking.walk.other_strides = source.strides();
  if (!accumulate) {
    kernels::put(taking.walk, size_of(x.dtype()), view.raw_data(), source.raw_data());
  } else if (is_half(x.dtype())) {
    // In float32 over a dense copy, whose strides and so offsets are others.
    NDArray wide = to(view, float32);
    put_by(op, wide, {{}, plan.places}, to(source, float32).reshape(taking.shape), true);
    view.copy_(wide);
    return;
  } else {
    kernels::add_at(taking.walk, x.dtype(), view.raw_data(), source.raw_data());
  }
  x.bump_version();
}

}  // namespace internal

NDArray& NDArray::index_put_(absl::Span<const Index> indices, const NDArray& value,
                             bool accumulate) {
  const OpScope scope("index_put_");
  check_defined("index_put_", *this);
  internal::put_by("index_put_", *this, internal::plan_index("index_put_", shape_, indices), value,
                   accumulate);
  return *this;
}

NDArray& NDArray::index_put_(absl::Span<const Index> indices, Scalar value, bool accumulate) {
  check_defined("index_put_", *this);
  check_holds("index_put_", value, dtype_);
  return index_put_(indices, full({}, value, dtype_), accumulate);
}

NDArray index_put(const NDArray& x, absl::Span<const Index> indices, const NDArray& value,
                  bool accumulate) {
  const OpScope scope("index_put");
  check_defined("index_put", x);
  const internal::IndexPlan plan = internal::plan_index("index_put", x.shape(), indices);
  NDArray out = clone(x);
  internal::put_by("index_put", out, plan, value, accumulate);
  return out;
}

NDArray nonzero(const NDArray& x) {
  const OpScope scope("nonzero");
  check_defined("nonzero", x);
  const NDArray at = internal::places_of(to(x, bool_));
  NDArray out = NDArray::empty({at.numel(), x.dim()}, int64);
  const int64_t* places = at.data<int64_t>();
  int64_t* rows = out.data<int64_t>();
  for (int64_t i = 0; i < at.numel(); ++i) {
    int64_t rest = places[i];
    for (int d = x.dim() - 1; d >= 0; --d) {
      rows[i * x.dim() + d] = rest % x.shape()[d];
      rest /= x.shape()[d];
    }
  }
  return out;
}

// ---- Masks

NDArray where(const NDArray& condition, const NDArray& a, const NDArray& b) {
  const OpScope scope("where");
  check_defined("where", condition);
  check_defined("where", a);
  check_defined("where", b);
  if (condition.dtype() != bool_) {
    fail<DTypeError>("where", "expected a condition of dtype bool, got ",
                     name_of(condition.dtype()));
  }
  const DType dtype = result_type(a, b);
  const Shape shape =
      broadcast_shapes("where", condition.shape(), broadcast_shapes("where", a.shape(), b.shape()));
  NDArray out = NDArray::empty(shape, dtype);
  const NDArray c = expand(condition, shape), x = expand(to(a, dtype), shape),
                y = expand(to(b, dtype), shape);
  kernels::where(shape, size_of(dtype), out.raw_data(), c.data<bool>(), c.strides(), x.raw_data(),
                 x.strides(), y.raw_data(), y.strides());
  return out;
}

NDArray& NDArray::masked_fill_(const NDArray& mask, const NDArray& value) {
  check_defined("masked_fill_", *this);
  check_defined("masked_fill_", mask);
  check_defined("masked_fill_", value);
  check_writable("masked_fill_", *this);
  if (mask.dtype_ != bool_) {
    fail<DTypeError>("masked_fill_", "expected a mask of dtype bool, got ", name_of(mask.dtype_));
  }
  if (value.dim() != 0) {
    fail<ShapeError>("masked_fill_", "expected a 0-d value, got shape ", value.shape_.str());
  }
  const NDArray one = lamina::to(value, dtype_).clone();
  NDArray full_mask = expand_source("masked_fill_", mask, shape_);
  if (full_mask.storage() == storage()) full_mask = full_mask.clone();
  kernels::fill_where(shape_, size_of(dtype_), data_, strides_, full_mask.data<bool>(),
                      full_mask.strides_, one.data_);
  bump_version();
  return *this;
}

NDArray& NDArray::masked_fill_(const NDArray& mask, Scalar value) {
  check_defined("masked_fill_", *this);
  check_holds("masked_fill_", value, dtype_);
  return masked_fill_(mask, full({}, value, dtype_));
}

}  // namespace lamina
