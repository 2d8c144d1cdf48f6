#include "lamina/apps/estate_value/run_report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lamina::apps::estate_value {
namespace {

constexpr size_t kWorst = 20, kShownColumns = 6;

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  double n = 0, sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i])) continue;
    ++n;
    sum_a += a[i];
    sum_b += b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    ab += a[i] * b[i];
  }
  const double variances = (aa - sum_a * sum_a / n) * (bb - sum_b * sum_b / n);
  return n > 1 && variances > 0 ? (ab - sum_a * sum_b / n) / std::sqrt(variances) : 0;
}

// The columns of numbers that go most with the price, which explain the most about a house.
std::vector<const nn::data::Column*> telling_columns(const nn::data::Table& houses,
                                                     const Encoder& encoder,
                                                     const std::vector<double>& prices) {
  std::vector<std::pair<double, const nn::data::Column*>> ranked;
  for (const NumberColumn& number : encoder.number_columns()) {
    const nn::data::Column* column = *houses.column(number.name);
    ranked.emplace_back(-std::abs(correlation(column->values.to_vector<double>(), prices)), column);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const nn::data::Column*> columns;
  for (const auto& [rank, column] : ranked) {
    if (columns.size() < kShownColumns) columns.push_back(column);
  }
  return columns;
}

// An amount of money, in whatever unit: 215,000 or 12.50 or 0.001234.
std::string amount(double value) {
  const double size = std::abs(value);
  if (size >= 1e15 || (size < 1 && size > 0)) return absl::StrFormat("%.4g", value);
  return size >= 10000 ? nn::with_commas(std::llround(value)) : absl::StrFormat("%.2f", value);
}

void add_worst_errors(const nn::data::Table& houses, const Encoder& encoder,
                      const std::vector<double>& predicted, const std::vector<double>& prices,
                      report::Report* report) {
  std::vector<size_t> order(prices.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::abs(predicted[a] - prices[a]) > std::abs(predicted[b] - prices[b]);
  });
  order.resize(std::min(order.size(), kWorst));
  const std::vector<const nn::data::Column*> columns = telling_columns(houses, encoder, prices);
  std::vector<std::string> header = {"error", "predicted", encoder.target()};
  for (const nn::data::Column* column : columns) header.push_back(column->name);
  std::vector<std::vector<std::string>> rows;
  for (const size_t i : order) {
    rows.push_back({amount(predicted[i] - prices[i]), amount(predicted[i]), amount(prices[i])});
    for (const nn::data::Column* column : columns) {
      const auto value = column->values.select(0, static_cast<int64_t>(i)).item<double>();
      rows.back().push_back(std::isnan(value) ? "" : absl::StrFormat("%.7g", value));
    }
  }
  report->add_table("The worst errors", header, rows);
}

}  // namespace

std::vector<std::vector<std::string>> score_rows(const Encoder& encoder, const Scores& scores) {
  std::vector<std::vector<std::string>> rows = {{"MAE", amount(scores.mae)},
                                                {"RMSE", amount(scores.rmse)},
                                                {"R2", absl::StrFormat("%.4f", scores.r2)}};
  const char* learnt = encoder.log_price() ? "logarithm of the price" : "price";
  if (encoder.log_price()) {
    rows.push_back(
        {absl::StrCat("R2 of the ", learnt), absl::StrFormat("%.4f", scores.standardised_r2)});
  }
  rows.push_back({absl::StrCat("MSE of the standardised ", learnt),
                  absl::StrFormat("%.6f", scores.standardised_mse)});
  return rows;
}

report::Report run_report(const std::vector<std::vector<std::string>>& settings,
                          const std::vector<nn::train::EpochRecord>& history,
                          const Encoder& encoder, const nn::data::Table& houses,
                          const Tensor& predictions, const Tensor& prices) {
  report::Report report(absl::StrCat("House prices: ", encoder.target()));
  report.add_table("Settings", {"setting", "value"}, settings);
  report.add_table("Houses that were held out", {"score", "value"},
                   score_rows(encoder, score(encoder, predictions, prices)));
  const std::vector<double> predicted = encoder.prices(predictions).to_vector<double>();
  const std::vector<double> true_prices = prices.to_vector<double>();
  report::ChartOptions options;
  options.x_label = "true price";
  options.y_label = "predicted price";
  options.points = true;
  options.diagonal = true;
  report.add_chart("Predicted against true prices", {{"houses held out", true_prices, predicted}},
                   options);
  report.add_training(history);
  add_worst_errors(houses, encoder, predicted, true_prices, &report);
  return report;
}

}  // namespace lamina::apps::estate_value
