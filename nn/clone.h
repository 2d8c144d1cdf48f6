// clone: a deep copy of a module.
//
//   SimpleNet copy = nn::clone(net);
//
// The copy has values, modes and hooks of its own, but no gradients. What was shared within the
// module is shared within the copy: tied parameters, a module with several owners. Other members,
// such as options, are copied as their classes say, so a plain Tensor member is a handle on the same
// tensor, and a std::shared_ptr or a Tensor that register_module() or register_parameter() returned
// still points into the original: let forward use Child and Parameter members, or look them up.
//
// A class needs a copy constructor for it, which the compiler writes; outside clone() it throws, so
// that no model is copied by oversight.
#ifndef LAMINA_NN_CLONE_H_
#define LAMINA_NN_CLONE_H_

#include <memory>
#include <type_traits>
#include <typeinfo>

#include "absl/container/flat_hash_map.h"
#include "lamina/nn/module.h"

namespace lamina::nn {
namespace internal {

// A clone() at work on this thread. Copies of members ask it for the copy of what they point to.
class Cloning {
 public:
  Cloning();
  ~Cloning();
  Cloning(const Cloning&) = delete;
  Cloning& operator=(const Cloning&) = delete;
  // Throws RuntimeError outside clone(): "[op] expected `wanted`, got a plain copy", and a hint.
  static Cloning& current(const char* op, const char* wanted, const char* hint);

  std::shared_ptr<Registry> copy_registry(const Registry& from);
  // Those of the module whose registry was copied; null of null. Throws RuntimeError if that module
  // is not part of what is cloned.
  std::shared_ptr<TensorSlot> copy_of(const std::shared_ptr<TensorSlot>& slot) const;
  std::shared_ptr<ModuleSlot> copy_of(const std::shared_ptr<ModuleSlot>& slot) const;

 private:
  Tensor copy(const Tensor& tensor);
  std::shared_ptr<Module> copy(const ModuleSlot& slot);

  Cloning* outer_;
  absl::flat_hash_map<const void*, Tensor> tensors_;  // by what they are handles on
  absl::flat_hash_map<const Module*, std::shared_ptr<Module>> modules_;
  absl::flat_hash_map<const TensorSlot*, std::shared_ptr<TensorSlot>> tensor_slots_;
  absl::flat_hash_map<const ModuleSlot*, std::shared_ptr<ModuleSlot>> module_slots_;
};

}  // namespace internal

// Throws RuntimeError if the module is of a class derived from T, if a module below cannot be copied
// (its class has no copy constructor, or it was registered as a pointer to its base), or if it was
// moved from.
template <class T>
T clone(const T& module) {
  static_assert(std::is_base_of_v<Module, T>, "nn::clone() copies modules");
  internal::check_copied_whole(module, typeid(T));
  const internal::Cloning cloning;
  return T(module);
}

}  // namespace lamina::nn

#endif  // LAMINA_NN_CLONE_H_
