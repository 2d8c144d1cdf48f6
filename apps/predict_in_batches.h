// What a model gives for many samples.
#ifndef LAMINA_APPS_PREDICT_IN_BATCHES_H_
#define LAMINA_APPS_PREDICT_IN_BATCHES_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lamina/nn.h"

namespace lamina::apps {

// model(x) for x (n, ...), n at least 1: in eval mode, without a history, and in batches, so that
// memory holds what is in between for a thousand samples only.
inline Tensor predict_in_batches(nn::Layer& model, const Tensor& x) {
  constexpr int64_t kBatch = 1000;
  const nn::ModeGuard mode(model);
  model.eval();
  const NoGradGuard no_grad;
  std::vector<Tensor> parts;
  for (int64_t first = 0; first < x.size(0); first += kBatch) {
    parts.push_back(model(x.narrow(0, first, std::min(kBatch, x.size(0) - first))));
  }
  return cat(parts, 0);
}

}  // namespace lamina::apps

#endif  // LAMINA_APPS_PREDICT_IN_BATCHES_H_
