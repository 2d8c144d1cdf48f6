// How a HouseModel is trained: AdamW, whose rate rises over the first twentieth of all steps and falls to 0
// along half a cosine, on the mean squared error of standardised prices.
#ifndef LAMINA_APPS_ESTATE_VALUE_HOUSE_TRAINING_H_
#define LAMINA_APPS_ESTATE_VALUE_HOUSE_TRAINING_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "lamina/apps/estate_value/encoder.h"
#include "lamina/apps/estate_value/house_model.h"
#include "lamina/apps/estate_value/price_metrics.h"
#include "lamina/apps/estate_value/settings.h"
#include "lamina/nn.h"

namespace lamina::apps::estate_value {

// Houses as a network takes them.
struct EncodedHouses {
  Tensor x;        // float32 (n, width)
  Tensor targets;  // float32 (n, 1)
  Tensor prices;   // float64 (n)
};

absl::StatusOr<EncodedHouses> encode(const Encoder& encoder, const nn::data::Table& houses);

class HouseTraining {
 public:
  // Of a model on that many houses. Model and encoder must outlive it.
  HouseTraining(HouseModel& model, const Encoder& encoder, const TrainingSettings& settings,
                int64_t houses);
  HouseTraining(const HouseTraining&) = delete;
  HouseTraining& operator=(const HouseTraining&) = delete;

  // With the metrics mae, rmse and r2 of prices.
  nn::train::Trainer& trainer() { return trainer_; }

 private:
  NetworksLoss loss_;
  nn::optim::AdamW optimizer_;
  nn::optim::LambdaLR schedule_;
  nn::train::LearningRateSchedule schedule_callback_;
  PriceMetric mae_, rmse_, r2_;
  nn::train::Trainer trainer_;
};

nn::data::DataLoader training_loader(const EncodedHouses& houses, const TrainingSettings& settings);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_HOUSE_TRAINING_H_
