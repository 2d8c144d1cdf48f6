// Activation checkpointing: memory for time.
#ifndef LAMINA_AUTOGRAD_CHECKPOINT_H_
#define LAMINA_AUTOGRAD_CHECKPOINT_H_

#include "absl/types/span.h"
#include "lamina/autograd/tensor.h"

namespace lamina {

// f(inputs), of whose graph only the inputs are kept: backward computes f once more, with the
// random numbers that it drew before, so that dropout repeats (but not with those that it drew on
// threads of its own). Gradients, also second ones, reach the inputs and the leaves that f uses
// besides. f is kept until the result's graph goes, and must then still be good to call; constants
// that it captures must be as they were, which is not checked.
//
//   Tensor y = checkpoint([&](absl::Span<const Tensor> in) { return block(in[0]); }, {x});
//
// Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016). Throws RuntimeError if f
// uses a result of an operation that is not among the inputs, or writes to an input; or, in
// backward, if f then gives another shape or dtype, one of its leaves was changed in place, or
// inference mode is on. ValueError if there is no f.
Tensor checkpoint(const TensorFunction& f, absl::Span<const Tensor> inputs);

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_CHECKPOINT_H_
