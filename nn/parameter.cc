#include "lamina/nn/parameter.h"

#include "lamina/nn/clone.h"

namespace lamina::nn {

TensorMember::TensorMember(Module* owner, std::string name, Tensor value, bool is_buffer,
                           bool is_persistent) {
  internal::Registry& registry = Module::registry_of(is_buffer ? "Buffer" : "Parameter", owner);
  registry.check_new_name(name);
  if (!is_buffer) value = internal::to_train(std::move(value));
  slot_ = registry.add_tensor(std::move(name), std::move(value), is_buffer, is_persistent);
}

TensorMember::TensorMember(const TensorMember& other)
    : slot_(internal::Cloning::current().copy_of(other.slot_)) {}

TensorMember& TensorMember::operator=(const Tensor& value) {
  if (!slot_) fail_moved_from();
  slot_->value = slot_->is_buffer ? value : internal::to_train(value);
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
