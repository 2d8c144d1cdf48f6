#include "lamina/nn/layer.h"

namespace lamina::nn::internal {
namespace {

// Hands tensors on as they are, with a node of its own that hooks can be attached to.
struct PassOn : Function<PassOn> {
  static constexpr const char* kName = "module_hooks";
  static std::vector<NDArray> forward(Context&, absl::Span<const Tensor> x) {
    std::vector<NDArray> out;
    for (const Tensor& tensor : x) out.push_back(tensor.data());
    return out;
  }
  static Gradients backward(Context&, absl::Span<const Tensor> dy) {
    return Gradients(std::vector<Tensor>(dy.begin(), dy.end()));
  }
};

// Those of `all` that want a gradient go through a PassOn, whose node is returned; of none if there
// are none. `at` receives their places.
GradFn pass_on(std::vector<Tensor>& all, std::vector<size_t>& at) {
  std::vector<Tensor> wanting;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].requires_grad()) continue;
    wanting.push_back(all[i]);
    at.push_back(i);
  }
  if (at.empty()) return GradFn();
  const std::vector<Tensor> passed = PassOn::apply(absl::Span<const Tensor>(wanting));
  for (size_t i = 0; i < at.size(); ++i) all[at[i]] = passed[i];
  return passed[0].grad_fn();
}

std::vector<Tensor> spread(absl::Span<const Tensor> some, const std::vector<size_t>& at,
                           size_t count) {
  std::vector<Tensor> all(count);
  for (size_t i = 0; i < at.size(); ++i) all[at[i]] = some[i];
  return all;
}
std::vector<Tensor> gather(const std::vector<Tensor>& all, const std::vector<size_t>& at) {
  std::vector<Tensor> some;
  some.reserve(at.size());
  for (const size_t i : at) some.push_back(all[i]);
  return some;
}

std::string name_of_module(const Registry& registry) {
  return registry.module ? registry.module->name() : "a module";
}

// What a gradient must be like, of a tensor that wants one.
struct Form {
  bool is_wanted = false;
  Shape shape = {};
  DType dtype = float32;
};
std::vector<Form> forms_of(const std::vector<Tensor>& all, const std::vector<size_t>& at) {
  std::vector<Form> forms(all.size());
  for (const size_t i : at) forms[i] = {true, all[i].shape(), all[i].dtype()};
  return forms;
}

void check_count(const char* hook, const Registry& of, size_t wanted, size_t came) {
  if (wanted == came) return;
  fail<RuntimeError>(hook, "expected the hook of ", name_of_module(of), " to leave ", wanted,
                     wanted == 1 ? " tensor, got " : " tensors, got ", came);
}
// Of gradients, one of each `tensor`, an input or output.
void check_left(const char* hook, const Registry& of, const char* tensor,
                const std::vector<Form>& wanted, const std::vector<Tensor>& came) {
  check_count(hook, of, wanted.size(), came.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    const Form& form = wanted[i];
    if (!form.is_wanted || !came[i].defined()) continue;
    if (came[i].shape() == form.shape && came[i].dtype() == form.dtype) continue;
    fail<ShapeError>(hook, "expected the hook of ", name_of_module(of),
                     " to leave a gradient of shape ", form.shape.str(), " and dtype ",
                     name_of(form.dtype), " for ", tensor, " ", i, ", got shape ",
                     came[i].shape().str(), " and dtype ", name_of(came[i].dtype()));
  }
}

// Changes when one of the gradients is written to.
uint32_t versions_of(const std::vector<Tensor>& gradients) {
  uint32_t sum = 0;
  for (const Tensor& gradient : gradients) {
    if (gradient.defined()) sum += gradient.data().version();
  }
  return sum;
}
// `given` is what the hook got, and `versions` theirs before.
void check_not_written(const char* hook, const Registry& of, const std::vector<Tensor>& given,
                       uint32_t versions) {
  if (versions_of(given) == versions) return;
  fail<RuntimeError>(hook, "expected the hook of ", name_of_module(of),
                     " to leave the gradients as they are, got one that was written to; put "
                     "another in its place");
}

}  // namespace

void Call::check_needs_no_owner(const Module& caller, const Module& module) {
  if (&caller == &module || !is_grad_enabled()) return;
  for (const Tensor& parameter : module.parameters()) {
    if (!parameter.requires_grad()) continue;
    fail<RuntimeError>(
        module.name().c_str(), "expected a module that ", caller.name(),
        " has as a member, for its forward calls it, got one without an owner, whose parameters "
        "would be neither trained nor saved. Declare it as nn::Child<",
        module.name(),
        ">, or keep several in an nn::ModuleList. If it is to stay outside, call it under "
        "NoGradGuard, freeze it with requires_grad_(false), or call its forward()");
  }
}

