#include "lamina/nn/train/epoch.h"

#include <utility>
#include <vector>

namespace lamina::nn::train {

namespace {

// Puts the mode of each module back, also where a child's differs from its parent's.
class ModeGuard {
 public:
  explicit ModeGuard(Module& module) { remember(module); }
  ~ModeGuard() {
    for (const auto& [module, training] : modes_)
      module->train(training);  // parents before children
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  void remember(Module& module) {
    modes_.emplace_back(&module, module.is_training());
    for (const auto& child : module.named_children()) remember(*child.second);
  }
  std::vector<std::pair<Module*, bool>> modes_;
};

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
                  const Progress& progress) {
  const ModeGuard mode(model);
  model.train(optimizer != nullptr);
  const GradModeGuard grad(optimizer != nullptr);

  data::DataLoader copy = loader;  // to evaluate without moving the shuffling of the loader on

  double total_loss = 0;
  int64_t wrong = 0, samples = 0;
  for (const data::Batch& batch : optimizer != nullptr ? loader : copy) {
    const Tensor outputs = model(batch.x);
    const Tensor batch_loss = loss(outputs, batch.y);
    check_classes(outputs, batch.y);
    if (optimizer != nullptr) {
      optimizer->zero_grad();
      batch_loss.backward();
      optimizer->step();
    }
    total_loss += batch_loss.item<double>() * static_cast<double>(batch.size());
    wrong += outputs.argmax(1).ne(batch.y).sum().item<int64_t>();
    samples += batch.size();
    if (progress) progress(samples);
  }
  const auto count = static_cast<double>(samples);
  return {total_loss / count, static_cast<double>(wrong) / count};
}

}  // namespace lamina::nn::train
