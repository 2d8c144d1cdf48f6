// What index(), index_put() and index_put_() take in their lists:
//
//   x.index({Slice(1, None), 0})              x[1:, 0], a view
//   x.index({Ellipsis, Slice(None, None, 2)}) x[..., ::2], a view
//   x.index({None, rows})                     x[None, rows] with an int64 array: a copy
//   x.index({x > 0})                          x[x > 0]: a copy
//   x.index_put_({0, mask}, 1.5)              x[0, mask] = 1.5, for an NDArray
#ifndef LAMINA_TENSOR_INDEXING_H_
#define LAMINA_TENSOR_INDEXING_H_

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "lamina/tensor/ndarray.h"  // which includes this file at its end

namespace lamina {

inline constexpr std::nullopt_t None = std::nullopt;  // an open end; in a list, a new dimension
struct EllipsisType {};
inline constexpr EllipsisType Ellipsis{};  // as many whole dimensions as the others leave

// start:end:step of Python: ends are clamped, negative ones count from the end; step > 0.
struct Slice {
  explicit Slice(std::optional<int64_t> first = None, std::optional<int64_t> last = None,
                 int64_t by = 1)
      : start(first), end(last), step(by) {}
  std::optional<int64_t> start, end;
  int64_t step;
};

// One entry of a list: a Slice, an integer, None, Ellipsis, an int64 array (integers of it may be
// negative; a 0-d one is an integer) or a bool mask, which stands for as many dimensions as it has.
// Each conversion is implicit.
class Index {
 public:
  enum class Kind { kSlice, kInteger, kNewDim, kEllipsis, kArray };

  Index(Slice slice) : kind_(Kind::kSlice), slice_(slice) {}
  Index(std::nullopt_t) : kind_(Kind::kNewDim) {}
  Index(EllipsisType) : kind_(Kind::kEllipsis) {}
  template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  Index(T integer) : kind_(Kind::kInteger), integer_(static_cast<int64_t>(integer)) {
    if (std::is_unsigned_v<T> && integer_ < 0)
      fail<ValueError>("Index", "expected an integer below 2^63, got ", integer);
  }
  Index(NDArray array) : kind_(Kind::kArray), array_(std::move(array)) {}
  // A Tensor: anything that holds an array.
  template <class T,
            std::enable_if_t<
                std::is_same_v<decltype(std::declval<const T&>().data()), const NDArray&>, int> = 0>
  Index(const T& tensor) : Index(tensor.data()) {}

  Kind kind() const { return kind_; }
  const Slice& slice() const { return slice_; }
  int64_t integer() const { return integer_; }
  const NDArray& array() const { return array_; }

 private:
  Kind kind_;
  Slice slice_;
  int64_t integer_ = 0;
  NDArray array_;
};

namespace internal {

// A list of indices, checked against a shape and brought to two stages: a view, and the places that
// arrays and masks choose in it. New dimensions are the last steps, so that no view between has more
// of them than x and the result.
struct IndexPlan {
  struct Step {
    enum Kind { kSelect, kSlice, kNewDim } kind;
    int64_t dim;  // of what the steps before leave
    Slice slice;
    int64_t index = 0;
  };
  // Numbers from 0 into dimensions dim ... dim + dims - 1 of the view, taken as one.
  struct Places {
    int dim;
    int dims;
    NDArray at;  // int64, of its own storage
  };
  std::vector<Step> steps;
  std::vector<Places> places;  // none: the view is all
};
IndexPlan plan_index(const char* op, const Shape& shape, absl::Span<const Index> indices);

template <class A>
A view_by(A x, const IndexPlan& plan) {
  for (const IndexPlan::Step& s : plan.steps) {
    if (s.kind == IndexPlan::Step::kSelect) x = select(x, s.dim, s.index);
    if (s.kind == IndexPlan::Step::kSlice)
      x = slice(x, s.dim, s.slice.start, s.slice.end, s.slice.step);
    if (s.kind == IndexPlan::Step::kNewDim) x = unsqueeze(x, s.dim);
  }
  return x;
}

// The elements of the view at the places; there is at least one.
NDArray take_places(const char* op, const NDArray& view,
                    const std::vector<IndexPlan::Places>& places);
// x[indices] = value in place, or += with `accumulate`.
void put_by(const char* op, NDArray& x, const IndexPlan& plan, const NDArray& value,
            bool accumulate);

// pad by a value alone, its padding checked.
NDArray pad_constant(const NDArray& x, absl::Span<const int64_t> padding, Scalar value);

// Where x begins in its storage and how many elements that has. Of a storage that does not know its
// size, the part that x reaches.
struct StorageRange {
  int64_t offset, size;
};
StorageRange storage_range(const NDArray& x);

}  // namespace internal
}  // namespace lamina

#endif  // LAMINA_TENSOR_INDEXING_H_
