// Some of the elements of an array, each once, and their gradients: what narrow, slice, diagonal
// and writes to views take. A Part has
//
//   static constexpr const char *kName, *kBackward;   of the operation and its gradient
//   NDArray of(const NDArray& x) const;               the elements, as a view of x where it can be
//   NDArray blank(const Shape&, DType) const;         zeros that `of` views
#ifndef LAMINA_AUTOGRAD_PART_H_
#define LAMINA_AUTOGRAD_PART_H_

#include "lamina/autograd/function.h"

namespace lamina::internal {

template <class Part>
struct TakePart;

// Zeros of `shape` with x as the part.
template <class Part>
struct PutPart : Function<PutPart<Part>> {
  static constexpr const char* kName = Part::kBackward;
  Part part;
  NDArray forward(Context&, const NDArray& x, const Shape& shape, const Part& where) {
    part = where;
    NDArray y = part.blank(shape, x.dtype());
    part.of(y).copy_(x);
    return y;
  }
  Gradients backward(Context&, const Tensor& dy) { return {TakePart<Part>::apply(dy, part)}; }
};

template <class Part>
struct TakePart : Function<TakePart<Part>> {
  static constexpr const char* kName = Part::kName;
  static constexpr bool kIsView = true;
  Part part;
  NDArray forward(Context&, const NDArray& x, const Part& where) {
    part = where;
    return part.of(x);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    return {PutPart<Part>::apply(dy, ctx.input_shape(0), part)};
  }
};

}  // namespace lamina::internal

#endif  // LAMINA_AUTOGRAD_PART_H_
