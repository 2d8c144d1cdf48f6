#include "lamina/nn/loss.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::FloatEq;
using ::testing::Pointwise;

// (7 e mod 11) / 4 - 1 at element e: the problem whose solutions PyTorch printed.
Tensor logits(const Shape& shape) {
  std::vector<double> values(shape.numel());
  for (size_t e = 0; e < values.size(); ++e) values[e] = static_cast<double>(7 * e % 11) * 0.25 - 1;
  return tensor(values, shape).requires_grad_();
}
Tensor labels(const std::vector<int64_t>& values, const Shape& shape) {
  return tensor(values, shape);
}

void expect_loss(const Tensor& x, const Tensor& y, const CrossEntropyLossOptions& options,
                 double loss, const std::vector<double>& gradient) {
  CrossEntropyLoss criterion(options);
  const Tensor result = criterion(x, y);
  EXPECT_EQ(result.shape(), Shape());
  EXPECT_NEAR(result.item<double>(), loss, 1e-14);
  result.backward();
  EXPECT_THAT(x.grad().to_vector<double>(), Pointwise(DoubleNear(1e-15), gradient));
}

// ---- Values: F.cross_entropy and its gradient in PyTorch 1.13, float64

TEST(CrossEntropyLoss, OfOneSampleIsAsPyTorchs) {
  expect_loss(logits(5), labels({3}, {}), {}, 0.7400808300847904,
              {0.03916072960596075, 0.22535443938479857, 0.08290326522638337, -0.5229246480786414,
               0.1755062138614986});
}

TEST(CrossEntropyLoss, OfRowsIsAsPyTorchs) {
  const std::vector<double> gradient = {
      0.015832231551988273, -0.24222513127711925, 0.03351683445857488, 0.19287606526655612,
      -0.25515361194164454, 0.02876071221651353,  0.1655064714849795,  0.0608864282401515,
      0.03454087014838586,  0.1987689837874677,   0.07312302267794911, -0.3064328766138027};
  expect_loss(logits({3, 4}), labels({1, 0, 3}, {3}), {}, 1.7547425252050877, gradient);
  expect_loss(logits({3, 4}), labels({1, 0, 3}, {3}), {.class_dim = -1}, 1.7547425252050877,
              gradient);
}

TEST(CrossEntropyLoss, OfImagesIsAsPyTorchs) {
  expect_loss(
      logits({2, 3, 2, 2}), labels({0, 1, 2, 0, 2, 2, 1, 0}, {2, 2, 2}), {}, 1.3681877374631932,
      {-0.10652449379297563, 0.048628099892072785, 0.018475506207024373,  -0.03366510884966391,
       0.0828014742369842,   -0.11106781611872465, 0.0828014742369842,    0.026167884435274614,
       0.02372301955599142,  0.06243971622665188,  -0.10127698044400858,  0.0074972244143892836,
       0.048628099892072785, 0.018475506207024373, 0.09133489115033609,   -0.07637190010792722,
       0.013932183881275349, 0.0828014742369842,   -0.09883211556472539,  0.013932183881275349,
       -0.06256028377334813, -0.10127698044400858, 0.0074972244143892836, 0.06243971622665188});
}

TEST(CrossEntropyLoss, WithClassesLastIsAsPyTorchsOfThePermutedLogits) {
  expect_loss(
      logits({2, 2, 2, 3}), labels({0, 1, 2, 0, 2, 2, 1, 0}, {2, 2, 2}), {.class_dim = -1},
      1.3624258973980639,
      {-0.11091009941146193, 0.0810817796314559,   0.029828319780006027, 0.08315511947185272,
       -0.09440894111815029, 0.011253821646297554, 0.08315511947185272,  0.030591058881849705,
       -0.11374617835370245, -0.04184488052814728, 0.030591058881849705, 0.011253821646297554,
       0.03586924641562266,  0.01319555832662003,  -0.04906480474224269, 0.03586924641562266,
       0.01319555832662003,  -0.04906480474224269, 0.03586924641562266,  -0.11180444167337997,
       0.07593519525775731,  -0.08913075358437733, 0.01319555832662003,  0.07593519525775731});
}

