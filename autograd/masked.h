// Gradients that pass where something holds. Private to the operations.
#ifndef LAMINA_AUTOGRAD_MASKED_H_
#define LAMINA_AUTOGRAD_MASKED_H_

#include "lamina/autograd/function.h"
#include "lamina/tensor/fused.h"

namespace lamina {

struct ReluBackward : Function<ReluBackward> {
  static constexpr const char* kName = "relu_backward";
  static NDArray forward(Context& ctx, const NDArray& dy, const NDArray& y) {
    ctx.save_values(y);
    return relu_backward(dy, y);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {  // linear in dy, constant in y
    return {ReluBackward::apply(dy, ctx.saved(0).data()), Tensor()};
  }
};

// x where `mask` holds, else 0: a product with the mask would make NaN of infinities.
inline Tensor keep_where(const Tensor& x, const Tensor& mask) {
  return ReluBackward::apply(x, expand(mask.data(), x.shape()).to(x.dtype()));
}

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_MASKED_H_
