// Starting values for parameters. Each writes in place, records no gradient, and draws from
// default_generator().
#ifndef LAMINA_NN_INIT_H_
#define LAMINA_NN_INIT_H_

#include "lamina/autograd.h"

namespace lamina::nn::init {

void uniform_(const Tensor& x, double low, double high);    // [low, high)
void normal_(const Tensor& x, double mean, double stddev);  // of the normal distribution

}  // namespace lamina::nn::init

#endif  // LAMINA_NN_INIT_H_
