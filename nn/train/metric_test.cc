#include "lamina/nn/train/metric.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::train {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor labels(const std::vector<int64_t>& values) {
  return tensor(values, {static_cast<int64_t>(values.size())});
}

// Five samples of three classes, whose largest scores are at 0, 2, 1, 1, 2.
Tensor five_scores() {
  return tensor({3., 1., 2., 0., 1., 4., 1., 5., 3., 2., 3., 1., 0., 1., 2.}, {5, 3});
}
Tensor five_labels() { return labels({0, 2, 2, 1, 0}); }

TEST(Accuracy, CountsSamplesNotBatches) {
  Accuracy accuracy;
  EXPECT_TRUE(std::isnan(accuracy.value()));
  accuracy.update(five_scores().narrow(0, 0, 3), five_labels().narrow(0, 0, 3));
  EXPECT_DOUBLE_EQ(accuracy.value(), 2. / 3);
  accuracy.update(five_scores().narrow(0, 3, 2), five_labels().narrow(0, 3, 2));
  EXPECT_DOUBLE_EQ(accuracy.value(), 3. / 5);
  accuracy.reset();
  EXPECT_TRUE(std::isnan(accuracy.value()));
}

TEST(Accuracy, OfSeveralLabelsPerSample) {
  Accuracy accuracy;  // (n, classes, positions)
  accuracy.update(tensor({1., 0., 0., 2., 3., 1.}, {1, 2, 3}),
                  tensor({int64_t{0}, int64_t{1}, int64_t{1}}, {1, 3}));
  EXPECT_DOUBLE_EQ(accuracy.value(),
                   2. / 3);  // 1 > ... by column: (1,2) -> 1, (0,3) -> 1, (0,1) -> 1
}

TEST(TopKAccuracy, CountsTheScoresAboveTheLabels) {
  for (const auto& [k, right] : {std::pair{1, 3.}, {2, 4.}, {3, 5.}}) {
    TopKAccuracy top(k);
    top.update(five_scores(), five_labels());
    EXPECT_DOUBLE_EQ(top.value(), right / 5) << k;
  }
  EXPECT_EQ(TopKAccuracy(2).name(), "top_2_accuracy");
}

TEST(TopKAccuracy, TakesNoScoreForGoodThatIsNoNumber) {
  TopKAccuracy top(1);
  top.update(tensor({kNaN, 1., kInfinity, 1., 1., 1.}, {3, 2}), labels({0, 0, 1}));
  EXPECT_DOUBLE_EQ(top.value(), 1. / 3);  // a tie is no score above
}

TEST(ConfusionMatrix, HasLabelsInRowsAndAnswersInColumns) {
  ConfusionMatrix confusion(3);
  EXPECT_TRUE(std::isnan(confusion.value()));
  confusion.update(five_scores(), five_labels());
  EXPECT_THAT(confusion.matrix().to_vector<int64_t>(), ElementsAre(1, 0, 1, 0, 1, 0, 0, 1, 1));
  EXPECT_THAT(confusion.precision(), ElementsAre(1, 0.5, 0.5));
  EXPECT_THAT(confusion.recall(), ElementsAre(0.5, 1, 0.5));
  const double f1 = 2. / 3;
  EXPECT_THAT(confusion.f1(), ElementsAre(DoubleNear(f1, 1e-15), DoubleNear(f1, 1e-15), 0.5));
  EXPECT_DOUBLE_EQ(confusion.value(), 3. / 5);
}