TEST(CrossEntropyLoss, WithClassesFirstIsThatOfTheTranspose) {
  const Tensor x = logits({3, 4}), y = labels({1, 0, 3}, {3});
  CrossEntropyLoss first({.class_dim = 0});
  EXPECT_NEAR(first(x.t(), y).item<double>(), 1.7547425252050877, 1e-14);
}

TEST(CrossEntropyLoss, ByHand) {
  // Probabilities 3/4 and 1/4: the loss is log(4/3) for the first class and log(4) for the second.
  const Tensor x = tensor({std::log(3.f), 0.f, std::log(3.f), 0.f}, {2, 2}).requires_grad_();
  const Tensor loss = CrossEntropyLoss()(x, labels({0, 1}, {2}));
  EXPECT_THAT(loss.item<float>(),
              FloatEq(static_cast<float>((std::log(4. / 3) + std::log(4.)) / 2)));
  loss.backward();  // (p - one_hot) / 2
  EXPECT_THAT(x.grad().to_vector<float>(),
              ElementsAre(FloatEq(-0.125f), FloatEq(0.125f), FloatEq(0.375f), FloatEq(-0.375f)));
}

TEST(CrossEntropyLoss, OfHugeLogitsIsFinite) {
  const float huge = 1e10f;
  const Tensor x =
      tensor({huge, 0.f, -huge, 0.f, huge, huge, -huge, -huge, -huge}, {3, 3}).requires_grad_();
  const Tensor loss = CrossEntropyLoss()(x, labels({0, 1, 2}, {3}));
  EXPECT_THAT(loss.item<float>(),
              FloatEq(0.597253143787384f));  // PyTorch's; (0 + log 2 + log 3) / 3
  loss.backward();
  const float third = 1.f / 3, sixth = 1.f / 6, ninth = 1.f / 9;
  EXPECT_THAT(x.grad().to_vector<float>(), Pointwise(FloatEq(), {0.f, 0.f, 0.f, 0.f, -sixth, sixth,
                                                                 ninth, ninth, ninth - third}));
  EXPECT_EQ(CrossEntropyLoss()(tensor({huge, 0.f, -huge}, {1, 3}), labels({2}, {1})).item<float>(),
            2e10f);
}

TEST(CrossEntropyLoss, TakesAProbabilityOfZero) {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = tensor({-inf, 0.f}, {1, 2});
  EXPECT_EQ(CrossEntropyLoss()(x, labels({1}, {1})).item<float>(), 0);
  EXPECT_EQ(CrossEntropyLoss()(x, labels({0}, {1})).item<float>(), inf);
}

TEST(CrossEntropyLoss, OfNoSamplesIsNanAsPyTorchs) {
  EXPECT_TRUE(std::isnan(CrossEntropyLoss()(zeros({0, 3}), zeros({0}, int64)).item<double>()));
  EXPECT_TRUE(
      std::isnan(CrossEntropyLoss()(zeros({2, 3, 0}), zeros({2, 0}, int64)).item<double>()));
}

// ---- Gradients

TEST(CrossEntropyLoss, GradientsAgreeWithDifferences) {
  struct Case {
    Shape logits, labels;
    int64_t class_dim;
  };
  for (const Case& c : {Case{{3, 4}, {3}, 1}, Case{{2, 3, 2, 2}, {2, 2, 2}, 1},
                        Case{{2, 2, 3}, {2, 2}, -1}, Case{3, {}, 1}, Case{{4, 3}, {3}, 0}}) {
    std::vector<int64_t> values(c.labels.numel());
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i * i % 3);
    const Tensor y = tensor(values, c.labels);
    CrossEntropyLoss loss({.class_dim = c.class_dim});
    const TensorFunction f = [&](absl::Span<const Tensor> in) { return loss(in[0], y); };
    const std::vector<Tensor> inputs = {logits(c.logits)};
    const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
    EXPECT_TRUE(first.passed) << first.message;
    EXPECT_TRUE(second.passed) << second.message;
  }
}

TEST(CrossEntropyLoss, TakesLogitsAndLabelsThatAreNotContiguous) {
  const Tensor x = logits({4, 3}).t().detach().requires_grad_();
  const Tensor y =
      tensor({int64_t{1}, int64_t{9}, int64_t{0}, int64_t{9}, int64_t{3}, int64_t{9}}, {3, 2})
          .select(1, 0);
  const Tensor same = x.detach().clone().requires_grad_();
  CrossEntropyLoss loss;
  loss(x, y).backward();
  loss(same, y.clone()).backward();
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAreArray(same.grad().to_vector<double>()));
}

