#include "circle.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "lamina/serialization.h"
#include "tensor/shape.h"

namespace downstream {
namespace {

namespace nn = lamina::nn;

nn::Sequential make_model(const Settings& settings) {
  return nn::Sequential{nn::Linear(2, settings.hidden()), nn::ReLU(),
                        nn::Linear(settings.hidden(), 2)};
}

nn::data::DataLoader make_loader() {
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
  nn::data::DataLoaderOptions options;
  options.batch_size = 32;
  options.shuffle = true;
  return nn::data::DataLoader(lamina::tensor(points, {kSide * kSide, 2}),
                              lamina::tensor(labels, {kSide * kSide}), options);
}

}  // namespace

absl::StatusOr<Learned> learn_circle(const Settings& settings, const std::string& path) {
  lamina::manual_seed(1);
  nn::Sequential model = make_model(settings);
  nn::CrossEntropyLoss loss;
  nn::optim::SGD optimizer(model.parameters(), {settings.learning_rate()});
  nn::data::DataLoader loader = make_loader();

  Learned learned{};
  for (int epoch = 0; epoch < settings.epochs(); ++epoch) {
    const nn::train::EpochResult result = nn::train::epoch(model, loader, loss, &optimizer);
    if (epoch == 0) learned.first_loss = result.loss;
  }
  const nn::train::EpochResult result = nn::train::epoch(model, loader, loss);
  learned.last_loss = result.loss;
  learned.error = result.error;
  const absl::Status saved = lamina::save_model(path, model);
  if (!saved.ok()) return saved;
  return learned;
}

absl::StatusOr<double> error_of_circle(const Settings& settings, const std::string& path) {
  nn::Sequential model = make_model(settings);
  const absl::Status loaded = lamina::load_model(path, model);
  if (!loaded.ok()) return loaded;
  nn::data::DataLoader loader = make_loader();
  nn::CrossEntropyLoss loss;
  return nn::train::epoch(model, loader, loss).error;
}

}  // namespace downstream