TEST(ConfusionMatrix, AClassThatIsNowhereCountsAsZero) {
  ConfusionMatrix confusion(4);
  confusion.update(tensor({1., 0., 0., 0.}, {1, 4}), labels({0}));
  EXPECT_THAT(confusion.precision(), ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(confusion.recall(), ElementsAre(1, 0, 0, 0));
  EXPECT_DOUBLE_EQ(confusion.value(), 1);
}

TEST(PrecisionRecallAndF1, AreMeansOverClasses) {
  Precision precision(3);
  Recall recall(3);
  F1Score f1(3);
  EXPECT_TRUE(std::isnan(f1.value()));
  f1.update(five_scores(), five_labels());
  EXPECT_DOUBLE_EQ(f1.value(), (2. / 3 + 2. / 3 + 0.5) / 3);
  precision.update(five_scores(), five_labels());
  recall.update(five_scores(), five_labels());
  EXPECT_DOUBLE_EQ(precision.value(), 2. / 3);
  EXPECT_DOUBLE_EQ(recall.value(), 2. / 3);
}

TEST(Perplexity, OfEvenOddsIsTheNumberOfClasses) {
  Perplexity perplexity;
  perplexity.update(zeros({2, 7}, float64), labels({3, 6}));
  EXPECT_NEAR(perplexity.value(), 7, 1e-13);
}

TEST(Perplexity, PassesOverLabelsThatDoNotCount) {
  Perplexity perplexity;
  // Probabilities 3/4 and 1/4 of the first two labels: the root of 4/3 times 4.
  const double l = std::log(3.0);
  perplexity.update(tensor({l, 0., l, 0., 9., 0.}, {3, 2}), labels({0, 1, -100}));
  EXPECT_NEAR(perplexity.value(), std::sqrt(16.0 / 3), 1e-14);
}

TEST(Regression, ComparesWithHandArithmetic) {
  MeanAbsoluteError mae;
  RootMeanSquaredError rmse;
  R2Score r2;
  // Targets 1, 2, 3, 6 with mean 3 and spread 4 + 1 + 0 + 9 = 14; errors 1, 0, -2, 1.
  const Tensor y = tensor({2., 2., 1., 7.}, {4}), t = tensor({1., 2., 3., 6.}, {4});
  for (Metric* metric :
       {static_cast<Metric*>(&mae), static_cast<Metric*>(&rmse), static_cast<Metric*>(&r2)}) {
    EXPECT_TRUE(std::isnan(metric->value())) << metric->name();
    metric->update(y.narrow(0, 0, 1), t.narrow(0, 0, 1));
    metric->update(y.narrow(0, 1, 3), t.narrow(0, 1, 3));
    metric->update(y.narrow(0, 0, 0), t.narrow(0, 0, 0));
  }
  EXPECT_DOUBLE_EQ(mae.value(), 1);
  EXPECT_DOUBLE_EQ(rmse.value(), std::sqrt(1.5));
  EXPECT_NEAR(r2.value(), 1 - 6. / 14, 1e-15);
}

TEST(R2Score, KeepsItsDigitsFarFromZero) {
  R2Score r2;
  const Tensor t = tensor({1., 2., 3., 6.}, {4}) + 1e9, y = tensor({2., 2., 1., 7.}, {4}) + 1e9;
  for (int64_t i = 0; i < 4; ++i) r2.update(y.narrow(0, i, 1), t.narrow(0, i, 1));
  EXPECT_NEAR(r2.value(), 1 - 6. / 14, 1e-6);
}

TEST(R2Score, OfTargetsThatAreAllTheSame) {
  R2Score r2;
  r2.update(ones(3, float64), ones(3, float64));
  EXPECT_EQ(r2.value(), 1);
  r2.update(zeros(1, float64), ones(1, float64));
  EXPECT_EQ(r2.value(), 0);
}

TEST(Regression, OfFloat32IsAddedUpInFloat64) {
  MeanAbsoluteError mae;
  mae.update(full({1 << 20}, 0.1f), zeros(1 << 20));
  EXPECT_NEAR(mae.value(), 0.1f, 1e-12);
}

TEST(Average, WeighsBatchesByTheirSamples) {
  Average average("sum", [](const Tensor& y, const Tensor&) { return y.sum().item<double>(); });
  average.update(ones({1, 5}, float64), zeros(1));
  average.update(ones({3, 5}, float64), zeros(3));
  average.update(ones({0, 5}, float64), zeros(0));
  EXPECT_DOUBLE_EQ(average.value(), (1 * 5 + 3 * 15) / 4.0);
}

TEST(Metric, RecordsNoHistory) {
  bool recorded = true;
  Average average("probe", [&](const Tensor& y, const Tensor&) {
    recorded = (y * 2).requires_grad();
    return 0.0;
  });
  Tensor y = ones({1}, float64);
  y.requires_grad_();
  average.update(y, y);
  EXPECT_FALSE(recorded);
}

TEST(Metric, GoesOnFromItsSums) {
  Accuracy whole, first, second;
  whole.update(five_scores(), five_labels());
  first.update(five_scores().narrow(0, 0, 2), five_labels().narrow(0, 0, 2));
  second.set_sums(first.sums());
  second.update(five_scores().narrow(0, 2, 3), five_labels().narrow(0, 2, 3));
  EXPECT_EQ(second.value(), whole.value());
  EXPECT_THROWS(ValueError, "[accuracy] expected 2 sums, got 1", second.set_sums({1}));
}

// ---- Misuse: nothing is counted

TEST(Metric, RefusesWhatDoesNotFit) {
  Accuracy accuracy;
  ConfusionMatrix confusion(4);
  R2Score r2;
  EXPECT_THROWS(
      ShapeError,
      "[accuracy] expected outputs (n, classes, ...) and labels (n, ...), got (5, 3) and (5, 1)",
      accuracy.update(five_scores(), five_labels().unsqueeze(1)));
  EXPECT_THROWS(ShapeError, "got (5,) and (5,)", accuracy.update(ones(5), five_labels()));
  EXPECT_THROWS(DTypeError, "[accuracy] expected labels of dtype int64, got float32",
                accuracy.update(five_scores(), ones(5)));
  EXPECT_THROWS(IndexError, "[accuracy] expected labels in [0, 3), got 3 at position 1",
                accuracy.update(five_scores(), labels({0, 3, 1, 1, 1})));
  EXPECT_THROWS(IndexError, "[top_1_accuracy] expected labels in [0, 3), got -1 at position 0",
                TopKAccuracy(1).update(five_scores(), labels({-1, 3, 1, 1, 1})));
  EXPECT_THROWS(ShapeError, "[confusion_matrix] expected outputs (n, 4, ...), got (5, 3)",
                confusion.update(five_scores(), five_labels()));
  EXPECT_THROWS(ShapeError, "[r2] expected outputs and targets of one shape, got (3, 1) and (3,)",
                r2.update(ones({3, 1}), ones(3)));
  EXPECT_THROWS(DTypeError, "[r2] expected floating outputs and targets, got float32 and int64",
                r2.update(ones(3), labels({1, 2, 3})));
  EXPECT_THROWS(RuntimeError, "[r2] expected a defined array", r2.update(Tensor(), ones(3)));
  EXPECT_THROWS(
      ShapeError, "[x] expected outputs (n, ...), got ()",
      Average("x", [](const Tensor&, const Tensor&) { return 1.0; }).update(ones({}), ones({})));
  EXPECT_TRUE(std::isnan(accuracy.value()) && std::isnan(confusion.value()) &&
              std::isnan(r2.value()));
}

TEST(Metric, RefusesImpossibleSettings) {
  EXPECT_THROWS(ValueError, "[TopKAccuracy] expected k of at least 1, got 0", TopKAccuracy(0));
  EXPECT_THROWS(ValueError, "[ConfusionMatrix] expected 2 to 10000 classes, got 1",
                ConfusionMatrix(1));
  EXPECT_THROWS(ValueError, "[Average] expected a function, got none", Average("x", nullptr));
}

}  // namespace
}  // namespace lamina::nn::train
