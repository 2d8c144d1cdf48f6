// Callable: a module that computes. Layer, the common case, turns one tensor into another.
//
// A subclass overrides forward; users call the module itself, layer(x), which runs the hooks
// (hooks.h) around it. Neither is const, for forward may change the module: BatchNorm's running
// statistics, or what hooks do. So a function that calls a model takes it as Net&; a const Net& shows
// its members, parameters and state.
#ifndef LAMINA_NN_LAYER_H_
#define LAMINA_NN_LAYER_H_

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/nn/module.h"
#include "lamina/nn/tensors_in.h"

namespace lamina::nn {
namespace internal {

inline thread_local const Module* calling_now = nullptr;  // whose forward runs on this thread

// A call of a module. Within another module's forward, it throws RuntimeError if the module has
// parameters to train and no owner: nobody would find them.
class Call {
 public:
  Call(const Module& module, const Registry& registry) : caller_(calling_now) {
    if (caller_ != nullptr && !registry.has_owner) check_needs_no_owner(*caller_, module);
    calling_now = &module;
  }
  ~Call() { calling_now = caller_; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  static void check_needs_no_owner(const Module& caller, const Module& module);
  const Module* caller_;
};

// While one lives, no call counts as another's: hooks may call what they like.
class OutsideCalls {
 public:
  OutsideCalls() : calling_(std::exchange(calling_now, nullptr)) {}
  ~OutsideCalls() { calling_now = calling_; }
  OutsideCalls(const OutsideCalls&) = delete;
  OutsideCalls& operator=(const OutsideCalls&) = delete;

 private:
  const Module* calling_;
};

// A call with its hooks. Each step runs those that belong there, which may replace the tensors.
class HookedCall {
 public:
  HookedCall(Module& module, std::shared_ptr<Registry> registry)
      : module_(module), registry_(std::move(registry)) {}
  void before(std::vector<Tensor>& inputs);
  void after(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs);

 private:
  struct Backward;  // what the hooks of the backward pass share
  void check_in_place() const;
  Module& module_;
  std::shared_ptr<Registry> registry_;
  std::shared_ptr<Backward> backward_;
};

}  // namespace internal

template <class R, class... In>
class Callable<R(In...)> : public Module {
  static_assert(!std::is_reference_v<R>, "forward returns a value");

 public:
  // What the last argument of a Child's call may be in braces; void without arguments.
  using LastArgument = std::tuple_element_t<sizeof...(In), std::tuple<void, std::decay_t<In>...>>;

  virtual R forward(In... in) = 0;

  // Throws RuntimeError if the module was moved from; or if it is called by another module's
  // forward, has parameters to train, and no module has it as a member: declare it as a Child, or
  // keep it in a ModuleList. What is meant to stay outside is called under NoGradGuard, frozen, or
  // by its forward().
  R operator()(In... in) {
    internal::Registry& registry = this->registry();
    if (registry.hooks != nullptr) return hooked(std::forward<In>(in)...);
    const internal::Call call(*this, registry);
    return forward(std::forward<In>(in)...);
  }

 private:
  R hooked(In... in) {
    internal::HookedCall hooks(*this, this->registry_);
    std::tuple<internal::Argument<In>...> arguments(std::forward<In>(in)...);
    std::vector<Tensor> inputs = internal::tensors_in(arguments);
    hooks.before(inputs);
    internal::put_tensors(arguments, inputs);
    const auto run = [&]() -> R {
      const internal::Call call(*this, *this->registry_);  // hooks are not part of it
      return std::apply([&](auto&... argument) { return forward(static_cast<In&&>(argument)...); },
                        arguments);
    };
    if constexpr (std::is_void_v<R>) {
      run();
      std::vector<Tensor> outputs;
      hooks.after(inputs, outputs);
    } else {
      R result = run();
      std::vector<Tensor> outputs = internal::tensors_in(result);
      hooks.after(inputs, outputs);
      internal::put_tensors(result, outputs);
      return result;
    }
  }
};

using Layer = Callable<Tensor(const Tensor&)>;

}  // namespace lamina::nn

#endif  // LAMINA_NN_LAYER_H_
