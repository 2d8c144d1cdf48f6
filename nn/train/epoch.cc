#include "lamina/nn/train/epoch.h"

#include "lamina/nn/module.h"

namespace lamina::nn::train {
namespace {

// Other shapes would broadcast, and count nonsense as errors.
void check_classes(const Tensor& outputs, const Tensor& labels) {
  if (outputs.dim() != 2 || labels.shape() != Shape{outputs.size(0)}) {
    fail<ShapeError>("epoch", "expected outputs (n, classes) and labels (n), got ",
                     outputs.shape().str(), " and ", labels.shape().str());
  }
  if (labels.dtype() != int64) {
    fail<DTypeError>("epoch", "expected labels of dtype int64, got ", name_of(labels.dtype()));
  }
}

}  // namespace

EpochResult epoch(Layer& model, data::DataLoader& loader, Loss& loss, optim::Optimizer* optimizer,
                  const Progress& progress, Metric* metric) {
  const ModeGuard mode(model);
  model.train(optimizer != nullptr);
  const GradModeGuard grad(optimizer != nullptr);

  data::DataLoader copy = loader;  // to evaluate without moving the shuffling of the loader on
  copy.rewind();                   // and all of it

  if (metric != nullptr) metric->reset();
  double total_loss = 0, total_error = 0;
  int64_t samples = 0;
  for (const data::Batch& batch : optimizer != nullptr ? loader : copy) {
    const Tensor outputs = model(batch.x);
    const Tensor batch_loss = loss(outputs, batch.y);
    if (metric == nullptr) {
      check_classes(outputs, batch.y);
    } else {
      metric->update(outputs, batch.y);
    }
    if (optimizer != nullptr) {
      optimizer->zero_grad();
      batch_loss.backward();
      optimizer->step();
    }
    const NoGradGuard no_grad;
    const auto size = static_cast<double>(batch.size());
    total_loss += batch_loss.item<double>() * size;
    if (metric == nullptr) total_error += outputs.argmax(1).ne(batch.y).sum().item<double>();
    samples += batch.size();
    if (progress) progress(samples);
  }
  const auto count = static_cast<double>(samples);
  return {total_loss / count, metric == nullptr ? total_error / count : metric->value()};
}

}  // namespace lamina::nn::train