// ---- Use and errors

TEST(CrossEntropyLoss, IsAModuleWithoutParameters) {
  EXPECT_EQ(CrossEntropyLoss().str(), "CrossEntropyLoss()");
  EXPECT_TRUE(CrossEntropyLoss().parameters().empty());
}

TEST(CrossEntropyLoss, NamesTheOptionIfTheLabelsFitClassesInTheLastDimension) {
  CrossEntropyLoss loss;
  EXPECT_THROWS(
      ShapeError,
      "[cross_entropy] expected labels of shape (2, 7) for logits (2, 5, 7) with class_dim = 1, "
      "got (2, 5); for classes in the last dimension set class_dim = -1",
      loss(zeros({2, 5, 7}), zeros({2, 5}, int64)));
}

TEST(CrossEntropyLoss, ThrowsForLabelsOfAnotherShape) {
  CrossEntropyLoss loss;
  EXPECT_THROWS(ShapeError,
                "[cross_entropy] expected labels of shape (2,) for logits (2, 5) with class_dim "
                "= 1, got (3,)",
                loss(zeros({2, 5}), zeros({3}, int64)));
  // One-hot labels, and labels with a dimension too many.
  EXPECT_THROW(loss(zeros({2, 5}), zeros({2, 5}, int64)), ShapeError);
  EXPECT_THROW(loss(zeros({2, 5}), zeros({2, 1}, int64)), ShapeError);
  EXPECT_THROW(loss(zeros({1, 5}), zeros({}, int64)), ShapeError);
  EXPECT_THROWS(ShapeError, "[cross_entropy] expected logits (..., classes), got shape ()",
                loss(zeros({}), zeros({}, int64)));
}

TEST(CrossEntropyLoss, ThrowsForALabelThatIsNoClass) {
  CrossEntropyLoss loss;
  EXPECT_THROWS(IndexError, "[cross_entropy] expected labels from 0 to 4, got 5 at position 1",
                loss(zeros({3, 5}), labels({0, 5, 1}, {3})));
  EXPECT_THROWS(IndexError, "[cross_entropy] expected labels from 0 to 4, got -1 at position 2",
                loss(zeros({3, 5}), labels({0, 4, -1}, {3})));
  EXPECT_THROWS(IndexError,
                "[cross_entropy] expected no labels, for there are no classes, got 0 at position 0",
                loss(zeros({1, 0}), labels({0}, {1})));
}

TEST(LossesOfClasses, TellTheCoordinatesOfAWrongLabelOfAnImage) {
  const Tensor logits = zeros({2, 4, 3, 2});  // (n, classes, h, w)
  const Tensor y = labels({0, 1, 2, 3, -100, 9, 0, 0, 0, 0, -2, 1}, {2, 3, 2});
  for (const double smoothing : {0.0, 0.1}) {
    EXPECT_THROWS(IndexError, "[cross_entropy] expected labels from 0 to 3, got 9 at (0, 2, 1)",
                  CrossEntropyLoss({.label_smoothing = smoothing})(logits, y));
  }
  EXPECT_THROWS(IndexError, "[cross_entropy] expected labels from 0 to 3, got -2 at (1, 2, 0)",
                CrossEntropyLoss({.ignore_index = 9})(logits, masked_fill(y, y == -100, 9)));
  EXPECT_THROWS(IndexError, "[nll_loss] expected labels from 0 to 3, got 9 at (0, 2, 1)",
                NLLLoss()(logits, y));
}

TEST(CrossEntropyLoss, ThrowsForOtherDtypes) {
  CrossEntropyLoss loss;
  // Floating targets are probabilities.
  EXPECT_THROWS(ShapeError, "expected logits and probabilities of one shape, got (2, 5) and (2,)",
                loss(zeros({2, 5}), zeros({2})));
  EXPECT_THROWS(DTypeError, "[cross_entropy] expected labels of dtype int64, got int32",
                loss(zeros({2, 5}), zeros({2}, int32)));
  EXPECT_THROW(loss(zeros({2, 5}, int64), zeros({2}, int64)), DTypeError);
}

