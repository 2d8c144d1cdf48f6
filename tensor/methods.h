// The operations of ops.inc as methods, for NDArray and Tensor alike: x.sum(1).exp().
//
// `using lamina::op;` at block scope keeps argument-dependent look-up alive (a member found first
// would end it), so the overloads for Tensor are found though a later layer declares them. Included
// by ndarray.h, after the declarations.
#ifndef LAMINA_TENSOR_METHODS_H_
#define LAMINA_TENSOR_METHODS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "lamina/tensor/dtype.h"
#include "lamina/tensor/scalar.h"
#include "lamina/tensor/shape.h"

namespace lamina {

#define LAMINA_METHOD(name, parameters, arguments) \
  A name parameters const {                        \
    using lamina::name;                            \
    return name arguments;                         \
  }
#define LAMINA_LIST_METHOD(name, parameters, arguments) \
  std::vector<A> name parameters const {                \
    using lamina::name;                                 \
    return name arguments;                              \
  }
#define LAMINA_PICKING_METHOD(name, parameters, arguments) \
  ValuesIndices<A> name parameters const {                 \
    using lamina::name;                                    \
    return name arguments;                                 \
  }
#define LAMINA_BINARY_METHOD(name)                       \
  LAMINA_METHOD(name, (const A& other), (self(), other)) \
  LAMINA_METHOD(name, (Scalar other), (self(), other))

// A is what the methods give; Self, the type that has them, is A or converts to const A& (a
// module's Parameter).
template <class A, class Self = A>
class Methods {
 public:
  LAMINA_BINARY_METHOD(add)
  LAMINA_BINARY_METHOD(sub)
  LAMINA_BINARY_METHOD(mul)
  LAMINA_BINARY_METHOD(div)
  LAMINA_BINARY_METHOD(eq)
  LAMINA_BINARY_METHOD(ne)
  LAMINA_BINARY_METHOD(lt)
  LAMINA_BINARY_METHOD(le)
  LAMINA_BINARY_METHOD(gt)
  LAMINA_BINARY_METHOD(ge)

  LAMINA_BINARY_METHOD(pow)
  LAMINA_BINARY_METHOD(fmod)
  LAMINA_BINARY_METHOD(remainder)
  LAMINA_BINARY_METHOD(maximum)
  LAMINA_BINARY_METHOD(minimum)
  LAMINA_BINARY_METHOD(atan2)
  LAMINA_BINARY_METHOD(logical_and)
  LAMINA_BINARY_METHOD(logical_or)
  LAMINA_BINARY_METHOD(logical_xor)
  LAMINA_BINARY_METHOD(bitwise_and)
  LAMINA_BINARY_METHOD(bitwise_or)
  LAMINA_BINARY_METHOD(bitwise_xor)
  LAMINA_BINARY_METHOD(clamp_min)
  LAMINA_BINARY_METHOD(clamp_max)
  LAMINA_METHOD(clamp, (const A& low, const A& high), (self(), low, high))
  LAMINA_METHOD(clamp, (Scalar low, Scalar high), (self(), low, high))
  LAMINA_METHOD(lerp, (const A& other, const A& weight), (self(), other, weight))
  LAMINA_METHOD(lerp, (const A& other, Scalar weight), (self(), other, weight))
  LAMINA_METHOD(addcmul, (const A& a, const A& b, Scalar value = 1), (self(), a, b, value))
  LAMINA_METHOD(addcdiv, (const A& a, const A& b, Scalar value = 1), (self(), a, b, value))

  LAMINA_METHOD(logical_not, (), (self()))
  LAMINA_METHOD(bitwise_not, (), (self()))
  LAMINA_METHOD(isnan, (), (self()))
  LAMINA_METHOD(isinf, (), (self()))
  LAMINA_METHOD(isfinite, (), (self()))
  LAMINA_METHOD(neg, (), (self()))
  LAMINA_METHOD(abs, (), (self()))
  LAMINA_METHOD(sign, (), (self()))
  LAMINA_METHOD(square, (), (self()))
  LAMINA_METHOD(relu, (), (self()))
  LAMINA_METHOD(floor, (), (self()))
  LAMINA_METHOD(ceil, (), (self()))
  LAMINA_METHOD(round, (), (self()))
  LAMINA_METHOD(trunc, (), (self()))
  LAMINA_METHOD(frac, (), (self()))
  LAMINA_METHOD(exp, (), (self()))
  LAMINA_METHOD(expm1, (), (self()))
  LAMINA_METHOD(log, (), (self()))
  LAMINA_METHOD(log1p, (), (self()))
  LAMINA_METHOD(log2, (), (self()))
  LAMINA_METHOD(sqrt, (), (self()))
  LAMINA_METHOD(rsqrt, (), (self()))
  LAMINA_METHOD(reciprocal, (), (self()))
  LAMINA_METHOD(sin, (), (self()))
  LAMINA_METHOD(cos, (), (self()))
  LAMINA_METHOD(tan, (), (self()))
  LAMINA_METHOD(asin, (), (self()))
  LAMINA_METHOD(acos, (), (self()))
  LAMINA_METHOD(atan, (), (self()))
  LAMINA_METHOD(sinh, (), (self()))
  LAMINA_METHOD(cosh, (), (self()))
  LAMINA_METHOD(tanh, (), (self()))
  LAMINA_METHOD(sigmoid, (), (self()))
  LAMINA_METHOD(erf, (), (self()))
  LAMINA_METHOD(erfc, (), (self()))

