#include "lamina/nn/module.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lamina/nn/clone.h"

namespace lamina::nn {
namespace {

std::string quoted(absl::string_view name) { return absl::StrCat("\"", name, "\""); }

}  // namespace

Module::Module(Module&& other) noexcept : registry_(std::move(other.registry_)) {
  if (registry_) registry_->module = this;
}

Module::~Module() {
  if (registry_) registry_->module = nullptr;
}

void Module::fail_moved_from() {
  fail<RuntimeError>("Module", "expected a live module, got one that was moved from");
}

internal::Registry& Module::registry_of(const char* member, const Module* owner) {
  if (owner == nullptr) fail<ValueError>(member, "expected a module as its owner, got null");
  return owner->registry();
}

void Module::register_module(std::string name, std::nullptr_t) {
  registry().add_module(std::move(name), nullptr, nullptr);
}

Tensor Module::register_parameter(std::string name, Tensor value) {
  registry().check_new_name(name);
  value = internal::to_train(name, std::move(value));
  return registry().add_tensor(std::move(name), std::move(value), false, true)->value;
}

Tensor Module::register_buffer(std::string name, Tensor value, bool persistent) {
  return registry()
      .add_tensor(std::move(name), internal::without_history(value), true, persistent)
      ->value;
}

// ---- Lists

std::vector<Module::Place> Module::places(bool recursive, bool each_path) const {
  registry();  // throws if moved from
  std::vector<Place> out;
  absl::flat_hash_set<const Module*> seen;
  const auto visit = [&](const auto& self, const Module& module, const std::string& prefix,
                         int depth) -> void {
    const internal::Level level;
    if (!each_path && !seen.insert(&module).second) return;
    out.push_back({prefix, module.registry_});
    if (!recursive && depth > 0) return;
    for (const auto& child : module.registry().children) {
      if (child->module)
        self(self, *child->module, absl::StrCat(prefix, child->name, "."), depth + 1);
    }
  };
  visit(visit, *this, "", 0);
  return out;
}

Named<Tensor> Module::named_tensors(bool buffers, bool recursive) const {
  registry();  // throws if moved from
  Named<Tensor> out;
  absl::flat_hash_set<const void*> seen;
  for (const Place& place : recursive ? places(true, false) : std::vector<Place>{{"", registry_}}) {
    for (const auto& slot : place.registry->tensors) {
      if (slot->value.defined() && slot->is_buffer == buffers &&
          seen.insert(slot->value.impl()).second) {
        out.emplace_back(place.prefix + slot->name, slot->value);
      }
    }
  }
  return out;
}

Named<Tensor> Module::named_parameters(bool recursive) const {
  return named_tensors(false, recursive);
}
Named<Tensor> Module::named_buffers(bool recursive) const { return named_tensors(true, recursive); }

Named<Module*> Module::named_children(bool recursive) const {
  Named<Module*> out;
  for (const Place& place : places(recursive, false)) {
    if (place.registry == registry_) continue;
    out.emplace_back(place.prefix.substr(0, place.prefix.size() - 1), place.registry->module);
  }
  return out;
}

Named<Module*> Module::named_modules(bool recursive) const {
  Named<Module*> out = named_children(recursive);
  out.insert(out.begin(), {"", registry().module});
  return out;
}

namespace {
template <class T>
std::vector<T> without_names(const Named<T>& named) {
  std::vector<T> out;
  for (const auto& entry : named) out.push_back(entry.second);
  return out;
}
}  // namespace

std::vector<Tensor> Module::parameters(bool recursive) const {
  return without_names(named_parameters(recursive));
}
std::vector<Tensor> Module::buffers(bool recursive) const {
  return without_names(named_buffers(recursive));
}
std::vector<Module*> Module::children(bool recursive) const {
  return without_names(named_children(recursive));
}
std::vector<Module*> Module::modules(bool recursive) const {
  return without_names(named_modules(recursive));
}

std::vector<std::shared_ptr<internal::Registry>> Module::children_first() const {
  std::vector<std::shared_ptr<internal::Registry>> out;
  absl::flat_hash_set<const Module*> seen;
  const auto visit = [&](const auto& self, const Module& module) -> void {
    const internal::Level level;
    if (!seen.insert(&module).second) return;
    for (const auto& child : module.registry().children) {
      if (child->module) self(self, *child->module);
    }
    out.push_back(module.registry_);
  };
  visit(visit, *this);
  return out;
}

int64_t Module::parameter_count() const {
  int64_t count = 0;
  for (const Tensor& parameter : parameters()) count += parameter.numel();
  return count;
}

// ---- Lookup

namespace {
[[noreturn, gnu::cold]] void fail_no_such(const char* op, const char* kind, const Module& module,
                                          const std::vector<std::string>& there,
                                          absl::string_view name, absl::string_view path) {
  fail<IndexError>(op, "expected ", kind, " of ", module.name(),
                   there.empty() ? ", which has none, got "
                                 : absl::StrCat(" (", absl::StrJoin(there, ", "), "), got "),
                   quoted(name), name == path ? "" : absl::StrCat(" in ", quoted(path)));
}
}  // namespace

Module& Module::submodule(const char* op, absl::string_view path, absl::string_view whole) const {
  const Module* module = this;
  if (path.empty()) return *registry().module;
  for (const absl::string_view name : absl::StrSplit(path, '.')) {
    const internal::ModuleSlot* found = nullptr;
    std::vector<std::string> there;
    for (const auto& child : module->registry().children) {
      if (child->module == nullptr) continue;
      there.push_back(child->name);
      if (child->name == name) found = child.get();
    }
    if (found == nullptr) fail_no_such(op, "a module", *module, there, name, whole);
    module = found->module.get();
  }
  return *module->registry().module;
}

const std::shared_ptr<internal::ModuleSlot>& Module::child_slot(const char* op,
                                                                absl::string_view name) const {
  std::vector<std::string> there;
  for (const auto& child : registry().children) {
    if (child->name == name) return child;
    there.push_back(child->name);
  }
  fail_no_such(op, "a module", *this, there, name, name);
}

void Module::replace(absl::string_view name, std::shared_ptr<Module> module,
                     internal::CopyModule copy) {
  internal::ModuleSlot& slot = *child_slot("replace_module", name);
  if (module == nullptr) fail<ValueError>("replace_module", "expected a module, got null");
  if (slot.check != nullptr) slot.check("replace_module", name, *module);
  slot.set(std::move(module), copy);
}

void Module::unregister_module(absl::string_view name) {
  const std::shared_ptr<internal::ModuleSlot> slot = child_slot("unregister_module", name);
  if (slot.use_count() > 2) {  // besides the registry's and this one
    fail<ValueError>(
        "unregister_module", "expected what register_module() put there, got ", quoted(name),
        ", which is a Child, to assign nullptr to, or in a container, to erase it from");
  }
  registry().remove(slot);
}

Module& Module::get_submodule(absl::string_view path) const {
  return submodule("get_submodule", path, path);
}

Tensor Module::tensor_at(const char* op, absl::string_view path, bool is_buffer) const {
  const size_t dot = path.rfind('.');
  const bool here = dot == absl::string_view::npos;
  const Module& module = here ? *this : submodule(op, path.substr(0, dot), path);
  const absl::string_view name = here ? path : path.substr(dot + 1);
  std::vector<std::string> there;
  for (const auto& slot : module.registry().tensors) {
    if (slot->is_buffer != is_buffer) continue;
    if (slot->name == name) return slot->value;
    there.push_back(slot->name);
  }
  fail_no_such(op, is_buffer ? "a buffer" : "a parameter", module, there, name, path);
}

Tensor Module::get_parameter(absl::string_view path) const {
  return tensor_at("get_parameter", path, false);
}
Tensor Module::get_buffer(absl::string_view path) const {
  return tensor_at("get_buffer", path, true);
}

// ---- All at once

void Module::train(bool training) {
  const internal::Level level;
  registry().training = training;
  for (const auto& child : registry().modules_now()) child.second->train(training);
}

void ModeGuard::remember(const Module& module) {
  for (const Module* each : module.modules()) {
    modes_.emplace_back(each->registry_, each->registry().training);
  }
}

void Module::requires_grad_(bool requires_grad) {
  for (Tensor& parameter : parameters()) parameter.requires_grad_(requires_grad);
}

void Module::zero_grad() {
  for (const Tensor& parameter : parameters()) parameter.set_grad(Tensor());
}

void Module::to(DType dtype) {
  check_floating("to", dtype);
  for (const bool is_buffer : {false, true}) {
    for (const Tensor& tensor : is_buffer ? buffers() : parameters()) {
      if (!is_floating(tensor.dtype()) || tensor.dtype() == dtype) continue;
      const Tensor grad = tensor.grad();
      tensor.set_data(tensor.data().to(dtype));
      if (grad.defined()) tensor.set_grad(Tensor(grad.data().to(dtype)));
    }
  }
}

// ---- Hooks

internal::ModuleHooks& Module::hooks() {
  std::unique_ptr<internal::ModuleHooks>& hooks = registry().hooks;
  if (hooks == nullptr) hooks = std::make_unique<internal::ModuleHooks>();
  return *hooks;
}

namespace {
template <class Hook>
HookHandle add_hook(const char* name, lamina::internal::HookList<Hook>& list, Hook hook) {
  if (!hook) fail<ValueError>(name, "expected a function, got an empty one");
  return list.add(std::move(hook));
}
}  // namespace

HookHandle Module::register_forward_pre_hook(ForwardPreHook hook) {
  return add_hook("register_forward_pre_hook", hooks().forward_pre, std::move(hook));
}
HookHandle Module::register_forward_hook(ForwardHook hook) {
  return add_hook("register_forward_hook", hooks().forward, std::move(hook));
}
HookHandle Module::register_backward_pre_hook(BackwardPreHook hook) {
  return add_hook("register_backward_pre_hook", hooks().backward_pre, std::move(hook));
}
HookHandle Module::register_backward_hook(BackwardHook hook) {
  return add_hook("register_backward_hook", hooks().backward, std::move(hook));
}
HookHandle Module::register_state_dict_hook(StateDictHook hook) {
  return add_hook("register_state_dict_hook", hooks().state_dict, std::move(hook));
}
HookHandle Module::register_load_state_dict_pre_hook(LoadStateDictPreHook hook) {
  return add_hook("register_load_state_dict_pre_hook", hooks().load_pre, std::move(hook));
}
HookHandle Module::register_load_state_dict_post_hook(LoadStateDictPostHook hook) {
  return add_hook("register_load_state_dict_post_hook", hooks().load_post, std::move(hook));
}

// ---- Text

std::string Module::name() const {
  const std::string name = lamina::internal::readable_type_name(typeid(*this));
  return name.substr(0, name.find('<'));
}

std::vector<std::string> Module::member_lines() const {
  std::vector<std::string> lines;
  for (const auto& child : registry().children) {
    lines.push_back(
        absl::StrCat("(", child->name, "): ", child->module ? child->module->str() : "None"));
  }
  return lines;
}

std::string Module::str() const {
  const internal::Level level;
  const std::string extra = extra_repr();
  const std::vector<std::string> members = member_lines();
  if (members.empty() && extra.find('\n') == std::string::npos) {
    return absl::StrCat(name(), "(", extra, ")");
  }
  std::vector<std::string> lines;
  if (!extra.empty()) lines = absl::StrSplit(extra, '\n');
  for (const std::string& member : members) {
    lines.push_back(absl::StrReplaceAll(member, {{"\n", "\n  "}}));
  }
  return absl::StrCat(name(), "(\n  ", absl::StrJoin(lines, "\n  "), "\n)");
}

}  // namespace lamina::nn