TEST(CrossEntropyLoss, ThrowsForAClassDimensionThatIsNotThere) {
  CrossEntropyLoss loss({.class_dim = 2});
  EXPECT_THROW(loss(zeros({2, 5}), zeros({2}, int64)), IndexError);
}

TEST(CrossEntropyLoss, ThrowsForUndefinedTensors) {
  CrossEntropyLoss loss;
  EXPECT_THROW(loss(Tensor(), zeros({2}, int64)), RuntimeError);
  EXPECT_THROW(loss(zeros({2, 5}), Tensor()), RuntimeError);
}

// ---- The other losses: their values and gradients are in //tests/differential:golden_layers_test

TEST(Losses, RefuseOptionsOutsideTheirDomain) {
  EXPECT_THROWS(ValueError,
                "[MSELoss] expected the reduction to be none, mean or sum, got \"average\"",
                MSELoss({.reduction = "average"}));
  EXPECT_THROWS(ValueError, "[KLDivLoss] expected the reduction to be none, mean, batchmean or sum",
                KLDivLoss({.reduction = ""}));
  EXPECT_THROWS(ValueError, "expected the reduction", L1Loss({.reduction = "batchmean"}));
  EXPECT_THROWS(ValueError, "[SmoothL1Loss] expected beta of at least 0, got -1",
                SmoothL1Loss({.beta = -1}));
  EXPECT_THROWS(ValueError, "[HuberLoss] expected delta above 0, got 0", HuberLoss({.delta = 0}));
  EXPECT_THROWS(ValueError, "[CrossEntropyLoss] expected label_smoothing in [0, 1], got 1.5",
                CrossEntropyLoss({.label_smoothing = 1.5}));
  EXPECT_THROWS(ValueError, "[GaussianNLLLoss] expected eps above 0, got 0",
                GaussianNLLLoss({.eps = 0}));
  EXPECT_THROWS(ValueError, "[PoissonNLLLoss] expected eps of at least 0, got -1",
                PoissonNLLLoss({.eps = -1}));
  EXPECT_THROWS(ValueError, "[TripletMarginLoss] expected p above 0, got nan",
                TripletMarginLoss({.p = std::nan("")}));
  EXPECT_THROWS(ValueError, "[mse_loss] expected the reduction",
                functional::mse_loss(ones(1), ones(1), {.reduction = "x"}));
}

template <class SomeLoss>
void refuses_other_reductions(const std::string& name, const std::string& choices) {
  for (const std::string reduction : {"average", "", "Mean", "none "}) {
    EXPECT_THROWS(
        ValueError,
        "[" + name + "] expected the reduction to be " + choices + ", got \"" + reduction + "\"",
        SomeLoss({.reduction = reduction}));
  }
  if (choices.find("batchmean") != std::string::npos) return;
  EXPECT_THROWS(ValueError, "got \"batchmean\"", SomeLoss({.reduction = "batchmean"}));
}

TEST(Losses, ListTheReductionsIfOneIsUnknown) {
  const char* kUsual = "none, mean or sum";
  refuses_other_reductions<MSELoss>("MSELoss", kUsual);
  refuses_other_reductions<L1Loss>("L1Loss", kUsual);
  refuses_other_reductions<SmoothL1Loss>("SmoothL1Loss", kUsual);
  refuses_other_reductions<HuberLoss>("HuberLoss", kUsual);
  refuses_other_reductions<CrossEntropyLoss>("CrossEntropyLoss", kUsual);
  refuses_other_reductions<NLLLoss>("NLLLoss", kUsual);
  refuses_other_reductions<BCELoss>("BCELoss", kUsual);
  refuses_other_reductions<BCEWithLogitsLoss>("BCEWithLogitsLoss", kUsual);
  refuses_other_reductions<PoissonNLLLoss>("PoissonNLLLoss", kUsual);
  refuses_other_reductions<GaussianNLLLoss>("GaussianNLLLoss", kUsual);
  refuses_other_reductions<HingeEmbeddingLoss>("HingeEmbeddingLoss", kUsual);
  refuses_other_reductions<CosineEmbeddingLoss>("CosineEmbeddingLoss", kUsual);
  refuses_other_reductions<MarginRankingLoss>("MarginRankingLoss", kUsual);
  refuses_other_reductions<TripletMarginLoss>("TripletMarginLoss", kUsual);
  refuses_other_reductions<KLDivLoss>("KLDivLoss", "none, mean, batchmean or sum");
}

