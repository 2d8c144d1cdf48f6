#include "lamina/apps/gpt/sampling.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::gpt {
namespace {

using test::kInf;
using test::kNan;
using ::testing::DoubleNear;
using ::testing::ElementsAre;

// Logits of the probabilities 0.1, 0.4, 0.2 and 0.3; an equal number in all does not matter.
Tensor logits() {
  std::vector<double> values;
  for (const double p : {0.1, 0.4, 0.2, 0.3}) values.push_back(std::log(p) + 7);
  return tensor(values, {4});
}

void expect_probabilities(const SamplingOptions& options, const std::vector<double>& expected) {
  const std::vector<double> got = probabilities(logits(), options);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << i;
}

TEST(Probabilities, AreThoseOfTheLogits) { expect_probabilities({}, {0.1, 0.4, 0.2, 0.3}); }

// p^(1 / temperature), of sum 1: the squares are 0.01, 0.16, 0.04 and 0.09, of sum 0.3.
TEST(Probabilities, GetFurtherApartBelowTemperatureOne) {
  SamplingOptions options;
  options.temperature = 0.5;
  expect_probabilities(options, {1. / 30, 16. / 30, 4. / 30, 9. / 30});
}

TEST(Probabilities, WithTemperatureZeroTakeTheFirstOfTheLargest) {
  SamplingOptions options;
  options.temperature = 0;
  expect_probabilities(options, {0, 1, 0, 0});
  EXPECT_THAT(probabilities(tensor({1.f, 3.f, 3.f}), options), ElementsAre(0, 1, 0));
}

TEST(Probabilities, OfTheTopK) {
  SamplingOptions options;
  options.top_k = 2;
  expect_probabilities(options, {0, 4. / 7, 0, 3. / 7});
  options.top_k = 9;
  expect_probabilities(options, {0.1, 0.4, 0.2, 0.3});
  options.top_k = 1;
  EXPECT_THAT(probabilities(tensor({3.f, 1.f, 3.f}), options), ElementsAre(1, 0, 0));
}

TEST(Probabilities, OfTheTopP) {
  SamplingOptions options;
  options.top_p = 0.39;
  expect_probabilities(options, {0, 1, 0, 0});
  options.top_p = 0.41;
  expect_probabilities(options, {0, 4. / 7, 0, 3. / 7});
  options.top_p = 0.71;
  expect_probabilities(options, {0, 4. / 9, 2. / 9, 3. / 9});
  options.top_p = 1e-9;
  expect_probabilities(options, {0, 1, 0, 0});
}

// Of the three that stay, 4/9 and 3/9 make 7/9 = 0.777...: were it of all, they would make 0.7.
TEST(Probabilities, TakeTheTopPOfWhatTheTopKLeave) {
  SamplingOptions options;
  options.top_k = 3;
  options.top_p = 0.77;
  expect_probabilities(options, {0, 4. / 7, 0, 3. / 7});
}

// The squares, of sum 0.3, are 0.533... and 0.3 for the first two: 0.8 needs both, as it would not
// without the temperature.
TEST(Probabilities, TakeTheTopPOfWhatTheTemperatureMakes) {
  SamplingOptions options;
  options.temperature = 0.5;
  options.top_p = 0.8;
  expect_probabilities(options, {0, 16. / 25, 0, 9. / 25});
}

TEST(Probabilities, OfLogitsAtTheEndsOfFloat32) {
  SamplingOptions options;
  EXPECT_THAT(probabilities(tensor({-kInf, 0., -kInf}), options), ElementsAre(0, 1, 0));
  EXPECT_THAT(probabilities(tensor({3e38f, -3e38f, 3e38f}), options),
              ElementsAre(DoubleNear(0.5, 1e-15), 0, DoubleNear(0.5, 1e-15)));
  options.temperature = 1e-300;
  EXPECT_THAT(probabilities(tensor({1.f, 2.f}), options), ElementsAre(0, 1));
}

TEST(Probabilities, RefuseOptionsOutOfRange) {
  const auto with = [](double temperature, int64_t top_k, double top_p) {
    SamplingOptions options;
    options.temperature = temperature;
    options.top_k = top_k;
    options.top_p = top_p;
    probabilities(logits(), options);
  };
  EXPECT_THROWS(ValueError, "[probabilities] expected a finite temperature of at least 0, got -1",
                with(-1, 0, 1));
  EXPECT_THROWS(ValueError, "temperature of at least 0, got nan", with(kNan, 0, 1));
  EXPECT_THROWS(ValueError, "temperature of at least 0, got inf", with(kInf, 0, 1));
  EXPECT_THROWS(ValueError, "expected a top_k of at least 0, got -1", with(1, -1, 1));
  EXPECT_THROWS(ValueError, "expected a top_p above 0 and up to 1, got 0", with(1, 0, 0));
  EXPECT_THROWS(ValueError, "expected a top_p above 0 and up to 1, got 1.5", with(1, 0, 1.5));
}

TEST(Probabilities, RefuseLogitsThatAreNone) {
  EXPECT_THROWS(ShapeError, "expected logits (tokens), at least one, got (1, 2)",
                probabilities(zeros({1, 2}), {}));
  EXPECT_THROWS(ShapeError, "at least one, got (0,)", probabilities(zeros({0}), {}));
  EXPECT_THROWS(ValueError, "expected logits that are numbers below infinity, got nan",
                probabilities(tensor({0., kNan}), {}));
  EXPECT_THROWS(ValueError, "expected logits that are numbers below infinity, got inf",
                probabilities(tensor({0., kInf}), {}));
  EXPECT_THROWS(ValueError, "expected a logit above -infinity, got none among 2",
                probabilities(tensor({-kInf, -kInf}), {}));
}

TEST(Draw, FollowsTheProbabilities) {
  Generator generator(3);
  const std::vector<double> p = {0.1, 0, 0.6, 0.3};
  constexpr int kDraws = 20000;
  std::vector<int> count(p.size());
  for (int i = 0; i < kDraws; ++i) ++count[static_cast<size_t>(draw(p, generator))];
  for (size_t i = 0; i < p.size(); ++i) {  // within five standard deviations
    EXPECT_NEAR(count[i], kDraws * p[i], 5 * std::sqrt(kDraws * p[i] * (1 - p[i]))) << i;
  }
}

TEST(Draw, TakesOneNumberOfTheGenerator) {
  Generator generator(3), other(3);
  EXPECT_EQ(draw({0, 1, 0}, generator), 1);
  random::uniform({1}, 0, 1, float64, other);
  EXPECT_EQ(generator.state().position, other.state().position);
}

TEST(Draw, FallsOnATokenThatCanComeWhateverRoundingHasLeft) {
  Generator generator(3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(draw({0, 1e-9, 0}, generator), 1);
}

}  // namespace
}  // namespace lamina::apps::gpt
