// Child: a module that is a member of another one and registers itself with it.
//
//   nn::Child<nn::Linear> layer1{this, "layer1", 784, 128};  // after the name: Linear's arguments
//   layer1(x);
//   layer1->weight;
#ifndef LAMINA_NN_CHILD_H_
#define LAMINA_NN_CHILD_H_

#include <memory>
#include <string>
#include <utility>

#include "lamina/nn/module.h"

namespace lamina::nn {

template <class T>
class Child {
 public:
  template <class... Args>
  Child(Module* owner, std::string name, Args&&... args)
      : module_(std::make_shared<T>(std::forward<Args>(args)...)) {
    Module::registry_of("Child", owner).add_child(std::move(name), module_);
  }
  Child(Child&&) noexcept = default;  // with its owner
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  T& operator*() const {  // throws RuntimeError if its owner was moved from
    if (!module_)
      fail<RuntimeError>("Child", "expected a live module, got one that was moved from");
    return *module_;
  }
  T* operator->() const { return &**this; }
  template <class... In>
  decltype(auto) operator()(In&&... in) const {
    return (**this)(std::forward<In>(in)...);
  }

 private:
  std::shared_ptr<T> module_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_CHILD_H_
