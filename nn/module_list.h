// ModuleList: modules of one base type, named "0", "1", ... in order, for the loop in forward to
// use. It is what a member std::vector<nn::Linear> is meant to be, whose modules nobody would find.
//
//   nn::Child<nn::ModuleList<nn::Linear>> linears{this, "linears"};
//   linears->push_back(nn::Linear(784, 300));
//   for (nn::Linear& linear : *linears) x = linear(x);
//
// A change invalidates iterators, as of a vector; references to modules last as long as these.
#ifndef LAMINA_NN_MODULE_LIST_H_
#define LAMINA_NN_MODULE_LIST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lamina/nn/child.h"
#include "lamina/nn/container.h"
#include "lamina/nn/layer.h"

namespace lamina::nn {

// T may be Module: then it holds modules of any kind. Where a module is given, a T or a class derived
// from it, it is moved in; a shared_ptr to one is shared, for a module with several owners. Throw
// IndexError for an index outside the list, which counts from the end if negative, and
// ValueError for null.
template <class T = Layer>
class ModuleList : public Module {
 public:
  ModuleList() = default;
  template <class... M,
            class = std::enable_if_t<(sizeof...(M) > 0) && (internal::kTakes<T, M> && ...) &&
                                     !std::is_same_v<void(M...), void(ModuleList)>>>
  explicit ModuleList(M&&... modules) {
    (push_back(std::forward<M>(modules)), ...);
  }

  template <class M>
  void push_back(M&& module) {  // append
    internal::check_not_null("ModuleList", module);
    modules_.emplace_back(this, absl::StrCat(held().size()), std::forward<M>(module));
  }
  // The other's modules are in both lists from then on.
  void extend(const ModuleList& other) {
    const size_t before = held().size();
    const size_t count = other.held().size();  // other may be this list
    modules_.reserve(before + count);
    try {
      for (size_t i = 0; i < count; ++i) push_back(other.modules_[i]);
    } catch (...) {
      while (modules_.size() > before) erase(-1);
      throw;
    }
  }
  // Puts a module before number i, or at the end for i = size().
  template <class M>
  void insert(int64_t i, M&& module) {
    const size_t n = held().size();
    const size_t at = i == size() ? n : internal::checked_index("ModuleList", i, n);
    push_back(std::forward<M>(module));
    for (size_t j = n; j > at; --j) exchange(j, j - 1);
  }
  template <class M>
  void set(int64_t i, M&& module) {
    internal::check_not_null("ModuleList", module);
    modules_[index(i)] = std::forward<M>(module);
  }
  void erase(int64_t i) {  // those behind it move up
    for (size_t j = index(i); j + 1 < modules_.size(); ++j) exchange(j, j + 1);
    registry().remove(modules_.back().slot_);
    modules_.pop_back();
  }
  void clear() {
    while (!empty()) erase(-1);
  }
  // It would not be among those of the list.
  template <class M>
  void register_module(std::string name, M&& module) = delete;  // push_back(module)

  int64_t size() const { return static_cast<int64_t>(held().size()); }
  bool empty() const { return held().empty(); }
  T& operator[](int64_t i) const { return *modules_[index(i)]; }
  // As what it is; throws ValueError if it is no M.
  template <class M>
  M& at(int64_t i) const {
    return internal::module_as<M>("ModuleList", absl::StrCat(i), (*this)[i]);
  }
  std::shared_ptr<T> shared(int64_t i) const { return modules_[index(i)].shared(); }

  // A list of the modules of both, which they share.
  friend ModuleList operator+(const ModuleList& a, const ModuleList& b) {
    ModuleList both;
    both.extend(a);
    both.extend(b);
    return both;
  }

  using Iterator = internal::ModuleIterator<T>;
  Iterator begin() const { return Iterator(held().begin()); }
  Iterator end() const { return Iterator(held().end()); }

 protected:
  std::vector<std::string> member_lines() const override {
    std::vector<std::string> texts;
    for (const T& module : *this) texts.push_back(module.str());
    return internal::folded_lines(texts);
  }

 private:
  const std::vector<Child<T>>& held() const {
    registry();  // throws if moved from, where an empty list would go unnoticed
    return modules_;
  }
  size_t index(int64_t i) const { return internal::checked_index("ModuleList", i, held().size()); }
  void exchange(size_t i, size_t j) {
    internal::ModuleSlot &a = modules_[i].slot(), &b = modules_[j].slot();
    std::swap(a.module, b.module);
    std::swap(a.copy, b.copy);
  }

  std::vector<Child<T>> modules_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_MODULE_LIST_H_
