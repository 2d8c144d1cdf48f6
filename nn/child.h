// Child: a module that is a member of another one and registers itself with it.
//
//   nn::Child<nn::Linear> layer1{this, "layer1", 784, 128};  // after the name: Linear's arguments
//   nn::Child<nn::Linear> head{this, "head", nn::Linear(128, 10, {.bias = false})};  // or one made
//   nn::Child<nn::Layer> shortcut{this, "shortcut", nullptr};  // a placeholder, for any layer
//   layer1(x);
//   layer1->weight;
//   shortcut = nn::Linear(784, 128);  // replaces what is registered
#ifndef LAMINA_NN_CHILD_H_
#define LAMINA_NN_CHILD_H_

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "lamina/nn/clone.h"
#include "lamina/nn/module.h"

namespace lamina::nn {

template <class T>
class Child {
  template <class M>
  using IfDerived = std::enable_if_t<std::is_base_of_v<T, std::decay_t<M>>, int>;

 public:
  // Makes a T from the arguments.
  template <class... Args, std::enable_if_t<std::is_constructible_v<T, Args...>, int> = 0>
  Child(Module* owner, std::string name, Args&&... args)
      : Child(owner, std::move(name), std::make_shared<T>(std::forward<Args>(args)...)) {}
  // Moves in a T, or a module of a class derived from it.
  template <class M, IfDerived<M> = 0>
  Child(Module* owner, std::string name, M&& module)
      : Child(owner, std::move(name), internal::take(std::forward<M>(module))) {}
  // A module that others may hold as well. Throws ValueError if the owner is the module, or below it.
  template <class M, IfDerived<M> = 0>
  Child(Module* owner, std::string name, std::shared_ptr<M> module)
      : slot_(Module::registry_of("Child", owner)
                  .add_module(std::move(name), module, internal::copier(module.get()))) {
    slot_->check = internal::check_is<T>;
  }
  // The module of another Child, which both hold.
  Child(Module* owner, std::string name, const Child& other)
      : slot_(Module::registry_of("Child", owner)
                  .add_module(std::move(name), other.slot().module, other.slot().copy)) {
    slot_->check = internal::check_is<T>;
  }
  // A placeholder: no module yet.
  Child(Module* owner, std::string name, std::nullptr_t)
      : Child(owner, std::move(name), std::shared_ptr<T>()) {}

  Child(Child&&) noexcept = default;  // with its owner
  Child(const Child& other)           // with its owner, by clone()
      : slot_(internal::Cloning::current(
                  "Child", "a child to stay in its module, which nn::clone(module) copies",
                  "auto m = model.layer; takes one out: write auto& m, or *model.layer")
                  .copy_of(other.slot_)) {}

  // Replace the module, in the registry too. A Child never leaves the registry: erasing one from a
  // std::vector of them moves modules about and leaves the last name registered; use ModuleList.
  template <class M, IfDerived<M> = 0>
  Child& operator=(M&& module) {
    return *this = internal::take(std::forward<M>(module));
  }
  template <class M, IfDerived<M> = 0>
  Child& operator=(std::shared_ptr<M> module) {
    slot().set(module, internal::copier(module.get()));
    return *this;
  }
  Child& operator=(std::nullptr_t) { return *this = std::shared_ptr<T>(); }
  Child& operator=(const Child& other) {  // both hold the other's module from now on
    if (this != &other) slot().set(other.slot().module, other.slot().copy);
    return *this;
  }
  friend void swap(Child&, Child&) = delete;  // it would move them out of their owners

  explicit operator bool() const { return slot().module != nullptr; }  // false: a placeholder
  // Throw RuntimeError if it is a placeholder, or its owner was moved from.
  T& operator*() const {
    if (slot().module == nullptr) fail_placeholder();
    return static_cast<T&>(*slot_->module);
  }
  T* operator->() const { return &**this; }
  template <class... In>
  decltype(auto) operator()(In&&... in) const {
    return (**this)(std::forward<In>(in)...);
  }
  // With the last argument in braces: attention(q, k, v, {.is_causal = true}).
  template <class A, class U = T, class Last = typename U::LastArgument>
  decltype(auto) operator()(A&& a, const Last& last) const {
    return (**this)(std::forward<A>(a), last);
  }
  template <class A, class B, class U = T, class Last = typename U::LastArgument>
  decltype(auto) operator()(A&& a, B&& b, const Last& last) const {
    return (**this)(std::forward<A>(a), std::forward<B>(b), last);
  }
  template <class A, class B, class C, class U = T, class Last = typename U::LastArgument>
  decltype(auto) operator()(A&& a, B&& b, C&& c, const Last& last) const {
    return (**this)(std::forward<A>(a), std::forward<B>(b), std::forward<C>(c), last);
  }
  // For another owner to hold as well; null of a placeholder.
  std::shared_ptr<T> shared() const { return std::static_pointer_cast<T>(slot().module); }

 private:
  template <class>
  friend class ModuleList;
  template <class>
  friend class ModuleDict;
  template <class>
  friend class SequentialOf;

  explicit Child(std::shared_ptr<internal::ModuleSlot> slot) : slot_(std::move(slot)) {}

  internal::ModuleSlot& slot() const {
    if (!slot_) {
      fail<RuntimeError>("Child", "expected a live module, got one that was moved from");
    }
    return *slot_;
  }
  [[noreturn, gnu::cold]] void fail_placeholder() const {
    fail<RuntimeError>("Child", "expected a module in \"", slot_->name,
                       "\", got a placeholder without one");
  }

  std::shared_ptr<internal::ModuleSlot> slot_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_CHILD_H_
