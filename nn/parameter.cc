#include "lamina/nn/parameter.h"

#include "lamina/nn/clone.h"

namespace lamina::nn {

TensorMember::TensorMember(Module* owner, std::string name, Tensor value, bool is_buffer,
                           bool is_persistent) {
  internal::Registry& registry = Module::registry_of(is_buffer ? "Buffer" : "Parameter", owner);
  registry.check_new_name(name);
  value = is_buffer ? internal::without_history(value) : internal::to_train(name, std::move(value));
  slot_ = registry.add_tensor(std::move(name), std::move(value), is_buffer, is_persistent);
}

TensorMember::TensorMember(Module* owner, std::string name, const TensorMember& parameter)
    : slot_(Module::registry_of("Parameter", owner)
                .add_tensor(std::move(name), parameter.get(), false, true)) {}

TensorMember::TensorMember(const TensorMember& other)
    : slot_(internal::Cloning::current(
                other.slot_ && other.slot_->is_buffer ? "Buffer" : "Parameter",
                "a parameter or buffer to stay in its module, which nn::clone(module) copies",
                "auto w = module.weight; takes one out: write Tensor w or const auto& w")
                .copy_of(other.slot_)) {}

TensorMember& TensorMember::operator=(const Tensor& value) {
  if (!slot_) fail_moved_from();
  slot_->value =
      slot_->is_buffer ? internal::without_history(value) : internal::to_train(slot_->name, value);
  return *this;
}

TensorMember& TensorMember::operator=(const TensorMember& other) {
  if (this == &other) return *this;
  if (!slot_) fail_moved_from();
  const Tensor& value = other.get();
  if (slot_->is_buffer || other.slot_->is_buffer) return *this = value;
  slot_->value = value;  // a frozen parameter stays frozen
  return *this;
}

void TensorMember::fail_moved_from() {
  fail<RuntimeError>("Parameter", "expected a live member, got one that was moved from");
}

void Parameter::requires_grad_(bool requires_grad) const {
  Tensor parameter = get();
  parameter.requires_grad_(requires_grad);
}

}  // namespace lamina::nn
