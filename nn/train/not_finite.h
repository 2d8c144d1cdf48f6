// What made a loss that is not finite.
#ifndef LAMINA_NN_TRAIN_NOT_FINITE_H_
#define LAMINA_NN_TRAIN_NOT_FINITE_H_

#include <string>

#include "lamina/autograd.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/loss.h"

namespace lamina::nn::train::internal {

// The first parameter of the model that is not finite; "" if all are.
std::string not_finite_parameter(const Module& model);

// "the batch's x is not finite", "the parameter 3.weight is not finite", "the output of 2 (Linear) is the
// first that is not finite", or that it is the loss itself. Runs the batch once more, from this state of
// the default generator, and leaves no trace in the model but what a forward does that throws.
std::string cause_of_loss_not_finite(Layer& model, const Loss& loss, const Tensor& x,
                                     Generator::State random);

}  // namespace lamina::nn::train::internal

#endif  // LAMINA_NN_TRAIN_NOT_FINITE_H_
