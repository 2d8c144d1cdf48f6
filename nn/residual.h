#ifndef LAMINA_NN_RESIDUAL_H_
#define LAMINA_NN_RESIDUAL_H_

#include <memory>
#include <type_traits>
#include <utility>

#include "lamina/nn/child.h"
#include "lamina/nn/layer.h"

namespace lamina::nn {

// x + fn(x), where fn keeps the shape:
//
//   nn::Residual block(nn::Sequential{nn::Linear(64, 64), nn::ReLU(), nn::Linear(64, 64)});
//
// He et al., "Deep residual learning for image recognition", CVPR 2016.
class Residual : public Layer {
 public:
  // Moves the layer in; a shared_ptr shares it with other owners.
  template <class L, class = std::enable_if_t<std::is_base_of_v<Layer, L> &&
                                              !std::is_base_of_v<Residual, L>>>
  explicit Residual(L&& layer) : fn(this, "fn", std::forward<L>(layer)) {}
  template <class L>
  explicit Residual(std::shared_ptr<L> layer) : fn(this, "fn", std::move(layer)) {}

  // Throws ShapeError if fn does not keep the shape.
  Tensor forward(const Tensor& x) override {
    const Tensor y = fn(x);
    if (y.shape() != x.shape()) {
      fail<ShapeError>("Residual", "expected fn to keep the shape ", x.shape().str(), ", got ",
                       y.shape().str());
    }
    return x + y;
  }

  Child<Layer> fn;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_RESIDUAL_H_
