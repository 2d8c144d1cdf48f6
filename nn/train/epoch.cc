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
    for (const auto& [module, training] : modes_) module->train(training);  // parents before children
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

}  // namespace

EpochResult epoch(Layer& model, data::DataLoader& loader, Loss& loss, optim::Optimizer* optimizer,
                  const Progress& progress) {
  const ModeGuard mode(model);
  model.train(optimizer != nullptr);
  const GradModeGuard grad(optimizer != nullptr);

  double total_loss = 0;
  int64_t wrong = 0, samples = 0;
  for (const data::Batch& batch : loader) {
    const Tensor outputs = model(batch.x);
    const Tensor batch_loss = loss(outputs, batch.y);
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
