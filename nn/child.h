// Child: a module that is a member of another one and registers itself with it.
//
//   nn::Child<nn::Linear> layer1{this, "layer1", 784, 128};   // arguments after the name make the Linear
//   layer1(x);  layer1->weight;
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
    internal::Registry& registry = owner->registry();
    registry.check_new_name(name);
    registry.children.push_back(std::make_shared<internal::ModuleSlot>(
        internal::ModuleSlot{std::move(name), module_}));
  }
  Child(Child&&) = default;  // with its owner
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  T* operator->() const { return module_.get(); }
  T& operator*() const { return *module_; }
  template <class... In>
  decltype(auto) operator()(In&&... in) const {
    return (*module_)(std::forward<In>(in)...);
  }

 private:
  std::shared_ptr<T> module_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_CHILD_H_
