// ExponentialMovingAverage: an average of a model's weights over the steps of its training, which
// often generalises better than the last ones.
//
//   nn::optim::ExponentialMovingAverage average(model, {.decay = 0.999});
//   for (const auto& [x, y] : loader) {
//     ...
//     adamw.step();
//     average.update();
//   }
//   {
//     const auto averaged = average.swap_in();
//     evaluate(model);  // with the averages
//   }                   // and the model has its own weights again
#ifndef LAMINA_NN_OPTIM_WEIGHT_AVERAGE_H_
#define LAMINA_NN_OPTIM_WEIGHT_AVERAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "lamina/nn/module.h"
#include "lamina/nn/optim/optimizer.h"
#include "lamina/nn/state_dict.h"

namespace lamina::nn::optim {

struct ExponentialMovingAverageOptions {
  double decay = 0.999;      // from 0 to below 1
  bool use_buffers = false;  // of a model: average its floating buffers, too
};

// As PyTorch's AveragedModel with an average of this kind: the first update takes the weights as
// they are, so that no bias is to be corrected; from then on average = decay average + (1 - decay)
// weight. Averages of float16 and bfloat16 weights are float32, or small differences would be lost
// in rounding.
//
// Holds handles on the weights, not the model.
class ExponentialMovingAverage {
 public:
  // Throw ValueError for a decay out of range, no weights, or ones that are undefined, not floating
  // or of the same name.
  explicit ExponentialMovingAverage(const Module& model,
                                    const ExponentialMovingAverageOptions& options = {});
  explicit ExponentialMovingAverage(Parameters weights,
                                    const ExponentialMovingAverageOptions& options = {});
  ExponentialMovingAverage(const ExponentialMovingAverage&) = delete;
  ExponentialMovingAverage& operator=(const ExponentialMovingAverage&) = delete;

  // Takes the present weights in. In place: memory does not grow. Throws RuntimeError while
  // averages are swapped in; before anything changes, ShapeError if a weight has got another shape,
  // and DTypeError if it is no longer floating.
  void update();
  int64_t update_count() const { return updates_; }

  // While it lives, the weights have the values of the averages; then they are what they were
  // before, whatever was written to them meanwhile; only one that a recorded operation has written
  // to stays. The average must outlive it.
  class [[nodiscard]] SwappedIn {
   public:
    SwappedIn(const SwappedIn&) = delete;
    SwappedIn& operator=(const SwappedIn&) = delete;
    ~SwappedIn();

   private:
    friend class ExponentialMovingAverage;
    explicit SwappedIn(ExponentialMovingAverage* average);
    ExponentialMovingAverage& average_;
    std::vector<NDArray> own_;  // the weights' values
  };
  // Throws RuntimeError if they are swapped in already, before the first update, and for a weight
  // that is no leaf. Gradients stay; what was computed before, or meanwhile, can no longer run
  // backward.
  SwappedIn swap_in() { return SwappedIn(this); }

  // The class's name, without a value; "updates", and "average.NAME" for each weight, which share
  // storage with the averages. The decay is the program's.
  StateDict state_dict() const;
  // Copies a state in. Throws RuntimeError that lists every problem, and then nothing has changed.
  void load_state_dict(const StateDict& state);

 private:
  struct Entry {
    std::string name;
    Tensor weight;
    NDArray average;
  };
  void add(std::string name, const Tensor& weight);
  void check_made() const;
  void check_weight(const Entry& entry) const;

  const ExponentialMovingAverageOptions options_;
  std::vector<Entry> entries_;
  int64_t updates_ = 0;
  bool is_swapped_in_ = false;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_WEIGHT_AVERAGE_H_
