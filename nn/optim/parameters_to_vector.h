// All parameters as one vector, and back: for optimizers and analyses that think of them so.
#ifndef LAMINA_NN_OPTIM_PARAMETERS_TO_VECTOR_H_
#define LAMINA_NN_OPTIM_PARAMETERS_TO_VECTOR_H_

#include <vector>

#include "lamina/autograd.h"

namespace lamina::nn {

// The elements of each parameter in row-major order, one after the other: 1-d, a copy, of the
// common dtype. Recorded: gradients of the vector reach the parameters. Throws ValueError for no
// parameters, RuntimeError for an undefined one, DTypeError unless all are floating.
Tensor parameters_to_vector(const std::vector<Tensor>& parameters);

// Copies the elements back, converted to each parameter's dtype; not recorded. Unlike PyTorch's,
// which makes the parameters parts of the vector, it leaves them their own memory. Throws
// ShapeError, before anything has changed, unless the vector is 1-d and has as many elements as all
// parameters; DTypeError unless it and they are floating; RuntimeError for an undefined or an
// expanded parameter.
void vector_to_parameters(const Tensor& vector, const std::vector<Tensor>& parameters);

}  // namespace lamina::nn

#endif  // LAMINA_NN_OPTIM_PARAMETERS_TO_VECTOR_H_
