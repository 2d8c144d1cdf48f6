#include "lamina/nn/registry.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lamina/nn/module.h"

namespace lamina::nn {
namespace internal {
namespace {

std::string quoted(absl::string_view name) { return absl::StrCat("\"", name, "\""); }

// From the end, where what is cleared goes.
template <class Slot>
void remove_slot(std::vector<std::shared_ptr<Slot>>& all, const std::shared_ptr<Slot>& slot) {
  all.erase(std::prev(std::find(all.rbegin(), all.rend(), slot).base()));
}

thread_local int level = 0;

}  // namespace

void Registry::check_new_name(const std::string& name) const {
  if (name.empty() || name.find('.') != std::string::npos) {
    fail<ValueError>("Module", "expected a name that is not empty and has no '.', got ",
                     quoted(name));
  }
  const auto has_name = [&](const auto& slot) { return slot->name == name; };
  if (std::any_of(tensors.begin(), tensors.end(), has_name) ||
      std::any_of(children.begin(), children.end(), has_name)) {
    fail<ValueError>("Module", "expected a new name, got ", quoted(name),
                     ", which is registered already");
  }
}

std::shared_ptr<TensorSlot> Registry::add_tensor(std::string name, Tensor value, bool is_buffer,
                                                 bool is_persistent) {
  check_new_name(name);
  tensors.push_back(std::make_shared<TensorSlot>(
      TensorSlot{std::move(name), std::move(value), is_buffer, is_persistent}));
  return tensors.back();
}

std::shared_ptr<ModuleSlot> Registry::add_module(std::string name, std::shared_ptr<Module> module,
                                                 CopyModule copy) {
  check_new_name(name);
  auto slot = std::make_shared<ModuleSlot>(std::move(name), nullptr);
  children.push_back(slot);
  try {
    slot->set(std::move(module), copy);
  } catch (...) {
    children.pop_back();
    throw;
  }
  return slot;
}

void Registry::remove(const std::shared_ptr<TensorSlot>& slot) { remove_slot(tensors, slot); }
void Registry::remove(const std::shared_ptr<ModuleSlot>& slot) { remove_slot(children, slot); }

std::vector<std::pair<std::string, std::shared_ptr<Module>>> Registry::modules_now() const {
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> out;
  for (const auto& slot : children) {
    if (slot->module) out.emplace_back(slot->name, slot->module);
  }
  return out;
}

Level::Level() {
  constexpr int kLevels = 1000;
  if (level == kLevels) {
    fail<RuntimeError>("Module", "expected modules within modules to at most ", kLevels,
                       " levels, got more");
  }
  ++level;
}
Level::~Level() { --level; }

ModuleSlot::~ModuleSlot() {
  thread_local std::vector<std::shared_ptr<Module>>* waiting = nullptr;
  if (module == nullptr) return;
  if (waiting != nullptr) {  // within the loop below: not destroyed within its owner
    waiting->push_back(std::move(module));
    return;
  }
  std::vector<std::shared_ptr<Module>> all;
  waiting = &all;
  module.reset();
  while (!all.empty()) {
    const std::shared_ptr<Module> next = std::move(all.back());
    all.pop_back();
  }
  waiting = nullptr;
}

void ModuleSlot::set(std::shared_ptr<Module> new_module, CopyModule new_copy) {
  if (new_module != nullptr) {
    for (const auto& below : new_module->children_first()) {
      for (const auto& slot : below->children) {
        if (slot.get() != this) continue;
        fail<ValueError>(
            "Module", "expected no cycle: a module for ", quoted(name), " that does not hold ",
            below->module->name(), ", which has that name, got ",
            below->module == new_module.get() ? "that module itself" : new_module->name());
      }
    }
    Registry& registry = new_module->registry();
    registry.has_owner = true;
    if (new_copy != nullptr) registry.copy = new_copy;
    new_copy = registry.copy;
  }
  module = std::move(new_module);
  copy = new_copy;
}

Tensor without_history(const Tensor& value) {
  return value.defined() && !value.is_leaf() ? value.detach() : value;
}

Tensor to_train(const std::string& name, Tensor value) {
  if (!value.is_leaf()) {
    fail<ValueError>("Parameter", "expected a leaf for ", quoted(name), ", got the result of ",
                     value.grad_fn().name(), "; detach() it");
  }
  if (!value.defined()) return value;
  if (!is_floating(value.dtype())) {
    fail<DTypeError>("Parameter", "expected a floating dtype, such as float32, for ", quoted(name),
                     ", got ", name_of(value.dtype()), "; an nn::Buffer takes any");
  }
  value.requires_grad_();
  return value;
}

std::string readable(std::type_index type) {
  return absl::StrReplaceAll(
      lamina::internal::readable_type_name(type),
      {{"lamina::nn::", ""},
       {"lamina::", ""},
       {"__cxx11::", ""},
       {"basic_string<char, std::char_traits<char>, std::allocator<char> >", "string"}});
}

void fail_is_not(const char* op, absl::string_view name, std::type_index type,
                 const Module& module) {
  fail<ValueError>(op, "expected a ", readable(type), " for ", quoted(name), ", got a ",
                   module.name());
}

}  // namespace internal
}  // namespace lamina::nn
