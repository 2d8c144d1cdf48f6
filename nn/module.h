// Module: the base of everything that holds parameters. Declaring a member registers it:
//
//   class SimpleNet : public nn::Layer {
//    public:
//     SimpleNet(int64_t in, int64_t hidden, int64_t out)
//         : layer1(this, "layer1", in, hidden), layer2(this, "layer2", hidden, out) {}
//     Tensor forward(const Tensor& x) override { return layer2(activation(layer1(x))); }
//
//    private:
//     nn::Child<nn::Linear> layer1;
//     nn::Child<nn::ReLU> activation{this, "activation"};
//     nn::Child<nn::Linear> layer2;
//   };
//
// Members of type Parameter, Buffer and Child (their headers) enter the registry in their
// constructors, in the order of declaration; a list of modules is an nn::ModuleList. A std::vector
// of modules would not be registered, so a call of such a module in forward is an error (layer.h).
//
// The registry lives on the heap and members point into it, so a module may be moved. A copy is
// made by clone() only (clone.h). Modules may stand within modules to 1,000 levels (RuntimeError).
// Calls on one module are not synchronised; in eval mode, forward may run on several threads at
// once.
#ifndef LAMINA_NN_MODULE_H_
#define LAMINA_NN_MODULE_H_

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/autograd.h"
#include "lamina/nn/hooks.h"
#include "lamina/nn/registry.h"
#include "lamina/nn/state_dict.h"

namespace lamina::nn {

template <class Signature>
class Callable;
namespace internal {
class Cloning;
}  // namespace internal

template <class T>
using Named = std::vector<std::pair<std::string, T>>;  // in registration order, "child.member"

class Module {
 public:
  Module() : registry_(std::make_shared<internal::Registry>(this)) {}
  Module(Module&& other) noexcept;
  // Construct a new one: members could not tell an assignment from a replacement.
  Module& operator=(Module&&) = delete;
  virtual ~Module();

  // The class in the printed model, "Linear": its C++ name without namespaces, unless overridden.
  virtual std::string name() const;
  // What stands between its brackets: "in_features=784, out_features=10, bias=True".
  virtual std::string extra_repr() const { return ""; }

  // ---- Registering, for members whose number or names are known at run time only. Throw ValueError
  // for a name that is empty, has a dot or is taken; RuntimeError if this module was moved from.

  // Returns the value: a leaf of floating dtype, which requires a gradient from now on (ValueError,
  // DTypeError), or undefined, a disabled optional parameter.
  Tensor register_parameter(std::string name, Tensor value);
  // One that is not persistent is left out of state_dict().
  Tensor register_buffer(std::string name, Tensor value, bool persistent = true);
  // A module that may be shared with other owners, or null, a placeholder. Throws ValueError if this
  // module is, or is below, the new one.
  template <class M>
  std::shared_ptr<M> register_module(std::string name, std::shared_ptr<M> module) {
    registry().add_module(std::move(name), module, internal::copier(module.get()));
    return module;
  }
  void register_module(std::string name, std::nullptr_t);
  template <class M, class = std::enable_if_t<std::is_base_of_v<Module, std::decay_t<M>>>>
  std::shared_ptr<M> register_module(std::string name, M&& module) {
    return register_module(std::move(name), internal::take(std::forward<M>(module)));
  }

  // Puts another module in the place of one of the children, or of a placeholder, which keeps its
  // name and place; where that is a member or in a container, they hold the new one from then on.
  // Throws IndexError that lists the names if there is no such child; ValueError for null, for what
  // the member or the container does not take, and for a cycle.
  template <class M>
  std::shared_ptr<M> replace_module(absl::string_view name, std::shared_ptr<M> module) {
    replace(name, module, internal::copier(module.get()));
    return module;
  }
  template <class M, class = std::enable_if_t<std::is_base_of_v<Module, std::decay_t<M>>>>
  std::shared_ptr<M> replace_module(absl::string_view name, M&& module) {
    return replace_module(name, internal::take(std::forward<M>(module)));
  }
  // Takes out what register_module() put there. Throws IndexError if it is not there; ValueError for
  // a Child, which would be in no registry (assign nullptr to it), and for what is in a container
  // (erase it there).
  void unregister_module(absl::string_view name);

  // ---- What is registered. Immediate members first, in the order of registration, then the
  // children's; what is shared, once, under its first name.

  // The tensors to train. Handles on the parameters themselves: an optimizer that writes to them
  // writes to the model.
  std::vector<Tensor> parameters(bool recursive = true) const;
  Named<Tensor> named_parameters(bool recursive = true) const;
  // State that is not trained, such as running statistics.
  std::vector<Tensor> buffers(bool recursive = true) const;
  Named<Tensor> named_buffers(bool recursive = true) const;
  // The modules below: directly, or all; placeholders are left out. Pointers to modules last as long
  // as these are in the model.
  std::vector<Module*> children(bool recursive = false) const;
  Named<Module*> named_children(bool recursive = false) const;
  // This module, named "", and the children.
  std::vector<Module*> modules(bool recursive = true) const;
  Named<Module*> named_modules(bool recursive = true) const;

