#include "lamina/nn/clone.h"

#include <utility>

namespace lamina::nn {
namespace internal {
namespace {

thread_local Cloning* cloning_now = nullptr;

template <class Slot>
std::shared_ptr<Slot> find_copy(
    const absl::flat_hash_map<const Slot*, std::shared_ptr<Slot>>& copies,
    const std::shared_ptr<Slot>& slot) {
  if (slot == nullptr) return nullptr;  // of a module that was moved from
  const auto found = copies.find(slot.get());
  if (found == copies.end()) {
    fail<RuntimeError>("clone",
                       "expected members that are registered with the module that has them, "
                       "got \"",
                       slot->name, "\" of another");
  }
  return found->second;
}

}  // namespace

void check_copied_whole(const Module& module, const std::type_info& type) {
  if (typeid(module) == type) return;
  fail<RuntimeError>(
      "clone", "expected a module of class ", lamina::internal::readable_type_name(type),
      ", got one of a class derived from it, ", module.name(), ", of which the rest would be lost");
}

Cloning::Cloning() : outer_(cloning_now) { cloning_now = this; }
Cloning::~Cloning() { cloning_now = outer_; }

Cloning& Cloning::current(const char* op, const char* wanted, const char* hint) {
  if (cloning_now == nullptr) {
    fail<RuntimeError>(op, "expected ", wanted, ", got a plain copy (", hint, ")");
  }
  return *cloning_now;
}

Tensor Cloning::copy(const Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  Tensor& copy = tensors_[tensor.impl()];
  if (!copy.defined()) {
    copy = Tensor(tensor.data().clone());
    if (tensor.requires_grad()) copy.requires_grad_();
  }
  return copy;
}

std::shared_ptr<Module> Cloning::copy(const ModuleSlot& slot) {
  const Level level;
  if (slot.module == nullptr) return nullptr;
  if (const auto found = modules_.find(slot.module.get()); found != modules_.end()) {
    return found->second;
  }
  if (slot.copy == nullptr) {
    fail<RuntimeError>("clone", "expected modules that can be copied, got \"", slot.name,
                       "\": ", slot.module->name(),
                       " has no copy constructor, or was registered as a pointer "
                       "to its base class");
  }
  std::shared_ptr<Module> copy = slot.copy(*slot.module);
  modules_[slot.module.get()] = copy;
  return copy;
}

std::shared_ptr<Registry> Cloning::copy_registry(const Registry& from) {
  auto registry = std::make_shared<Registry>(nullptr);
  registry->training = from.training;
  registry->copy = from.copy;
  if (from.hooks) registry->hooks = std::make_unique<ModuleHooks>(from.hooks->copy());
  for (const auto& slot : from.tensors) {
    auto copied = std::make_shared<TensorSlot>(*slot);
    copied->value = copy(slot->value);
    registry->tensors.push_back(tensor_slots_[slot.get()] = std::move(copied));
  }
  for (const auto& slot : from.children) {
    auto copied = std::make_shared<ModuleSlot>(slot->name, copy(*slot), slot->copy, slot->check);
    if (copied->module) copied->module->registry().has_owner = true;
    registry->children.push_back(module_slots_[slot.get()] = std::move(copied));
  }
  return registry;
}

std::shared_ptr<TensorSlot> Cloning::copy_of(const std::shared_ptr<TensorSlot>& slot) const {
  return find_copy(tensor_slots_, slot);
}
std::shared_ptr<ModuleSlot> Cloning::copy_of(const std::shared_ptr<ModuleSlot>& slot) const {
  return find_copy(module_slots_, slot);
}

}  // namespace internal

Module::Module(const Module& other)
    : registry_(internal::Cloning::current(
                    "Module", "a module to be moved, or copied with nn::clone(module)",
                    "a class with a destructor of its own has no move constructor unless it "
                    "declares one")
                    .copy_registry(other.registry())) {
  registry_->module = this;
}

}  // namespace lamina::nn
