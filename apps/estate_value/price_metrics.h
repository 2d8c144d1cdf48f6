// How good predicted prices are, in the data's own units.
#ifndef LAMINA_APPS_ESTATE_VALUE_PRICE_METRICS_H_
#define LAMINA_APPS_ESTATE_VALUE_PRICE_METRICS_H_

#include <memory>

#include "lamina/apps/estate_value/encoder.h"
#include "lamina/nn.h"

namespace lamina::apps::estate_value {

// Another metric of regression, of prices: the mean of the networks' outputs (n, networks) and the targets
// (n, 1), both as the encoder takes them back.
class PriceMetric : public nn::train::Metric {
 public:
  // The encoder must outlive it.
  PriceMetric(const Encoder& encoder, std::unique_ptr<nn::train::Metric> metric);
  double value() const override;

 private:
  void add(const Tensor& outputs, const Tensor& targets) override;
  const Encoder& encoder_;
  const std::unique_ptr<nn::train::Metric> metric_;
};

struct Scores {
  double mae, rmse, r2;     // of prices
  double standardised_mse;  // of what the network learns: its loss, of the mean of the networks
  double standardised_r2;   // with log_price, that of the logarithm of the price
};

// Of predictions and prices, both (n).
Scores score(const Encoder& encoder, const Tensor& predictions, const Tensor& prices);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_PRICE_METRICS_H_
