// epoch: one pass over the data, the simple door to training.
#ifndef LAMINA_NN_TRAIN_EPOCH_H_
#define LAMINA_NN_TRAIN_EPOCH_H_

#include <cstdint>
#include <functional>

#include "lamina/nn/data/data_loader.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/loss.h"
#include "lamina/nn/optim/optimizer.h"
#include "lamina/nn/train/metric.h"

namespace lamina::nn::train {

struct EpochResult {
  double loss;  // the average over the samples
  double
      error;  // the share of samples whose largest output is not at the label, or the metric's value
};

// Called after each batch with the number of samples so far.
using Progress = std::function<void(int64_t samples)>;

// Runs the model on every batch. With an optimizer it trains: training mode, and a step per batch.
// Without one it changes nothing: eval mode, no gradients. The module's mode is put back
// afterwards, also after an exception. Without a metric the model gives (n, classes), the labels
// are int64 (n); ShapeError or DTypeError otherwise, before the step. A metric (metric.h) begins
// anew. No samples give NaN for both.
EpochResult epoch(Layer& model, data::DataLoader& loader, Loss& loss,
                  optim::Optimizer* optimizer = nullptr, const Progress& progress = nullptr,
                  Metric* metric = nullptr);

}  // namespace lamina::nn::train

#endif  // LAMINA_NN_TRAIN_EPOCH_H_
