// What the containers of modules have in common.
#ifndef LAMINA_NN_CONTAINER_H_
#define LAMINA_NN_CONTAINER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "absl/strings/string_view.h"
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

// Throws ValueError if the module at a place is no M.
template <class M>
M& module_as(const char* container, absl::string_view place, Module& module) {
  if (auto* typed = dynamic_cast<M*>(&module)) return *typed;
  fail<ValueError>(container, "expected a ", lamina::internal::readable_type_name(typeid(M)),
                   " at ", place, ", got a ", module.name());
}

// "(0): Linear(...)", or "(0-4): 5 x Linear(...)" for several in a row that print alike.
std::vector<std::string> folded_lines(const std::vector<std::string>& texts);

}  // namespace lamina::nn::internal

#endif  // LAMINA_NN_CONTAINER_H_
