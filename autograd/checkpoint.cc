#include "lamina/autograd/checkpoint.h"

#include <atomic>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lamina/autograd/engine.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/walk.h"
#include "lamina/tensor/random.h"

namespace lamina {
namespace {

// Marks the nodes that are recorded on this thread during its life.
class CheckpointGuard {
 public:
  CheckpointGuard() : before_(internal::current_checkpoint) {
    static std::atomic<uint32_t> last{0};
    internal::current_checkpoint = ++last;
  }
  ~CheckpointGuard() { internal::current_checkpoint = before_; }
  CheckpointGuard(const CheckpointGuard&) = delete;
  CheckpointGuard& operator=(const CheckpointGuard&) = delete;

 private:
  uint32_t before_;
};

struct Segment {
  TensorFunction f;
  size_t inputs = 0;  // the first of the tensors; the others are leaves that f uses
  internal::Draws draws;
  NDArray result;
};

struct Checkpoint : Function<Checkpoint> {
  static constexpr const char* kName = "checkpoint";
  Segment segment;

  NDArray forward(Context& ctx, absl::Span<const Tensor> tensors, const Segment& s) {
    for (const Tensor& tensor : tensors) ctx.save_input(tensor.data());
    segment = s;
    segment.result = {};
    return s.result;
  }

  Gradients backward(Context& ctx, const Tensor& dy) {
    if (is_inference_mode()) {
      fail<RuntimeError>(kName,
                         "backward: expected to be called outside of inference mode, in which the "
                         "function cannot be recorded anew");
    }
    const bool create_graph = is_grad_enabled();
    const EnableGradGuard enable_grad;
    std::vector<Tensor> in, wanted;
    std::vector<int> place;  // of each that is wanted, among the tensors
    const int count = ctx.input_count();
    for (int i = 0; i < count; ++i) {
      Tensor tensor = ctx.saved(i);
      if (i < static_cast<int>(segment.inputs)) {
        if (ctx.needs_grad(i)) {
          // A result, whose hooks are the function's.
          const Tensor source = create_graph ? tensor : tensor.detach().requires_grad_();
          tensor = source.expand(source.shape());
        }
        in.push_back(tensor);
      }
      if (!ctx.needs_grad(i)) continue;
      wanted.push_back(tensor);
      place.push_back(i);
    }
    Tensor y;
    {
      const internal::Draws::Replay replay(&segment.draws);
      y = segment.f(in);
    }
    if (!y.defined() || y.shape() != dy.shape() || y.dtype() != dy.dtype()) {
      fail<RuntimeError>(kName, "backward: expected the function to give shape ", dy.shape().str(),
                         " and dtype ", lamina::name_of(dy.dtype()), " again, got ",
                         y.defined()
                             ? absl::StrCat(y.shape().str(), " and ", lamina::name_of(y.dtype()))
                             : "an undefined tensor");
    }
    std::vector<Tensor> result(static_cast<size_t>(count));
    if (y.requires_grad()) {
      std::vector<Tensor> gradients =
          internal::run_grad({y}, wanted, {dy}, {false, create_graph, true}, true);
      for (size_t i = 0; i < wanted.size(); ++i) {
        result[static_cast<size_t>(place[i])] = std::move(gradients[i]);
      }
    }
    return Gradients(std::move(result));
  }
};

// The leaves under y besides `inputs`, in the order in which they are met. Throws if the graph goes
// on outside of `checkpoint`.
std::vector<Tensor> leaves_of(const Tensor& y, const std::vector<Tensor>& inputs,
                              uint32_t checkpoint) {
  absl::flat_hash_set<const void*> met;
  for (const Tensor& input : inputs) met.insert(input.impl());
  std::vector<Tensor> leaves;
  internal::walk(
      {&y, 1},
      [&](const internal::Node& node, uint32_t) {
        if (node.checkpoint != checkpoint) {
          fail<RuntimeError>("checkpoint",
                             "expected a function that uses results of operations only through its "
                             "inputs, got one that uses a result of ",
                             node.name(), " from outside; pass it as an input");
        }
        return met.insert(&node).second;
      },
      [&](const internal::Ptr<internal::TensorImpl>& leaf) {
        if (met.insert(leaf.get()).second) leaves.emplace_back(leaf);
      });
  return leaves;
}

}  // namespace

Tensor checkpoint(const TensorFunction& f, absl::Span<const Tensor> inputs) {
  if (!f) fail<ValueError>("checkpoint", "expected a function, got none");
  if (!is_grad_enabled()) return f(inputs);
  Segment segment{f, inputs.size(), {}, NDArray()};
  std::vector<Tensor> tensors(inputs.begin(), inputs.end());
  {
    // Recorded to see which leaves there are; the graph goes at the end of the block.
    std::vector<Tensor> in;
    for (const Tensor& input : inputs) {
      in.push_back(input.requires_grad() ? input.detach().requires_grad_() : input);
    }
    std::vector<uint32_t> versions;
    for (const Tensor& input : inputs) {
      versions.push_back(input.defined() ? input.data().version() : 0);
    }
    const CheckpointGuard inside;
    const Tensor y = [&] {
      const internal::Draws::Recording recording(&segment.draws);
      return f(in);
    }();
    if (!y.defined()) {
      fail<RuntimeError>("checkpoint", "expected a defined tensor from the function");
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].defined() || inputs[i].data().version() == versions[i]) continue;
      fail<RuntimeError>("checkpoint",
                         "expected a function that leaves its inputs as they are, for backward "
                         "needs them, got one that wrote to input ",
                         i, "; write to a clone() of it");
    }
    // A constant that f has from elsewhere must not become this operation's result.
    const bool is_own =
        y.requires_grad() || (y.impl()->use_count() == 1 && y.data().is_exclusive());
    segment.result = is_own ? y.data() : y.data().clone();
    for (Tensor& leaf : leaves_of(y, in, internal::current_checkpoint)) {
      tensors.push_back(std::move(leaf));
    }
  }
  return Checkpoint::apply(absl::MakeConstSpan(tensors), segment);
}

}  // namespace lamina
