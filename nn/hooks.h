// Hooks: functions that users attach to modules of any kind. Several run in the order in which they
// were added; the handle removes one, also after the module moved.
//
//   HookHandle handle = model.register_forward_hook(
//       [](nn::Module& module, absl::Span<const Tensor> inputs, std::vector<Tensor>& outputs) {
//         std::cout << module.name() << " " << outputs[0].shape() << "\n";
//       });
//   ...
//   handle.remove();
//
// Inputs and outputs are the tensors among the arguments and in the result of the call, in order:
// those in pairs, tuples, arrays, vectors and optionals too (tensors_in.h). Those that a hook gets
// as a std::vector<Tensor>& it may replace, but for their number (RuntimeError) and, of gradients,
// their shapes and dtypes (ShapeError); it must not write to gradients (RuntimeError). A struct of
// yours shows its tensors by a member function template:
//
//   struct State {
//     template <class F> void for_each_tensor(F f) { f(hidden); f(cell); }
//     Tensor hidden, cell;
//   };
//
// Where a module has hooks of the backward pass, its inputs and outputs are copied, so that a write
// in place to one of them is not seen by the other side. Between the gradients of the outputs and
// those of the inputs, the former are kept: if the latter are never asked for, under create_graph,
// they stay with the graph for good.
#ifndef LAMINA_NN_HOOKS_H_
#define LAMINA_NN_HOOKS_H_

#include <functional>
#include <string>
#include <vector>

#include "lamina/autograd.h"

namespace lamina::nn {

class Module;
class StateDict;
struct LoadResult;

// Before forward.
using ForwardPreHook = std::function<void(Module& module, std::vector<Tensor>& inputs)>;
// After forward.
using ForwardHook = std::function<void(Module& module, absl::Span<const Tensor> inputs,
                                       std::vector<Tensor>& outputs)>;
// When the gradients of the outputs are known; one that did not arrive is undefined.
using BackwardPreHook = std::function<void(Module& module, std::vector<Tensor>& grad_outputs)>;
// When the gradients of the inputs are known; that of an input that wants none is undefined, and
// stays so. If no input wants one, it runs as soon as those of the outputs are known.
using BackwardHook = std::function<void(Module& module, std::vector<Tensor>& grad_inputs,
                                        absl::Span<const Tensor> grad_outputs)>;

// After a module and all below wrote their entries, whose names begin with the prefix ("layer1.").
using StateDictHook =
    std::function<void(const Module& module, StateDict& state, const std::string& prefix)>;
// Before the module's entries are looked up, in a copy of what load_state_dict() was given.
using LoadStateDictPreHook =
    std::function<void(Module& module, StateDict& state, const std::string& prefix)>;
// After the whole model was loaded.
using LoadStateDictPostHook = std::function<void(Module& module, const LoadResult& result)>;

namespace internal {

struct ModuleHooks {
  lamina::internal::HookList<ForwardPreHook> forward_pre;
  lamina::internal::HookList<ForwardHook> forward;
  lamina::internal::HookList<BackwardPreHook> backward_pre;
  lamina::internal::HookList<BackwardHook> backward;
  lamina::internal::HookList<StateDictHook> state_dict;
  lamina::internal::HookList<LoadStateDictPreHook> load_pre;
  lamina::internal::HookList<LoadStateDictPostHook> load_post;

  // Lists of their own, of the same functions.
  ModuleHooks copy() const {
    return {forward_pre.copy(), forward.copy(),  backward_pre.copy(), backward.copy(),
            state_dict.copy(),  load_pre.copy(), load_post.copy()};
  }
};

}  // namespace internal
}  // namespace lamina::nn

#endif  // LAMINA_NN_HOOKS_H_