  // By the path, "encoder.0.weight". Throw IndexError that lists what is there.
  Module& get_submodule(absl::string_view path) const;  // "": this one
  Tensor get_parameter(absl::string_view path) const;   // undefined if disabled
  Tensor get_buffer(absl::string_view path) const;

  int64_t parameter_count() const;  // the elements of all parameters

  // ---- All at once

  // Training mode, on at first, for this module and all below: it decides what Dropout and
  // BatchNorm do.
  virtual void train(bool training = true);
  void eval() { train(false); }
  bool is_training() const { return registry().training; }

  // Whether the parameters are trained; false freezes them.
  void requires_grad_(bool requires_grad = true);
  // Clears the gradients of all parameters.
  void zero_grad();
  // Converts parameters, their gradients and buffers that are floating, in place. Throws DTypeError
  // unless the dtype is floating.
  void to(DType dtype);
  // Calls fn(module) with all that are an M, those below a module before it. What fn replaces before
  // its turn is passed over.
  //
  //   model.apply<nn::Linear>([](nn::Linear& linear) { nn::init::zeros_(linear.bias); });
  template <class M = Module, class F>
  void apply(F&& fn) {
    for (const auto& each : children_first()) {
      if (auto* typed = dynamic_cast<M*>(each->module)) fn(*typed);
    }
  }
  template <class M = Module, class F>
  void apply(F&& fn) const {  // with a const M&
    for (const auto& each : children_first()) {
      if (const auto* typed = dynamic_cast<const M*>(each->module)) fn(*typed);
    }
  }

  // ---- State: state_dict.h

  StateDict state_dict() const;
  // Copies values into the model's tensors; floating dtypes are converted to the model's. Throws
  // RuntimeError that lists every problem, and then nothing has changed: values of other shapes or
  // kinds of dtype, none where the model has one or one where it has none, and if strict, missing
  // and unexpected keys, which are returned otherwise. A missing key of a disabled optional entry
  // is none.
  LoadResult load_state_dict(const StateDict& state, bool strict = true);

  // ---- Hooks: hooks.h

  HookHandle register_forward_pre_hook(ForwardPreHook hook);
  HookHandle register_forward_hook(ForwardHook hook);
  HookHandle register_backward_pre_hook(BackwardPreHook hook);
  HookHandle register_backward_hook(BackwardHook hook);
  HookHandle register_state_dict_hook(StateDictHook hook);
  HookHandle register_load_state_dict_pre_hook(LoadStateDictPreHook hook);
  HookHandle register_load_state_dict_post_hook(LoadStateDictPostHook hook);

  // The text that PyTorch prints for the model.
  std::string str() const;
  friend std::ostream& operator<<(std::ostream& out, const Module& module) {
    return out << module.str();
  }

 protected:
  Module(const Module& other);  // for clone(); throws RuntimeError elsewhere

  // The lines between its brackets that stand for its members, without indentation; by default,
  // "(name): " and the text of each child.
  virtual std::vector<std::string> member_lines() const;

 private:
  friend class TensorMember;
  template <class Signature>
  friend class Callable;
  template <class T>
  friend class Child;
  template <class T>
  friend class ModuleList;
  template <class T>
  friend class ModuleDict;
  template <class Signature>
  friend class SequentialOf;
  friend class ParameterList;
  friend class ParameterDict;
  friend class ModeGuard;
  friend class internal::Cloning;
  friend struct internal::ModuleSlot;

  // Throws RuntimeError if the module has been moved from.
  internal::Registry& registry() const {
    if (!registry_) fail_moved_from();
    return *registry_;
  }
  [[noreturn, gnu::cold]] static void fail_moved_from();
  // That of the owner of a `member`; throws ValueError if there is none.
  static internal::Registry& registry_of(const char* member, const Module* owner);
  internal::ModuleHooks& hooks();
  void replace(absl::string_view name, std::shared_ptr<Module> module, internal::CopyModule copy);
  // Throws IndexError if there is no child, nor a placeholder, of that name.
  const std::shared_ptr<internal::ModuleSlot>& child_slot(const char* op,
                                                          absl::string_view name) const;
  void append_state(StateDict& state, const std::string& prefix) const;
  Named<Tensor> named_tensors(bool buffers, bool recursive) const;
  std::vector<std::shared_ptr<internal::Registry>> children_first() const;
  Module& submodule(const char* op, absl::string_view path, absl::string_view whole) const;
  Tensor tensor_at(const char* op, absl::string_view path, bool is_buffer) const;
  // This module and all below, parents first; one that has several paths once, or under each.
  struct Place {
    std::string prefix;  // "encoder.0."
    std::shared_ptr<internal::Registry> registry;
  };
  std::vector<Place> places(bool recursive, bool each_path) const;

  std::shared_ptr<internal::Registry> registry_;
};

// Puts the mode of a module and of all below it back at the end of a scope, each one's own. A
// module that was moved away meanwhile gets its mode back where it is now.
class ModeGuard {
 public:
  explicit ModeGuard(const Module& module) { remember(module); }
  ~ModeGuard() {
    for (const auto& [registry, training] : modes_) registry->training = training;
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  void remember(const Module& module);
  std::vector<std::pair<std::shared_ptr<internal::Registry>, bool>> modes_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_MODULE_H_
