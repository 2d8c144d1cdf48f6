#ifndef LAMINA_NN_OPTIM_LBFGS_H_
#define LAMINA_NN_OPTIM_LBFGS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lamina/nn/optim/optimizer.h"

namespace lamina::nn::optim {

struct LBFGSOptions {
  double lr = 1;          // the length of a step, or the first that the line search tries
  int64_t max_iter = 20;  // iterations of a step; at least 1
  // After so many calls of the closure a step begins no further iteration; 0: max_iter * 5 / 4.
  int64_t max_eval = 0;
  double tolerance_grad = 1e-7;    // at least 0: a step ends when no |gradient| is above it
  double tolerance_change = 1e-9;  // at least 0: or when p, or the loss, changes by no more
  int64_t history_size = 100;      // changes of p and of the gradient to remember; at least 1
  bool strong_wolfe = false;  // search along each direction for a point with Wolfe's conditions
};

// L-BFGS, as in PyTorch: from the last changes s of all parameters and y of their gradient, it
// estimates the inverse of the Hessian times the gradient, which is the direction of the next step.
// For a loss that is the same function at every call. The parameters are one group. Those without a
// gradient stay where they are.
//
// State, kept with the first parameter as vectors over all of them: d and t, the last direction and
// step length; old_dirs (y), old_stps (s), ro (1 / (y s)); H_diag (y s / (y y)); prev_flat_grad,
// prev_loss, n_iter, func_evals. It takes 2 history_size + 2 times the memory of the parameters.
//
// Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989; Nocedal and
// Wright, "Numerical optimization", 2006, algorithms 3.5, 3.6 and 7.4.
class LBFGS : public OptimizerOf<LBFGSOptions> {
 public:
  // Throws ValueError for options out of range, and as Optimizer does; a second group, too.
  explicit LBFGS(Parameters parameters, const LBFGSOptions& options = {});
  // Calls the closure, which clears the gradients, computes the loss and its gradients, several times,
  // with gradients recorded, and returns the first loss. Throws RuntimeError for a closure that
  // returns no tensor and for an expanded parameter, ShapeError for parameters whose elements have
  // changed in number.
  Tensor step(const std::function<Tensor()>& closure) override;
  // Throws RuntimeError: there is nothing to do without a closure.
  void step() override;

 private:
  struct Memory {
    int64_t func_evals = 0, n_iter = 0;
    NDArray d, prev_flat_grad;  // flat; undefined until the first iteration
    double t = 0, prev_loss = 0, h_diag = 1;
    std::vector<NDArray> old_dirs, old_stps;  // the oldest first
    std::vector<double> ro;
  };

  void visit(LBFGSOptions& options, OptionVisitor& visitor) const override;
  std::vector<StateArray> state_arrays(int64_t group) const override;
  void check_parameter(const std::string& which, const Tensor& parameter) const override;
  void save_whole(StateDict* state) const override;
  std::function<void()> load_whole(nn::internal::StateReader* reader) override;

  int64_t numel() const;
  DType flat_dtype() const;  // float64 if a parameter is, else float32
  NDArray flat_gradient() const;
  // p += t d, of those that move
  void move(double t);
  void prepare_memory();
  // Remembers the last change, and finds the next direction.
  void update_direction(const NDArray& flat_grad);

  Memory memory_;
  std::vector<bool> moves_;  // each parameter: whether it had a gradient when d was found
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_LBFGS_H_