TEST(Losses, RefuseMarginsThatAreNotFinite) {
  for (const double margin : {std::nan(""), test::kInf, -test::kInf}) {
    EXPECT_THROWS(ValueError, "[HingeEmbeddingLoss] expected a finite margin, got ",
                  HingeEmbeddingLoss({.margin = margin}));
    EXPECT_THROWS(ValueError, "[CosineEmbeddingLoss] expected a finite margin, got ",
                  CosineEmbeddingLoss({.margin = margin}));
    EXPECT_THROWS(ValueError, "[MarginRankingLoss] expected a finite margin, got ",
                  MarginRankingLoss({.margin = margin}));
    EXPECT_THROWS(ValueError, "[TripletMarginLoss] expected a finite margin, got ",
                  TripletMarginLoss({.margin = margin}));
    EXPECT_THROWS(ValueError, "[TripletMarginLoss] expected a finite eps, got ",
                  TripletMarginLoss({.eps = margin}));
  }
}

TEST(Losses, RefuseOperandsThatDoNotFit) {
  EXPECT_THROWS(ShapeError,
                "[mse_loss] expected input and target of one shape, got (2,) and (2, 1)",
                MSELoss()(ones(2), ones({2, 1})));
  EXPECT_THROWS(Error, "[l1_loss] expected a defined array, got one without a value",
                L1Loss()(ones(2), Tensor()));
  EXPECT_THROWS(ShapeError,
                "[cross_entropy] expected a weight of shape (3,), one per class, got (2,)",
                CrossEntropyLoss({.weight = ones(2)})(ones({4, 3}), zeros(4, int64)));
  EXPECT_THROWS(IndexError, "[nll_loss] expected labels from 0 to 2, got 3 at position 1",
                NLLLoss()(ones({2, 3}), tensor({int64_t{0}, int64_t{3}}, {2})));
  EXPECT_THROWS(IndexError, "-1",
                CrossEntropyLoss({.label_smoothing = 0.1})(ones({1, 3}), full(1, -1, int64)));
  EXPECT_THROWS(DTypeError, "[nll_loss] expected labels of dtype int64, got int32",
                NLLLoss()(ones({2, 3}), zeros(2, int32)));
  EXPECT_THROWS(ShapeError, "[cross_entropy] expected logits and probabilities of one shape",
                CrossEntropyLoss()(ones({2, 3}), ones(2)));
  EXPECT_THROWS(ValueError,
                "[binary_cross_entropy] expected probabilities in [0, 1], got values from 0.5 to 2",
                BCELoss()(tensor({0.5f, 2.f}, {2}), ones(2)));
  EXPECT_THROWS(ShapeError,
                "[binary_cross_entropy] expected a weight that expands to (2,), got (3,)",
                BCELoss({.weight = ones(3)})(zeros(2), ones(2)));
  EXPECT_THROWS(ShapeError,
                "[gaussian_nll_loss] expected a variance of shape (2, 3), (2, 1) or (2,), got (3,)",
                GaussianNLLLoss()(ones({2, 3}), ones({2, 3}), ones(3)));
  EXPECT_THROWS(ValueError, "[gaussian_nll_loss] expected variances of at least 0, got -1",
                GaussianNLLLoss()(ones(1), ones(1), full(1, -1.f)));
  EXPECT_THROWS(ShapeError, "[cosine_embedding_loss] expected inputs (n, d) and a target (n)",
                CosineEmbeddingLoss()(ones({2, 3}), ones({2, 3}), ones(3)));
  EXPECT_THROWS(ShapeError, "[triplet_margin_loss] expected anchor and negative of one shape",
                TripletMarginLoss()(ones(2), ones(2), ones(3)));
}

