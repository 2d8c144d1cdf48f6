// What the containers of modules have in common.
#ifndef LAMINA_NN_CONTAINER_H_
#define LAMINA_NN_CONTAINER_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/nn/child.h"
#include "lamina/nn/module.h"

namespace lamina::nn::internal {

// From the end if negative. Throws IndexError unless -size <= i < size.
size_t checked_index(const char* container, int64_t i, size_t size);

// Throws IndexError that lists the keys.
[[noreturn]] void fail_no_key(const char* container, absl::string_view key,
                              const std::vector<std::string>& keys);

// Throws ValueError for a null pointer.
template <class M>
void check_not_null(const char* container, const M& module) {
  if constexpr (std::is_constructible_v<std::shared_ptr<Module>, M>) {
    if (module == nullptr) fail<ValueError>(container, "expected a module, got null");
  }
}
template <class T>
void check_not_null(const char* container, const Child<T>& module) {
  if (!module) fail<ValueError>(container, "expected a module, got a placeholder without one");
}

// The class of what is given to a container as an M: a module to move in, or a shared_ptr.
template <class M>
struct Given {
  using Module = M;
  static constexpr bool kIsPointer = false;
};
template <class M>
struct Given<std::shared_ptr<M>> {
  using Module = M;
  static constexpr bool kIsPointer = true;
};
template <class M>
using GivenModule = typename Given<std::decay_t<M>>::Module;
// Whether a container of modules of class T takes an argument M&&: lvalues are not moved from.
template <class T, class M>
constexpr bool kTakes = std::is_base_of_v<T, GivenModule<M>> &&
                        (Given<std::decay_t<M>>::kIsPointer || !std::is_lvalue_reference_v<M>);

// The pointer that is given, or to what is moved in. Throws ValueError for null.
template <class M>
std::shared_ptr<GivenModule<M>> shared_from(const char* container, M&& module) {
  if constexpr (Given<std::decay_t<M>>::kIsPointer) {
    check_not_null(container, module);
    return std::forward<M>(module);
  } else {
    return take(std::forward<M>(module));
  }
}

// Over modules as what the container holds them.
template <class T>
class ModuleIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = T*;
  using reference = T&;

  ModuleIterator() = default;
  explicit ModuleIterator(typename std::vector<Child<T>>::const_iterator at) : at_(at) {}
  T& operator*() const { return **at_; }
  T* operator->() const { return &**at_; }
  ModuleIterator& operator++() {
    ++at_;
    return *this;
  }
  ModuleIterator operator++(int) { return ModuleIterator(at_++); }
  bool operator==(const ModuleIterator& other) const { return at_ == other.at_; }
  bool operator!=(const ModuleIterator& other) const { return at_ != other.at_; }

 private:
  typename std::vector<Child<T>>::const_iterator at_;
};

// Puts a module before number `at` of those of a container, whose slots these are in order, or takes
// number `at` out. A module that has its number for a name keeps up with it; other names stay. Throw
// ValueError, and then nothing has changed, for a name that is taken.
using Slots = std::vector<std::shared_ptr<ModuleSlot>>;
std::shared_ptr<ModuleSlot> insert_module(const char* container, Registry& registry,
                                          const Slots& slots, size_t at, std::string name,
                                          std::shared_ptr<Module> module, CopyModule copy);
void erase_module(const char* container, Registry& registry, const Slots& slots, size_t at);

// Throws ValueError if the module at a place is no M.
template <class M>
M& module_as(const char* container, absl::string_view place, Module& module) {
  if (auto* typed = dynamic_cast<M*>(&module)) return *typed;
  fail<ValueError>(container, "expected a ", readable(typeid(M)), " at ", place, ", got a ",
                   module.name());
}

// "(0): Linear(...)", or "(0-4): 5 x Linear(...)" for several in a row that print alike.
std::vector<std::string> folded_lines(const std::vector<std::string>& texts);

}  // namespace lamina::nn::internal

#endif  // LAMINA_NN_CONTAINER_H_
