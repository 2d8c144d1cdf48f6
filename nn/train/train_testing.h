// A small problem for tests of training.
#ifndef LAMINA_NN_TRAIN_TRAIN_TESTING_H_
#define LAMINA_NN_TRAIN_TRAIN_TESTING_H_

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nn.h"

namespace lamina::nn::train::testing {

// 22 points of the plane and the side of a line on which each lies, in float64. Batches of 4 leave one
// of 2.
inline data::DataLoader points(int64_t batch_size = 4, bool shuffle = true) {
  Generator generator(7);
  const Tensor x = random::normal({22, 2}, 0, 1, float64, generator);
  const Tensor y = (x.select(1, 0) + x.select(1, 1) * 0.5).gt(0.1).to(int64);
  return data::DataLoader(x, y, {.batch_size = batch_size, .shuffle = shuffle, .seed = 3});
}

// Linear(2, 5), Tanh, Dropout, Linear(5, 2) in float64, from the same weights each time; moves
// default_generator(), from which the dropout draws.
inline Sequential small_net(double dropout = 0) {
  manual_seed(5);
  Sequential net{Linear(2, 5), Tanh(), Dropout(dropout), Linear(5, 2)};
  net.to(float64);
  return net;
}

// A model with all that trains it.
struct Training {
  explicit Training(TrainerOptions options, int64_t batch_size = 4, double dropout = 0)
      : net(small_net(dropout)),
        adamw(net.parameters(), {.lr = 0.05}),
        loader(points(batch_size)),
        trainer(net, loss, adamw, options) {}
  Sequential net;
  CrossEntropyLoss loss;
  optim::AdamW adamw;
  data::DataLoader loader;
  Trainer trainer;
};

// Calls a function at one event.
struct AtStep : Callback {
  AtStep(int64_t step, std::function<void(Trainer&)> function)
      : step(step), function(std::move(function)) {}
  void on_step(Trainer& trainer) override {
    if (trainer.step() == step) function(trainer);
  }
  const int64_t step;
  const std::function<void(Trainer&)> function;
};

// A callback with a state, which it refuses below 0.
struct Picky : Callback {
  StateDict state_dict() const override { return {{"number", tensor({number}, {1})}}; }
  void load_state_dict(const StateDict& state) override {
    const double value = state.at("number").item<double>();
    if (value < 0) throw std::runtime_error("negative");
    number = value;
  }
  double number = 1;
};

// Gives these numbers one after another, one per epoch if there is one batch.
class Script : public Metric {
 public:
  explicit Script(std::vector<double> values, bool higher_is_better = true)
      : Metric("script", higher_is_better, 0), values_(std::move(values)) {}
  double value() const override { return values_.at(next_++); }

 private:
  void add(const Tensor&, const Tensor&) override {}
  const std::vector<double> values_;
  mutable size_t next_ = 0;
};

// All values of a model, to compare bit for bit.
inline std::vector<double> values_of(const Module& model) {
  std::vector<double> all;
  for (const Tensor& parameter : model.parameters()) {
    for (const double value : parameter.to(float64).to_vector<double>()) all.push_back(value);
  }
  return all;
}

}  // namespace lamina::nn::train::testing

#endif  // LAMINA_NN_TRAIN_TRAIN_TESTING_H_
