#include "lamina/nn/parameter.h"

namespace lamina::nn {

TensorMember::TensorMember(Module* owner, std::string name, Tensor value, bool is_buffer) {
  internal::Registry& registry = Module::registry_of(is_buffer ? "Buffer" : "Parameter", owner);
  registry.check_new_name(name);
  slot_ = std::make_shared<internal::TensorSlot>(
      internal::TensorSlot{std::move(name), std::move(value), is_buffer});
  registry.tensors.push_back(slot_);
}

void TensorMember::fail_moved_from() {
  fail<RuntimeError>("Parameter", "expected a live member, got one that was moved from");
}

namespace {
Tensor to_train(Tensor value) {
  if (!value.is_leaf()) {
    fail<ValueError>("Parameter", "expected a leaf, got the result of ", value.grad_fn().name());
  }
  if (value.defined()) value.requires_grad_();
  return value;
}
}  // namespace

Parameter::Parameter(Module* owner, std::string name, Tensor value)
    : TensorMember(owner, std::move(name), to_train(std::move(value)), false) {}

void Parameter::requires_grad_(bool requires_grad) const {
  Tensor parameter = get();
  parameter.requires_grad_(requires_grad);
}

}  // namespace lamina::nn
