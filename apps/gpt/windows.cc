#include "lamina/apps/gpt/windows.h"

#include <memory>
#include <utility>

namespace lamina::apps::gpt {

Windows::Windows(Tensor ids, int64_t block, int64_t stride)
    : ids_(std::move(ids)), block_(block), stride_(stride) {
  if (ids_.dim() != 1 || ids_.size(0) <= block) {
    fail<ShapeError>("Windows", "expected ids (n) with n above ", block, ", got ",
                     ids_.shape().str());
  }
}

nn::data::Sample Windows::get(int64_t index) const {
  return {ids_.narrow(0, index * stride_, block_), ids_.narrow(0, index * stride_ + 1, block_)};
}

double mean_loss(nn::Layer& model, const Tensor& ids, int64_t block) {
  const nn::ModeGuard mode(model);
  model.eval();
  const NoGradGuard no_grad;
  const int64_t targets = ids.size(0) - 1, blocks = targets / block;
  double sum = 0;
  const auto add = [&](const Tensor& x, const Tensor& y) {
    const Tensor loss = nn::functional::cross_entropy(
        model(x), y, {.weight = {}, .reduction = "none", .class_dim = 2});
    sum += loss.to(float64).sum().item<double>();
  };
  if (blocks > 0) {
    const auto windows = std::make_shared<Windows>(ids, block, block);
    nn::data::DataLoaderOptions options;
    options.batch_size = 64;
    nn::data::DataLoader loader(windows, options);
    for (const nn::data::Batch& batch : loader) add(batch.x, batch.y);
  }
  const int64_t rest = targets - blocks * block;
  if (rest > 0) {
    add(ids.narrow(0, blocks * block, rest).unsqueeze(0),
        ids.narrow(0, blocks * block + 1, rest).unsqueeze(0));
  }
  return sum / static_cast<double>(targets);
}

}  // namespace lamina::apps::gpt
