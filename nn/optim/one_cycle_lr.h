// OneCycleLR: up to the highest rate and down to nearly nothing, once.
#ifndef LAMINA_NN_OPTIM_ONE_CYCLE_LR_H_
#define LAMINA_NN_OPTIM_ONE_CYCLE_LR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lamina/nn/optim/lr_scheduler.h"

namespace lamina::nn::optim {

struct OneCycleLROptions {
  enum class Anneal { kCos, kLinear };  // along half a cosine, or a line
  PerGroup max_lr = {};                 // the highest rate; at least 0, to be given
  int64_t total_steps = 0;              // at least 1, or 0 for the product of the next two
  int64_t epochs = 0;                   // at least 1
  int64_t steps_per_epoch = 0;          // at least 1
  double pct_start = 0.3;  // the part of all steps in which the rate rises; from 0 to 1
  Anneal anneal_strategy = Anneal::kCos;
  bool cycle_momentum = true;     // move momentum, or beta1, the other way
  PerGroup base_momentum = 0.85;  // where the rate is highest; from 0 to below 1
  PerGroup max_momentum = 0.95;   // at either end; from 0 to below 1
  double div_factor = 25;         // the first rate is max_lr / div_factor; above 0
  double final_div_factor = 1e4;  // the last one is the first / final_div_factor; above 0
  // Down to the first rate as fast as up, and from there to the last one; pct_start is then at most
  // 0.5.
  bool three_phase = false;
};

// Is stepped after every batch: from the first rate to max_lr and on to the last one along half
// cosines, or lines, whatever the rates were. Step total_steps, after the last batch, leaves the
// rate as it is.
//
// Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
// rates", 2017.
class OneCycleLR : public LRScheduler {
 public:
  // Throws ValueError for settings out of range; RuntimeError for an optimizer without momentum and
  // beta1 if they are to be moved. step() throws RuntimeError for more than total_steps steps.
  OneCycleLR(Optimizer& optimizer, const OneCycleLROptions& options);

 private:
  // A stretch of the schedule, by the rates (0 first, 1 highest, 2 last) at its two ends.
  struct Phase {
    double end_step;
    int from, to;
  };
  struct Settings {  // as checked
    OneCycleLROptions options;
    std::vector<double> max_lrs, base_lrs, base_momenta, max_momenta;
  };
  static Settings checked(const Optimizer& optimizer, const OneCycleLROptions& options);
  OneCycleLR(Optimizer& optimizer, Settings settings);

  double next_lr(int64_t epoch, int64_t group, double lr) const override;
  std::optional<double> next_momentum(int64_t epoch, int64_t group) const override;
  // Between the values at the ends of the phase that a step is in.
  double anneal(int64_t step, const double (&values)[3]) const;

  const Settings settings_;
  std::vector<Phase> phases_;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_ONE_CYCLE_LR_H_