// What the backward hooks of one call share. The module may have moved before they run, or be gone:
// then they do not.
struct HookedCall::Backward {
  std::weak_ptr<Registry> registry;
  std::vector<Form> inputs, outputs;
  bool has_hooks = false;  // for the gradients of inputs, at the time of the call
  bool has_input_node = false;
  std::vector<Tensor> grad_outputs;

  void run_pre_hooks() {
    const std::shared_ptr<Registry> live = registry.lock();
    if (live == nullptr || live->module == nullptr) return;
    live->hooks->backward_pre.for_each([&](const BackwardPreHook& hook) {
      if (live->module == nullptr) return;  // destroyed by the hook before
      const std::vector<Tensor> given = grad_outputs;
      const uint32_t versions = versions_of(given);
      hook(*live->module, grad_outputs);
      check_not_written("backward pre-hook", *live, given, versions);
      check_left("backward pre-hook", *live, "output", outputs, grad_outputs);
    });
  }
  void run_hooks(std::vector<Tensor>& grad_inputs) {
    const std::shared_ptr<Registry> live = registry.lock();
    // Not kept beyond this: with create_graph they hold on to the graph that holds this.
    std::vector<Tensor> came = std::move(grad_outputs);
    came.resize(outputs.size());  // none came if the loss is of what forward kept elsewhere
    if (live == nullptr || live->module == nullptr) return;
    live->hooks->backward.for_each([&](const BackwardHook& hook) {
      if (live->module == nullptr) return;
      std::vector<Tensor> given = grad_inputs;
      given.insert(given.end(), came.begin(), came.end());
      const uint32_t versions = versions_of(given);
      hook(*live->module, grad_inputs, came);
      check_not_written("backward hook", *live, given, versions);
      check_left("backward hook", *live, "input", inputs, grad_inputs);
    });
  }
};

void HookedCall::check_in_place() const {
  if (registry_->module == &module_) return;
  fail<RuntimeError>("Module",
                     "expected hooks to leave the module that is called where it is, got "
                     "one that was ",
                     registry_->module ? "moved" : "destroyed");
}

void HookedCall::before(std::vector<Tensor>& inputs) {
  const OutsideCalls outside;
  const ModuleHooks& hooks = *registry_->hooks;
  hooks.forward_pre.for_each([&](const ForwardPreHook& hook) {
    const size_t count = inputs.size();
    hook(module_, inputs);
    check_count("forward pre-hook", *registry_, count, inputs.size());
    check_in_place();
  });
  if (!is_grad_enabled() || (hooks.backward.empty() && hooks.backward_pre.empty())) return;
  backward_ = std::make_shared<Backward>();
  backward_->registry = registry_;
  backward_->inputs.resize(inputs.size());
  backward_->has_hooks = !hooks.backward.empty();
  if (!backward_->has_hooks) return;
  std::vector<size_t> at;
  const GradFn node = pass_on(inputs, at);
  if (!node) return;
  backward_->inputs = forms_of(inputs, at);
  backward_->has_input_node = true;
  node.register_hook(
      [backward = backward_, at](absl::Span<const Tensor> grad_inputs, absl::Span<const Tensor>) {
        std::vector<Tensor> all = spread(grad_inputs, at, backward->inputs.size());
        backward->run_hooks(all);
        return gather(all, at);
      });
}

void HookedCall::after(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
  const OutsideCalls outside;
  registry_->hooks->forward.for_each([&](const ForwardHook& hook) {
    check_in_place();  // the last one may replace it: it is done
    const size_t count = outputs.size();
    hook(module_, inputs, outputs);
    check_count("forward hook", *registry_, count, outputs.size());
  });
  if (backward_ == nullptr) return;
  std::vector<size_t> at;
  const GradFn node = pass_on(outputs, at);
  backward_->outputs = forms_of(outputs, at);
  if (!node) return;
  node.register_prehook(
      [backward = backward_, at, count = outputs.size()](absl::Span<const Tensor> grad_outputs) {
        backward->grad_outputs = spread(grad_outputs, at, count);
        backward->run_pre_hooks();
        std::vector<Tensor> replaced = gather(backward->grad_outputs, at);
        if (!backward->has_hooks) backward->grad_outputs.clear();
        if (backward->has_hooks && !backward->has_input_node) {
          std::vector<Tensor> none(backward->inputs.size());
          backward->run_hooks(none);
        }
        return replaced;
      });
}

}  // namespace lamina::nn::internal
