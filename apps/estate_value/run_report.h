// The HTML page about a training run: settings, curves, predicted against true prices, the scores, and the
// worst errors.
#ifndef LAMINA_APPS_ESTATE_VALUE_RUN_REPORT_H_
#define LAMINA_APPS_ESTATE_VALUE_RUN_REPORT_H_

#include <string>
#include <vector>

#include "lamina/apps/estate_value/encoder.h"
#include "lamina/apps/estate_value/price_metrics.h"
#include "lamina/apps/report/report.h"
#include "lamina/nn.h"

namespace lamina::apps::estate_value {

// The scores by name, as they are shown: {"MAE", "14,120"}, ...
std::vector<std::vector<std::string>> score_rows(const Encoder& encoder, const Scores& scores);

// `settings` are rows of a name and a value; predictions and prices (n) are those of the houses
// held out.
report::Report run_report(const std::vector<std::vector<std::string>>& settings,
                          const std::vector<nn::train::EpochRecord>& history,
                          const Encoder& encoder, const nn::data::Table& houses,
                          const Tensor& predictions, const Tensor& prices);

}  // namespace lamina::apps::estate_value

#endif  // LAMINA_APPS_ESTATE_VALUE_RUN_REPORT_H_
