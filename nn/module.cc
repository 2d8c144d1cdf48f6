#include "lamina/nn/module.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace lamina::nn {

void internal::Registry::check_new_name(const std::string& name) const {
  if (name.empty() || name.find('.') != std::string::npos) {
    fail<ValueError>("Module", "expected a name that is not empty and has no '.', got \"", name,
                     "\"");
  }
  const auto has_name = [&](const auto& slot) { return slot->name == name; };
  if (std::any_of(tensors.begin(), tensors.end(), has_name) ||
      std::any_of(children.begin(), children.end(), has_name)) {
    fail<ValueError>("Module", "expected a new name, got \"", name,
                     "\", which is registered already");
  }
}

void internal::Registry::add_child(std::string name, std::shared_ptr<Module> module) {
  check_new_name(name);
  children.push_back(std::make_shared<ModuleSlot>(ModuleSlot{std::move(name), std::move(module)}));
}

internal::Registry& Module::registry() const {
  if (!registry_) {
    fail<RuntimeError>("Module", "expected a live module, got one that was moved from");
  }
  return *registry_;
}

internal::Registry& Module::registry_of(const char* member, const Module* owner) {
  if (owner == nullptr) fail<ValueError>(member, "expected a module as its owner, got null");
  return owner->registry();
}

void ModeGuard::remember(const Module& module) {
  modes_.emplace_back(module.registry_, module.registry().training);
  for (const auto& child : module.registry().children) remember(*child->module);
}

void Module::collect(bool buffers, bool recursive, const std::string& prefix,
                     Named<Tensor>& out) const {
  for (const auto& slot : registry().tensors) {
    if (!slot->value.defined() || slot->is_buffer != buffers) continue;
    const bool seen = std::any_of(out.begin(), out.end(), [&](const auto& entry) {
      return entry.second.impl() == slot->value.impl();
    });
    if (!seen) out.emplace_back(prefix + slot->name, slot->value);
  }
  if (!recursive) return;
  for (const auto& child : registry().children) {
    child->module->collect(buffers, true, absl::StrCat(prefix, child->name, "."), out);
  }
}

Named<Tensor> Module::named_parameters(bool recursive) const {
  Named<Tensor> out;
  collect(false, recursive, "", out);
  return out;
}

Named<Tensor> Module::named_buffers(bool recursive) const {
  Named<Tensor> out;
  collect(true, recursive, "", out);
  return out;
}

namespace {
std::vector<Tensor> without_names(const Named<Tensor>& named) {
  std::vector<Tensor> out;
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

Named<Module*> Module::named_children() const {
  Named<Module*> out;
  for (const auto& child : registry().children) out.emplace_back(child->name, child->module.get());
  return out;
}

void Module::train(bool training) {
  registry().training = training;
  for (const auto& child : registry().children) child->module->train(training);
}

void Module::zero_grad() {
  for (const Tensor& parameter : parameters()) parameter.set_grad(Tensor());
}

std::string Module::str() const {
  const std::string extra = extra_repr();
  const auto& children = registry().children;
  if (children.empty() && extra.find('\n') == std::string::npos) {
    return absl::StrCat(name(), "(", extra, ")");
  }
  std::vector<std::string> lines;
  if (!extra.empty()) lines = absl::StrSplit(extra, '\n');
  for (const auto& child : children) {
    lines.push_back(absl::StrCat(
        "(", child->name, "): ", absl::StrReplaceAll(child->module->str(), {{"\n", "\n  "}})));
  }
  return absl::StrCat(name(), "(\n  ", absl::StrJoin(lines, "\n  "), "\n)");
}

}  // namespace lamina::nn
