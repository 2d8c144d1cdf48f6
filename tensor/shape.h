// Shape: up to eight 64-bit extents held inline. Shapes, strides and lists of dimensions all are
// one.
#ifndef LAMINA_TENSOR_SHAPE_H_
#define LAMINA_TENSOR_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>
#include <type_traits>

#include "absl/types/span.h"
#include "lamina/tensor/error.h"

namespace lamina {

class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  // A single extent: zeros(3), sum(x, 1). A template, for long long and int64_t may be two types.
  template <class T, class = std::enable_if_t<std::is_integral_v<T>>>
  Shape(T extent) : rank_(1) {  // implicit
    extents_[0] = static_cast<int64_t>(extent);
  }
  Shape(std::initializer_list<int64_t> extents)
      : Shape(absl::MakeConstSpan(extents.begin(), extents.size())) {}
  explicit Shape(absl::Span<const int64_t> extents) {
    if (extents.size() > kMaxRank) fail_rank(extents);
    for (int64_t extent : extents) push_back(extent);
  }
  // `rank` extents of the same value.
  static Shape filled(int rank, int64_t value) {
    Shape shape;
    for (int i = 0; i < rank; ++i) shape.push_back(value);
    return shape;
  }

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  int64_t operator[](int i) const { return extents_[i]; }
  int64_t& operator[](int i) { return extents_[i]; }
  const int64_t* begin() const { return extents_; }
  const int64_t* end() const { return extents_ + rank_; }
  operator absl::Span<const int64_t>() const {  // implicit
    return {extents_, static_cast<size_t>(rank_)};
  }

  // The product of the extents; 1 for rank 0.
  int64_t numel() const {
    int64_t n = 1;
    for (int64_t extent : *this) n *= extent;
    return n;
  }
  void push_back(int64_t extent) {
    if (rank_ == kMaxRank) fail_rank_above(extent);
    extents_[rank_++] = extent;
  }
  void clear() { rank_ = 0; }
  void insert(int at, int64_t extent);
  void erase(int at);
  std::string str() const;  // "(2, 3)", and "(2,)" for one extent, as Python writes a tuple

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i) {
      if (a.extents_[i] != b.extents_[i]) return false;
    }
    return true;
  }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }
  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    return out << shape.str();
  }

 private:
  [[noreturn, gnu::cold]] static void fail_rank(absl::Span<const int64_t> extents);
  [[noreturn, gnu::cold]] void fail_rank_above(int64_t extent) const;

  int rank_ = 0;
  int64_t extents_[kMaxRank] = {};
};

using Strides = Shape;  // in elements, not bytes
using Dims = Shape;     // dimensions of an array, counted from 0, or from the end when negative

// The strides of a contiguous (row-major) array.
inline Strides contiguous_strides(const Shape& shape) {
  Strides strides = shape;
  int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    if (shape[i] > 1) step *= shape[i];
  }
  return strides;
}

// `dim` counted from the front. Throws IndexError unless -rank <= dim < rank.
int normalize_dim(const char* op, int64_t dim, int rank);
// The same for each of `dims`, where no dimensions mean all of them: a bit per dimension. A
// repeated one is an error.
uint32_t normalize_dims(const char* op, const Dims& dims, int rank);

// The shape that both broadcast to: aligned at the end, equal or 1. Throws ShapeError with both
// shapes.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);
// The same where the caller has a better text: false if they do not.
bool broadcast_shapes(const Shape& a, const Shape& b, Shape* out);

// Replaces a -1 in `shape` by what `numel` leaves for it. Throws ShapeError when that does not come
// out.
Shape infer_shape(const char* op, const Shape& shape, int64_t numel);

// Throws ShapeError on a negative extent or when the number of bytes overflows.
void check_shape(const char* op, const Shape& shape, int64_t item_size);

// Throws unless there is a stride of at least 0 per extent, and the places that they reach are less
// than 2^59: also where no element is, so that views of the array cannot overflow.
void check_strides(const char* op, const Shape& shape, const Strides& strides);

}  // namespace lamina

#endif  // LAMINA_TENSOR_SHAPE_H_
