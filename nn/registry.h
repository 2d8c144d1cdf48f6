// What a module knows of its members. It lives on the heap and members point into it, so that they
// find it after their module moved.
#ifndef LAMINA_NN_REGISTRY_H_
#define LAMINA_NN_REGISTRY_H_

#include <memory>
#include <string>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/autograd.h"
#include "lamina/nn/hooks.h"

namespace lamina::nn {

class Module;

namespace internal {

struct TensorSlot {
  std::string name;
  Tensor value;  // undefined: a disabled optional member
  bool is_buffer;
  bool is_persistent = true;  // whether it is part of state_dict()
};

// Makes a copy of a module of the class that it was registered as, within clone().
using CopyModule = std::shared_ptr<Module> (*)(const Module& module);
// Throws ValueError unless the module may stand under the name.
using CheckModule = void (*)(const char* op, absl::string_view name, const Module& module);

struct ModuleSlot {
  std::string name;
  std::shared_ptr<Module> module;  // null: a placeholder
  CopyModule copy = nullptr;       // null if its class cannot be copied
  CheckModule check = nullptr;     // what the member takes that holds the slot; null: any module

  ModuleSlot(std::string name, std::shared_ptr<Module> module, CopyModule copy = nullptr,
             CheckModule check = nullptr)
      : name(std::move(name)), module(std::move(module)), copy(copy), check(check) {}
  ~ModuleSlot();  // depth costs no stack
  ModuleSlot(const ModuleSlot&) = delete;
  ModuleSlot& operator=(const ModuleSlot&) = delete;

  // Throws ValueError if the owner of this slot is the new module, or below it: a cycle.
  void set(std::shared_ptr<Module> new_module, CopyModule new_copy);
};

struct Registry {
  explicit Registry(Module* owner) : module(owner) {}

  Module* module;  // whose registry it is, where it is now; null once it is gone
  std::vector<std::shared_ptr<TensorSlot>> tensors;
  std::vector<std::shared_ptr<ModuleSlot>> children;
  bool training = true;
  bool has_owner = false;     // it has been a member of another module
  CopyModule copy = nullptr;  // how the module is copied, once it was registered as what it is
  std::unique_ptr<ModuleHooks> hooks;  // null until the first

  // Throws ValueError if the name is empty, has a dot, or is taken.
  void check_new_name(const std::string& name) const;
  std::shared_ptr<TensorSlot> add_tensor(std::string name, Tensor value, bool is_buffer,
                                         bool is_persistent);
  // Throws as check_new_name and ModuleSlot::set do.
  std::shared_ptr<ModuleSlot> add_module(std::string name, std::shared_ptr<Module> module,
                                         CopyModule copy);
  void remove(const std::shared_ptr<TensorSlot>& slot);
  void remove(const std::shared_ptr<ModuleSlot>& slot);
  // Those that are there now, to be walked over by what may change them.
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> modules_now() const;
};

// One level of a walk down a model by recursion. Throws RuntimeError at level 1,000, before the stack
// is used up.
class Level {
 public:
  Level();
  ~Level();
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
};

// The value of a parameter. Throws ValueError unless it is a leaf, DTypeError unless floating.
Tensor to_train(const std::string& name, Tensor value);

// That of a buffer.
Tensor without_history(const Tensor& value);

// In errors, without Lamina's namespaces: "Linear", "Callable<long (Tensor const&)>".
std::string readable(std::type_index type);

[[noreturn]] void fail_is_not(const char* op, absl::string_view name, std::type_index type,
                              const Module& module);

// Throws RuntimeError if the module is of a class derived from `type`: a copy would be a part of it.
void check_copied_whole(const Module& module, const std::type_info& type);

// A CheckModule for what is held as a T.
template <class T>
void check_is(const char* op, absl::string_view name, const Module& module) {
  if constexpr (!std::is_same_v<T, Module>) {
    if (dynamic_cast<const T*>(&module) == nullptr) fail_is_not(op, name, typeid(T), module);
  }
}

// Null if the module cannot be copied, or is of a class derived from T.
template <class T>
CopyModule copier(const T* module) {
  if (module == nullptr || typeid(*module) != typeid(T)) return nullptr;
  if constexpr (std::is_copy_constructible_v<T>) {
    return [](const Module& module) -> std::shared_ptr<Module> {
      return std::make_shared<T>(static_cast<const T&>(module));
    };
  } else {
    return nullptr;
  }
}

// A module that is moved in, to be owned from now on.
template <class M>
std::shared_ptr<std::decay_t<M>> take(M&& module) {
  static_assert(!std::is_lvalue_reference_v<M>, "modules are moved: std::move(module)");
  return std::make_shared<std::decay_t<M>>(std::forward<M>(module));
}

}  // namespace internal
}  // namespace lamina::nn

#endif  // LAMINA_NN_REGISTRY_H_
