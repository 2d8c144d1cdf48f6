#include "circle.h"

#include <cstdint>
#include <vector>

#include "lamina/nn.h"
#include "tensor/shape.h"

namespace downstream {

Learned learn_circle(const Settings& settings) {
  namespace nn = lamina::nn;
  const Shape circle{0.7f};
  constexpr int kSide = 24;
  std::vector<float> points;
  std::vector<int64_t> labels;
  for (int i = 0; i < kSide * kSide; ++i) {
    const float x = 2.0f * (i / kSide) / (kSide - 1) - 1;
    const float y = 2.0f * (i % kSide) / (kSide - 1) - 1;
    points.insert(points.end(), {x, y});
    labels.push_back(circle.contains(x, y));
  }

  lamina::manual_seed(1);
  nn::Sequential model{nn::Linear(2, settings.hidden()), nn::ReLU(),
                       nn::Linear(settings.hidden(), 2)};
  nn::CrossEntropyLoss loss;
  nn::optim::SGD optimizer(model.parameters(), {settings.learning_rate()});
  nn::data::DataLoaderOptions options;
  options.batch_size = 32;
  options.shuffle = true;
  nn::data::DataLoader loader(lamina::tensor(points, {kSide * kSide, 2}),
                              lamina::tensor(labels, {kSide * kSide}), options);

  Learned learned{};
  for (int epoch = 0; epoch < settings.epochs(); ++epoch) {
    const nn::train::EpochResult result = nn::train::epoch(model, loader, loss, &optimizer);
    if (epoch == 0) learned.first_loss = result.loss;
  }
  const nn::train::EpochResult result = nn::train::epoch(model, loader, loss);
  learned.last_loss = result.loss;
  learned.error = result.error;
  return learned;
}

}  // namespace downstream