TEST(Losses, KeepWeightsAsBuffers) {
  CrossEntropyLoss loss({.weight = tensor({1.f, 2.f, 4.f}, {3})});
  EXPECT_EQ(loss.state_dict().at("weight").size(0), 3);
  EXPECT_FALSE(CrossEntropyLoss().state_dict().find("weight")->has_value());
  loss.to(float64);
  const Tensor logits = zeros({2, 3}, float64), labels = tensor({int64_t{2}, int64_t{0}}, {2});
  EXPECT_NEAR(loss(logits, labels).item<double>(), std::log(3.0), 1e-12);
  EXPECT_EQ(BCEWithLogitsLoss({.pos_weight = ones(2)}).named_buffers()[0].first, "pos_weight");
}

TEST(Losses, OfWhichNoLabelCountsHaveNoGradient) {
  Tensor logits = ones({2, 3}).requires_grad_();
  const Tensor loss = CrossEntropyLoss()(logits, full(2, -100, int64));
  EXPECT_TRUE(std::isnan(loss.item<float>()));  // as in PyTorch
  loss.backward();
  EXPECT_EQ(logits.grad().abs().sum().item<float>(), 0);
}

void expect_second_derivatives(const TensorFunction& f, const std::vector<Tensor>& inputs) {
  const GradcheckReport report = gradgradcheck(f, inputs);
  EXPECT_TRUE(report.passed) << report.message;
}

TEST(Losses, HaveSecondDerivatives) {
  const auto inside = [](Shape shape) {
    return Tensor(random::uniform(shape, 0.1, 0.9, float64)).requires_grad_();
  };
  expect_second_derivatives(
      [](absl::Span<const Tensor> x) { return functional::binary_cross_entropy(x[0], x[1]); },
      {inside({2, 3}), inside({2, 3})});
  expect_second_derivatives(
      [](absl::Span<const Tensor> x) {
        return functional::cross_entropy(x[0], zeros(2, int64), {.label_smoothing = 0.2});
      },
      {inside({2, 3})});
  expect_second_derivatives(
      [](absl::Span<const Tensor> x) {
        return functional::binary_cross_entropy_with_logits(x[0], x[1]);
      },
      {inside({2, 3}), inside({2, 3})});
  expect_second_derivatives(
      [](absl::Span<const Tensor> x) {
        return functional::gaussian_nll_loss(x[0], x[1], x[2], {.full = true});
      },
      {inside({2, 3}), inside({2, 3}), inside({2, 1})});
}

TEST(BCEWithLogitsLoss, HasItsGradientAtALogitOfZero) {
  // sigmoid(0) - y
  for (const double y : {0.0, 1.0, 0.25}) {
    Tensor x = zeros({}, float64).requires_grad_();
    BCEWithLogitsLoss()(x, full({}, y, float64)).backward();
    EXPECT_NEAR(x.grad().item<double>(), 0.5 - y, 1e-15);
  }
}

// e^-17, which is lost beside 17 in float32.
TEST(BCEWithLogitsLoss, OfSureAnswersKeepsItsDigits) {
  for (const Tensor& pos_weight : {Tensor(), ones(2)}) {
    BCEWithLogitsLoss loss({.reduction = "none", .pos_weight = pos_weight});
    EXPECT_CLOSE(loss(tensor({-17.f, 17.f}, {2}), tensor({0.f, 1.f}, {2})).data(),
                 {4.1399376e-8, 4.1399376e-8}, 1e-6);
  }
}

TEST(CrossEntropyLoss, AnIgnoredRowCountsNothingWhateverItsValuesAre) {
  const double never = -std::numeric_limits<double>::infinity();
  Tensor x = tensor({never, 0.0, 0.0, never, 0.0, 0.0}, {2, 3}).requires_grad_();
  const Tensor labels = tensor({int64_t{1}, int64_t{-100}}, {2});
  for (const double smoothing : {0.0, 0.1}) {
    if (smoothing > 0) x = tensor({1.0, 1.0, 1.0, never, 0.0, 0.0}, {2, 3}).requires_grad_();
    const Tensor loss = CrossEntropyLoss({.label_smoothing = smoothing})(x, labels);
    EXPECT_NEAR(loss.item<double>(), std::log(smoothing > 0 ? 3.0 : 2.0), 1e-12);
    loss.backward();
    EXPECT_EQ(x.grad()[1].abs().sum().item<double>(), 0) << smoothing;
  }
}

}  // namespace
}  // namespace lamina::nn
