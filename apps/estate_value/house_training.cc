#include "lamina/apps/estate_value/house_training.h"

#include <algorithm>
#include <memory>

#include "lamina/apps/warmup_cosine.h"

namespace lamina::apps::estate_value {
namespace {

nn::optim::AdamWOptions adamw_options(const TrainingSettings& settings) {
  nn::optim::AdamWOptions options;
  options.lr = settings.learning_rate;
  options.weight_decay = settings.weight_decay;
  return options;
}

// The share of the learning rate that a step takes, of `steps`.
nn::optim::LRLambda share_at(int64_t steps) {
  const double warmup = std::max(1.0, static_cast<double>(steps) / 20);
  return [steps, warmup](int64_t step) { return warmup_cosine(step, warmup, steps, 0); };
}

int64_t steps_of(const TrainingSettings& settings, int64_t houses) {
  return settings.epochs * ((houses + settings.batch_size - 1) / settings.batch_size);
}

}  // namespace

absl::StatusOr<EncodedHouses> encode(const Encoder& encoder, const nn::data::Table& houses) {
  const absl::StatusOr<Tensor> x = encoder.features(houses);
  if (!x.ok()) return x.status();
  const absl::StatusOr<Tensor> prices = encoder.prices_in(houses);
  if (!prices.ok()) return prices.status();
  return EncodedHouses{*x, encoder.targets(*prices).to(float32).unsqueeze(1), *prices};
}

HouseTraining::HouseTraining(HouseModel& model, const Encoder& encoder,
                             const TrainingSettings& settings, int64_t houses)
    : optimizer_(model.parameters(), adamw_options(settings)),
      schedule_(optimizer_, share_at(steps_of(settings, houses))),
      schedule_callback_(schedule_, nn::train::LearningRateSchedule::Every::kStep),
      mae_(encoder, std::make_unique<nn::train::MeanAbsoluteError>()),
      rmse_(encoder, std::make_unique<nn::train::RootMeanSquaredError>()),
      r2_(encoder, std::make_unique<nn::train::R2Score>()),
      trainer_(model, loss_, optimizer_, {.epochs = settings.epochs}) {
  trainer_.add(mae_).add(rmse_).add(r2_).add(schedule_callback_);
}

nn::data::DataLoader training_loader(const EncodedHouses& houses,
                                     const TrainingSettings& settings) {
  nn::data::DataLoaderOptions options;
  options.batch_size = settings.batch_size;
  options.shuffle = true;
  options.seed = settings.seed;
  return nn::data::DataLoader(houses.x, houses.targets, options);
}

}  // namespace lamina::apps::estate_value