  LAMINA_METHOD(sum, (const Dims& dims = {}, bool keepdim = false), (self(), dims, keepdim))
  LAMINA_METHOD(mean, (const Dims& dims = {}, bool keepdim = false), (self(), dims, keepdim))
  LAMINA_METHOD(prod, (), (self()))
  LAMINA_METHOD(prod, (int64_t dim, bool keepdim = false), (self(), dim, keepdim))
  LAMINA_METHOD(max, (), (self()))
  LAMINA_METHOD(min, (), (self()))
  LAMINA_METHOD(amax, (const Dims& dims = {}, bool keepdim = false), (self(), dims, keepdim))
  LAMINA_METHOD(amin, (const Dims& dims = {}, bool keepdim = false), (self(), dims, keepdim))
  LAMINA_PICKING_METHOD(max, (int64_t dim, bool keepdim = false), (self(), dim, keepdim))
  LAMINA_PICKING_METHOD(min, (int64_t dim, bool keepdim = false), (self(), dim, keepdim))
  LAMINA_METHOD(argmax, (), (self()))
  LAMINA_METHOD(argmax, (int64_t dim, bool keepdim = false), (self(), dim, keepdim))
  LAMINA_METHOD(argmin, (), (self()))
  LAMINA_METHOD(argmin, (int64_t dim, bool keepdim = false), (self(), dim, keepdim))
  LAMINA_METHOD(var, (const Dims& dims = {}, int64_t correction = 1, bool keepdim = false),
                (self(), dims, correction, keepdim))
  LAMINA_METHOD(std, (const Dims& dims = {}, int64_t correction = 1, bool keepdim = false),
                (self(), dims, correction, keepdim))
  LAMINA_METHOD(norm, (Scalar p = 2, const Dims& dims = {}, bool keepdim = false),
                (self(), p, dims, keepdim))
  LAMINA_METHOD(logsumexp, (const Dims& dims, bool keepdim = false), (self(), dims, keepdim))
  LAMINA_METHOD(all, (), (self()))
  LAMINA_METHOD(all, (int64_t dim, bool keepdim = false), (self(), dim, keepdim))
  LAMINA_METHOD(any, (), (self()))
  LAMINA_METHOD(any, (int64_t dim, bool keepdim = false), (self(), dim, keepdim))
  LAMINA_METHOD(count_nonzero, (const Dims& dims = {}), (self(), dims))

  LAMINA_METHOD(cumsum, (int64_t dim), (self(), dim))
  LAMINA_METHOD(cumprod, (int64_t dim), (self(), dim))
  LAMINA_PICKING_METHOD(sort, (int64_t dim = -1, bool descending = false),
                        (self(), dim, descending))
  LAMINA_METHOD(argsort, (int64_t dim = -1, bool descending = false), (self(), dim, descending))
  LAMINA_PICKING_METHOD(topk,
                        (int64_t k, int64_t dim = -1, bool largest = true, bool sorted = true),
                        (self(), k, dim, largest, sorted))
  UniqueResult<A> unique(bool return_inverse = false, bool return_counts = false) const {
    using lamina::unique;
    return unique(self(), return_inverse, return_counts);
  }

  LAMINA_METHOD(matmul, (const A& other), (self(), other))
  LAMINA_METHOD(softmax, (int64_t dim), (self(), dim))
  LAMINA_METHOD(bmm, (const A& other), (self(), other))
  LAMINA_METHOD(mm, (const A& other), (self(), other))
  LAMINA_METHOD(mv, (const A& other), (self(), other))
  LAMINA_METHOD(dot, (const A& other), (self(), other))
  LAMINA_METHOD(outer, (const A& other), (self(), other))
  LAMINA_METHOD(trace, (), (self()))
  LAMINA_METHOD(tril, (int64_t diagonal = 0), (self(), diagonal))
  LAMINA_METHOD(triu, (int64_t diagonal = 0), (self(), diagonal))
  LAMINA_METHOD(cholesky, (), (self()))
  LAMINA_METHOD(inverse, (), (self()))
  LAMINA_METHOD(det, (), (self()))
  LAMINA_METHOD(log_softmax, (int64_t dim), (self(), dim))

  LAMINA_METHOD(index_select, (int64_t dim, const A& index), (self(), dim, index))
  LAMINA_METHOD(index_add, (int64_t dim, const A& index, const A& source),
                (self(), dim, index, source))
  LAMINA_METHOD(gather, (int64_t dim, const A& index), (self(), dim, index))
  LAMINA_METHOD(scatter_add, (int64_t dim, const A& index, const A& source),
                (self(), dim, index, source))

