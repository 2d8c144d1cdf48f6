#include "lamina/tensor/shape.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lamina {

void Shape::fail_rank(absl::Span<const int64_t> extents) {
  fail<ShapeError>("Shape", "expected a rank of at most 8, got ", extents.size());
}

void Shape::fail_rank_above(int64_t extent) const {
  fail<ShapeError>("Shape", "expected a rank of at most 8, got ", str(), " and another extent of ",
                   extent);
}

void Shape::insert(int at, int64_t extent) {
  if (rank_ == kMaxRank) fail_rank_above(extent);
  push_back(0);
  for (int i = rank_ - 1; i > at; --i) extents_[i] = extents_[i - 1];
  extents_[at] = extent;
}

void Shape::erase(int at) {
  --rank_;
  for (int i = at; i < rank_; ++i) extents_[i] = extents_[i + 1];
  extents_[rank_] = 0;
}

std::string Shape::str() const {
  return absl::StrCat("(", absl::StrJoin(begin(), end(), ", "), rank_ == 1 ? ",)" : ")");
}

int normalize_dim(const char* op, int64_t dim, int rank) {
  // A 0-d array takes 0 and -1, as in PyTorch.
  const int64_t range = rank == 0 ? 1 : rank;
  if (dim < -range || dim >= range) {
    fail<IndexError>(op, "expected a dimension from ", -range, " to ", range - 1, ", got ", dim);
  }
  return static_cast<int>(dim < 0 ? dim + range : dim);
}

uint32_t normalize_dims(const char* op, const Dims& dims, int rank) {
  if (dims.empty()) return (1u << rank) - 1;
  uint32_t mask = 0;
  for (int64_t dim : dims) {
    const uint32_t bit = 1u << normalize_dim(op, dim, rank);
    if (mask & bit) fail<IndexError>(op, "expected different dimensions, got ", dims.str());
    mask |= bit;
  }
  return mask & ((1u << rank) - 1);
}

bool broadcast_shapes(const Shape& a, const Shape& b, Shape* out) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  *out = longer;
  for (int i = 1; i <= shorter.rank(); ++i) {
    const int64_t x = longer[longer.rank() - i], y = shorter[shorter.rank() - i];
    if (x != y && x != 1 && y != 1) return false;
    (*out)[out->rank() - i] = x == 1 ? y : x;
  }
  return true;
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  Shape out;
  if (!broadcast_shapes(a, b, &out)) {
    fail<ShapeError>(op, "expected shapes that broadcast together, got ", a.str(), " and ",
                     b.str());
  }
  return out;
}

Shape infer_shape(const char* op, const Shape& shape, int64_t numel) {
  Shape out = shape;
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == -1 && unknown < 0) {
      unknown = i;
    } else if (shape[i] < 0) {
      fail<ShapeError>(op, "expected extents of at least 0 and at most one -1, got ", shape.str());
    } else if (__builtin_mul_overflow(known, shape[i], &known)) {
      fail<ShapeError>(op, "expected extents whose product is below 2^63, got ", shape.str());
    }
  }
  if (unknown >= 0) {
    if (known == 0 || numel % known != 0) {
      fail<ShapeError>(op, "expected a shape that divides ", numel, " elements, got ", shape.str());
    }
    out[unknown] = numel / known;
  } else if (known != numel) {
    fail<ShapeError>(op, "expected a shape of ", numel, " elements, got ", shape.str());
  }
  return out;
}

void check_shape(const char* op, const Shape& shape, int64_t item_size) {
  int64_t bytes = item_size;
  for (int64_t extent : shape) {
    if (extent < 0) fail<ShapeError>(op, "expected extents of at least 0, got ", shape.str());
  }
  for (int64_t extent : shape) {
    // Zero extents count as one, so that strides cannot overflow either.
    if (__builtin_mul_overflow(bytes, extent > 0 ? extent : 1, &bytes) ||
        bytes > std::numeric_limits<int64_t>::max() / 2) {
      fail<ShapeError>(op, "expected an array of less than 2^62 bytes, got shape ", shape.str());
    }
  }
}

void check_strides(const char* op, const Shape& shape, const Strides& strides) {
  if (strides.rank() != shape.rank()) {
    fail<ShapeError>(op, "expected a stride per dimension of shape ", shape.str(), ", got ",
                     strides.str());
  }
  constexpr int64_t kLimit = int64_t{1} << 59;
  int64_t reach = 0;
  for (int d = 0; d < shape.rank(); ++d) {
    if (strides[d] < 0) fail<ValueError>(op, "expected strides of at least 0, got ", strides.str());
    int64_t along;
    if (__builtin_mul_overflow(strides[d], std::max<int64_t>(shape[d], 1), &along) ||
        along >= kLimit - reach) {
      fail<ShapeError>(op, "expected strides that reach less than 2^59 places, got shape ",
                       shape.str(), " with strides ", strides.str());
    }
    reach += along;
  }
}

}  // namespace lamina
