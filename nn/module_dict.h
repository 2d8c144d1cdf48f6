// ModuleDict: modules of one base type by name, in the order in which the names came.
//
//   nn::ModuleDict<> heads{{"digit", nn::Linear(64, 10)}, {"parity", nn::Linear(64, 2)}};
//   heads["digit"](x);
#ifndef LAMINA_NN_MODULE_DICT_H_
#define LAMINA_NN_MODULE_DICT_H_

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/nn/child.h"
#include "lamina/nn/container.h"
#include "lamina/nn/layer.h"

namespace lamina::nn {

// T may be Module: then it holds modules of any kind. Where a module is given, a T or a class derived
// from it, it is moved in; a shared_ptr to one is shared, for a module with several owners. Keys are
// names of members: ValueError for one that is empty, has a dot, or is taken by a member of a
// subclass, and for null. IndexError for a key that is not there.
template <class T = Layer>
class ModuleDict : public Module {
 public:
  // A key and a module that may be copied, as braces want it.
  class Item {
   public:
    template <class M, std::enable_if_t<internal::kTakes<T, M>, int> = 0>
    Item(std::string key, M&& module) : key_(std::move(key)) {
      const auto shared = internal::shared_from("ModuleDict", std::forward<M>(module));
      module_ = shared;
      copy_ = internal::copier(shared.get());
    }

   private:
    friend class ModuleDict;
    std::string key_;
    std::shared_ptr<T> module_;
    internal::CopyModule copy_;
  };

  ModuleDict() = default;
  // Throws ValueError for a key that comes twice.
  ModuleDict(std::initializer_list<Item> items) {
    for (const Item& item : items) {
      modules_.emplace_back(this, item.key_, item.module_);
      modules_.back().slot().set(item.module_, item.copy_);
    }
  }

  // Puts a module in the place of the key's, or at the end.
  template <class M>
  void set(const std::string& key, M&& module) {
    internal::check_not_null("ModuleDict", module);
    if (const auto at = find(key); at != modules_.end()) {
      *at = std::forward<M>(module);
    } else {
      modules_.emplace_back(this, key, std::forward<M>(module));
    }
  }
  // Sets all of the other's, which both hold from then on.
  void update(const ModuleDict& other) {
    if (this == &other) return;
    for (const Child<T>& module : other.held()) set(module.slot().name, module);
  }
  void erase(absl::string_view key) { pop(key); }
  std::shared_ptr<T> pop(absl::string_view key) {  // returns what it takes out
    const auto at = find_or_throw(key);
    std::shared_ptr<T> module = at->shared();
    registry().remove(at->slot_);
    // Not vector::erase: the assignment of a Child is one of modules.
    std::vector<Child<T>> rest;
    for (Child<T>& each : modules_) {
      if (&each != &*at) rest.push_back(std::move(each));
    }
    modules_.swap(rest);
    return module;
  }
  void clear() {
    for (registry(); !modules_.empty(); modules_.pop_back()) {
      registry().remove(modules_.back().slot_);
    }
  }
  // It would not be among those of the dictionary.
  template <class M>
  void register_module(std::string name, M&& module) = delete;  // set(name, module)

  int64_t size() const { return static_cast<int64_t>(held().size()); }
  bool empty() const { return held().empty(); }
  bool contains(absl::string_view key) const { return find(key) != modules_.end(); }
  T& operator[](absl::string_view key) const { return **find_or_throw(key); }
  // As what it is; throws ValueError if it is no M.
  template <class M>
  M& at(absl::string_view key) const {
    return internal::module_as<M>("ModuleDict", key, (*this)[key]);
  }
  std::shared_ptr<T> shared(absl::string_view key) const { return find_or_throw(key)->shared(); }

  std::vector<std::string> keys() const {
    std::vector<std::string> out;
    for (const Child<T>& module : held()) out.push_back(module.slot().name);
    return out;
  }
  std::vector<T*> values() const {
    std::vector<T*> out;
    for (const Child<T>& module : held()) out.push_back(&*module);
    return out;
  }
  Named<T*> items() const {
    Named<T*> out;
    for (const Child<T>& module : held()) out.emplace_back(module.slot().name, &*module);
    return out;
  }

 private:
  const std::vector<Child<T>>& held() const {
    registry();  // throws if moved from
    return modules_;
  }
  template <class Modules>
  static auto find_in(Modules& modules, absl::string_view key) {
    return std::find_if(modules.begin(), modules.end(),
                        [&](const Child<T>& module) { return module.slot().name == key; });
  }
  auto find(absl::string_view key) const { return find_in(held(), key); }
  auto find(absl::string_view key) {
    registry();
    return find_in(modules_, key);
  }
  auto find_or_throw(absl::string_view key) const {
    const auto at = find(key);
    if (at == modules_.end()) internal::fail_no_key("ModuleDict", key, keys());
    return at;
  }

  std::vector<Child<T>> modules_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_MODULE_DICT_H_
