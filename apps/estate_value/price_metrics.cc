#include "lamina/apps/estate_value/price_metrics.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lamina::apps::estate_value {

PriceMetric::PriceMetric(const Encoder& encoder, std::unique_ptr<nn::train::Metric> metric)
    : Metric(metric->name(), metric->higher_is_better(),
             static_cast<int64_t>(metric->sums().size())),
      encoder_(encoder),
      metric_(std::move(metric)) {}

double PriceMetric::value() const {
  metric_->set_sums(sums());
  return metric_->value();
}

void PriceMetric::add(const Tensor& outputs, const Tensor& targets) {
  metric_->set_sums(sums());
  metric_->update(encoder_.prices(outputs.to(float64).mean(1)),
                  encoder_.prices(targets.select(1, 0)));
  const std::vector<double>& updated = metric_->sums();
  for (size_t i = 0; i < updated.size(); ++i) sum(static_cast<int64_t>(i)) = updated[i];
}

Scores score(const Encoder& encoder, const Tensor& predictions, const Tensor& prices) {
  nn::train::MeanAbsoluteError mae;
  nn::train::RootMeanSquaredError rmse;
  nn::train::R2Score r2, standardised_r2;
  mae.update(encoder.prices(predictions), prices);
  rmse.update(encoder.prices(predictions), prices);
  r2.update(encoder.prices(predictions), prices);
  const Tensor targets = encoder.targets(prices);
  standardised_r2.update(predictions, targets);
  return {mae.value(), rmse.value(), r2.value(),
          (predictions - targets).square().mean().item<double>(), standardised_r2.value()};
}

}  // namespace lamina::apps::estate_value
