// Callable: a module that computes. Layer, the common case, turns one tensor into another.
//
// A subclass overrides forward; users call the module itself: layer(x).
#ifndef LAMINA_NN_LAYER_H_
#define LAMINA_NN_LAYER_H_

#include <utility>

#include "lamina/nn/module.h"

namespace lamina::nn {

template <class R, class... In>
class Callable<R(In...)> : public Module {
 public:
  virtual R forward(In... in) = 0;
  R operator()(In... in) {
    this->registry();  // throws if the module was moved from: a container would pass its input on
    return forward(std::forward<In>(in)...);
  }
};

using Layer = Callable<Tensor(const Tensor&)>;

}  // namespace lamina::nn

#endif  // LAMINA_NN_LAYER_H_