  LAMINA_METHOD(scatter, (int64_t dim, const A& index, const A& source),
                (self(), dim, index, source))
  LAMINA_METHOD(scatter, (int64_t dim, const A& index, Scalar value), (self(), dim, index, value))
  LAMINA_METHOD(take_along_dim, (const A& indices, std::optional<int64_t> dim = std::nullopt),
                (self(), indices, dim))
  LAMINA_METHOD(index, (absl::Span<const Index> indices), (self(), indices))
  LAMINA_METHOD(index_put,
                (absl::Span<const Index> indices, const A& value, bool accumulate = false),
                (self(), indices, value, accumulate))
  LAMINA_METHOD(index_put, (absl::Span<const Index> indices, Scalar value, bool accumulate = false),
                (self(), indices, value, accumulate))
  LAMINA_METHOD(masked_fill, (const A& mask, const A& value), (self(), mask, value))
  LAMINA_METHOD(masked_fill, (const A& mask, Scalar value), (self(), mask, value))
  LAMINA_METHOD(masked_select, (const A& mask), (self(), mask))
  LAMINA_METHOD(nonzero, (), (self()))

  LAMINA_METHOD(flip, (const Dims& dims), (self(), dims))
  LAMINA_METHOD(roll, (const Dims& shifts, const Dims& dims = {}), (self(), shifts, dims))
  LAMINA_METHOD(repeat, (const Shape& repeats), (self(), repeats))
  LAMINA_METHOD(tile, (const Shape& repeats), (self(), repeats))

  LAMINA_METHOD(view, (const Shape& shape), (self(), shape))
  LAMINA_METHOD(reshape, (const Shape& shape), (self(), shape))
  LAMINA_METHOD(flatten, (int64_t start = 0, int64_t end = -1), (self(), start, end))
  LAMINA_METHOD(permute, (const Dims& dims), (self(), dims))
  LAMINA_METHOD(transpose, (int64_t dim0, int64_t dim1), (self(), dim0, dim1))
  LAMINA_METHOD(t, (), (self()))
  LAMINA_METHOD(expand, (const Shape& shape), (self(), shape))
  LAMINA_METHOD(squeeze, (), (self()))
  LAMINA_METHOD(squeeze, (int64_t dim), (self(), dim))
  LAMINA_METHOD(unsqueeze, (int64_t dim), (self(), dim))
  LAMINA_METHOD(narrow, (int64_t dim, int64_t start, int64_t length), (self(), dim, start, length))
  A operator[](int64_t i) const {  // x[i]: the view at i along the first dimension
    using lamina::select;
    return select(self(), 0, i);
  }
  LAMINA_METHOD(select, (int64_t dim, int64_t index), (self(), dim, index))
  LAMINA_METHOD(slice,
                (int64_t dim, std::optional<int64_t> start = std::nullopt,
                 std::optional<int64_t> end = std::nullopt, int64_t step = 1),
                (self(), dim, start, end, step))
  LAMINA_METHOD(unflatten, (int64_t dim, const Shape& sizes), (self(), dim, sizes))
  LAMINA_METHOD(movedim, (const Dims& source, const Dims& destination),
                (self(), source, destination))
  LAMINA_METHOD(broadcast_to, (const Shape& shape), (self(), shape))
  LAMINA_METHOD(diagonal, (int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1),
                (self(), offset, dim1, dim2))
  LAMINA_METHOD(as_strided,
                (const Shape& shape, const Strides& strides,
                 std::optional<int64_t> storage_offset = std::nullopt),
                (self(), shape, strides, storage_offset))
  LAMINA_LIST_METHOD(chunk, (int64_t chunks, int64_t dim = 0), (self(), chunks, dim))
  LAMINA_LIST_METHOD(split, (int64_t size, int64_t dim = 0), (self(), size, dim))
  LAMINA_LIST_METHOD(split, (absl::Span<const int64_t> sizes, int64_t dim = 0),
                     (self(), sizes, dim))
  LAMINA_LIST_METHOD(unbind, (int64_t dim = 0), (self(), dim))

  LAMINA_METHOD(contiguous, (), (self()))
  LAMINA_METHOD(clone, (), (self()))
  LAMINA_METHOD(to, (DType dtype), (self(), dtype))
  LAMINA_METHOD(sum_to, (const Shape& shape), (self(), shape))

 private:
  const A& self() const { return static_cast<const Self&>(*this); }
};

#undef LAMINA_METHOD
#undef LAMINA_LIST_METHOD
#undef LAMINA_PICKING_METHOD
#undef LAMINA_BINARY_METHOD

// The in-place operations of a Self that is no A but converts to const A&; arrays have their own.
template <class A, class Self>
class InPlaceMethods {
 public:
#define LAMINA_ARRAY A
#define LAMINA_WRITTEN A
#define LAMINA_CONST const
#define LAMINA_BODY(call) \
  { return array().call; }
#include "lamina/tensor/in_place.inc"
#undef LAMINA_ARRAY
#undef LAMINA_WRITTEN
#undef LAMINA_CONST
#undef LAMINA_BODY

 private:
  const A& array() const { return static_cast<const Self&>(*this); }
};

}  // namespace lamina

#endif  // LAMINA_TENSOR_METHODS_H_
