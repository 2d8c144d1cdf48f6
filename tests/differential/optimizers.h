// Optimizers beside PyTorch: a training run on a line:
//
//   NAME|PROBLEM|OPTIONS|OPTIONS|DATA|PARAMETERS|STEPS|AFTER
//
// PROBLEM     two integers: in every step i with i % skip == 1 the parameters s and k have no gradient, unless skip is 0;
//             and whether to climb the negative loss
// OPTIONS     of the group w1, b1, and of the group w2, s, k: name and number in turn, as state_dict() names them; the
//             second field is empty if all are one group
// DATA        x (batches, n, 3) and y (batches, n, 2), arrays as replay.h has them; step i takes batch i % batches
// PARAMETERS  w1, b1, w2, s, k before the run, results as replay.h has them
// STEPS       integers: how many, and after how many each to look at the parameters
// AFTER       the parameters at those times
//
// The loss, where s and k have a gradient; elsewhere (1 + s) and what follows 0.02 sum(...) are left out:
//   mean((tanh(x w1 + b1) w2 (1 + s) - y)^2) + 0.02 sum(w1^2, b1^2, w2^2) + mean(sin(3 k) + k^2) + s^2
#ifndef LAMINA_TESTS_DIFFERENTIAL_OPTIMIZERS_H_
#define LAMINA_TESTS_DIFFERENTIAL_OPTIMIZERS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lamina/nn.h"

namespace lamina::differential {

// Makes an optimizer with default options, of one group or of two.
using OptimizerMaker = std::function<std::unique_ptr<nn::optim::Optimizer>(
    const std::vector<std::vector<Tensor>>& groups)>;
const std::map<std::string, OptimizerMaker>& optimizer_table();

// The largest difference of an element of a parameter along the run, in units of the parameter's
// largest expected element. Throws std::invalid_argument for a line that is not understood.
double optimizer_difference(const std::string& line);

constexpr double kOptimizerTolerance = 1e-6;

}  // namespace lamina::differential

#endif  // LAMINA_TESTS_DIFFERENTIAL_OPTIMIZERS_H_
