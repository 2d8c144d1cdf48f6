#include "lamina/nn/activation.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/repr.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

namespace F = functional;
using test::kInf;
using test::kNan;
using ::testing::ElementsAre;

// ---- Values and gradients at -2, -0.5, 0, 0.5 and 3 as PyTorch 1.13 prints them, float64

void expect_at_five(Layer&& layer, const std::vector<double>& values,
                    const std::vector<double>& gradient) {
  Tensor x = tensor({-2.0, -0.5, 0.0, 0.5, 3.0}, {5}).requires_grad_();
  const Tensor y = layer(x);
  EXPECT_CLOSE(y.data(), values, 1e-14) << layer;
  y.sum().backward();
  EXPECT_CLOSE(x.grad().data(), gradient, 1e-14, 1e-16) << layer;
}

TEST(Activation, WithKinksIsAsPyTorchs) {
  expect_at_five(ReLU(), {0, 0, 0, 0.5, 3}, {0, 0, 0, 1, 1});
  expect_at_five(LeakyReLU({.negative_slope = 0.2}), {-0.4, -0.1, 0, 0.5, 3},
                 {0.2, 0.2, 0.2, 1, 1});
  expect_at_five(ReLU6(), {0, 0, 0, 0.5, 3}, {0, 0, 0, 1, 1});
  expect_at_five(Hardtanh({.min_val = -0.5, .max_val = 2}), {-0.5, -0.5, 0, 0.5, 2},
                 {0, 0, 1, 1, 0});
  expect_at_five(Hardsigmoid(), {1. / 6, 5. / 12, 0.5, 7. / 12, 1},
                 {1. / 6, 1. / 6, 1. / 6, 1. / 6, 0});
  expect_at_five(Hardswish(), {-1. / 3, -0.20833333333333334, 0, 0.2916666666666667, 3},
                 {-0.16666666666666663, 1. / 3, 0.5, 2. / 3, 1.5});
  expect_at_five(Threshold(0.5, -7), {-7, -7, -7, -7, 3}, {0, 0, 0, 0, 1});
}

TEST(Activation, OfExponentialsIsAsPyTorchs) {
  expect_at_five(ELU({.alpha = 1.5}), {-1.296997075145081, -0.5902040104310499, 0, 0.5, 3},
                 {0.20300292485491905, 0.9097959895689501, 1.5, 1, 1});
  expect_at_five(
      SELU(), {-1.5201664685956948, -0.6917581878028713, 0, 0.5253504936777402, 3.1521029620664414},
      {0.2379328722516818, 1.0663411530445053, 1.7580993408473766, 1.0507009873554805,
       1.0507009873554805});
  expect_at_five(CELU({.alpha = 2}), {-1.2642411176571153, -0.44239843385719024, 0, 0.5, 3},
                 {0.36787944117144233, 0.7788007830714049, 1, 1, 1});
  expect_at_five(
      Softplus({.beta = 2, .threshold = 4}),
      {0.009074963958904869, 0.15663084375911143, 0.34657359027997264, 0.6566308437591114, 3},
      {0.017986209962091555, 0.2689414213699951, 0.5, 0.7310585786300049, 1});
  expect_at_five(Softsign(), {-2. / 3, -1. / 3, 0, 1. / 3, 0.75},
                 {1. / 9, 4. / 9, 1, 4. / 9, 0.0625});
  expect_at_five(
      Tanhshrink(),
      {-1.035972419924183, -0.03788284273999026, 0, 0.03788284273999026, 2.0049452463132695},
      {0.9293491751468356, 0.2135522670340726, 0, 0.2135522670340726, 0.9901339628345598});
}

TEST(Activation, ThatIsAShareOfXIsAsPyTorchs) {
  expect_at_five(
      GELU(),
      {-0.04550026389635842, -0.15426876936299344, 0, 0.34573123063700656, 2.99595030590511},
      {-0.08523180107819692, 0.13250487534383712, 0.5, 0.8674951246561629, 1.011945647204184});
  expect_at_five(
      GELU({.approximate = "tanh"}),
      {-0.04540230591222494, -0.15428599017485606, 0, 0.34571400982514394, 2.996362607918227},
      {-0.0860992566236183, 0.13263009646535764, 0.5, 0.8673699035346424, 1.0115841666309695});
  expect_at_five(
      SiLU(), {-0.2384058440442351, -0.1887703343990727, 0, 0.3112296656009273, 2.8577223804672998},
      {-0.09078424878489547, 0.2600388126973482, 0.5, 0.7399611873026519, 1.0881041060151693});
  expect_at_five(
      Mish(), {-0.2525014826957089, -0.22074377465173, 0, 0.3752452113048951, 2.9865350049679575},
      {-0.1083550924203939, 0.28951067791351226, 0.6, 0.8864243753577272, 1.0211069109294435});
}

// ---- Far out

using Function = std::function<Tensor(const Tensor&)>;

void expect_limits(const char* name, const Function& f, const std::vector<double>& values,
                   const std::vector<double>& gradient) {
  SCOPED_TRACE(name);
  for (const DType dtype : {float32, float64, float16}) {
    Tensor x = Tensor(test::array({-kInf, kInf, kNan}, {3}, float64).to(dtype)).requires_grad_();
    const Tensor y = f(x);
    EXPECT_CLOSE(y.data().to(float64), values);
    y.sum().backward();
    EXPECT_CLOSE(x.grad().slice(0, 0, 2).data().to(float64), gradient);
  }
}

TEST(Activation, OfInfinitiesGivesTheLimitAndKeepsNan) {
  expect_limits("relu", [](const Tensor& x) { return F::relu(x); }, {0, kInf, kNan}, {0, 1});
  expect_limits("leaky_relu", [](const Tensor& x) { return F::leaky_relu(x, {0.5}); },
                {-kInf, kInf, kNan}, {0.5, 1});
  expect_limits("relu6", F::relu6, {0, 6, kNan}, {0, 0});
  expect_limits("elu", [](const Tensor& x) { return F::elu(x); }, {-1, kInf, kNan}, {0, 1});
  expect_limits("celu", [](const Tensor& x) { return F::celu(x, {2}); }, {-2, kInf, kNan}, {0, 1});
  expect_limits("gelu", [](const Tensor& x) { return F::gelu(x); }, {0, kInf, kNan}, {0, 1});
  expect_limits("gelu by tanh", [](const Tensor& x) { return F::gelu(x, {"tanh"}); },
                {0, kInf, kNan}, {0, 1});
  expect_limits("silu", [](const Tensor& x) { return F::silu(x); }, {0, kInf, kNan}, {0, 1});
  expect_limits("mish", F::mish, {0, kInf, kNan}, {0, 1});
  expect_limits("hardtanh", [](const Tensor& x) { return F::hardtanh(x); }, {-1, 1, kNan}, {0, 0});
  expect_limits("hardsigmoid", F::hardsigmoid, {0, 1, kNan}, {0, 0});
  expect_limits("hardswish", F::hardswish, {0, kInf, kNan}, {0, 1});
  expect_limits("softplus", [](const Tensor& x) { return F::softplus(x); }, {0, kInf, kNan},
                {0, 1});
  expect_limits("softsign", F::softsign, {-1, 1, kNan}, {0, 0});
  expect_limits("tanhshrink", F::tanhshrink, {-kInf, kInf, kNan}, {1, 1});
  expect_limits("threshold", [](const Tensor& x) { return F::threshold(x, 0, 5); }, {5, kInf, kNan},
                {0, 1});
}

// The naive log(1 + e^x) is infinite from 89 on in float32, and 0 below -17.
TEST(Softplus, NeitherOverflowsNorLosesItsTail) {
  const Tensor x = tensor({100.f, 1e30f, -50.f, -100.f}, {4});
  EXPECT_CLOSE(F::softplus(x, {.threshold = kInf}).data(),
               {100, 1e30f, std::exp(-50.0), std::exp(-100.0)}, 1e-6, 1e-44);
}

TEST(Softsign, KeepsTheDigitsOfItsSlope) {
  Tensor x = tensor({1000.f, -1e6f, 1e-3f}, {3}).requires_grad_();
  F::softsign(x).sum().backward();
  EXPECT_CLOSE(x.grad().data(),
               {1 / (1001.0 * 1001), 1 / (1000001.0 * 1000001), 1 / (1.001 * 1.001)}, 1e-6);
}

// ---- Second derivatives, of those that are operations of their own

TEST(Activation, HasTwoDerivatives) {
  const std::vector<std::pair<const char*, Function>> all = {
      {"gelu", [](const Tensor& x) { return F::gelu(x); }},
      {"gelu by tanh", [](const Tensor& x) { return F::gelu(x, {"tanh"}); }},
      {"silu", [](const Tensor& x) { return F::silu(x); }},
      {"mish", F::mish},
      {"softsign", F::softsign},
      {"softplus", [](const Tensor& x) { return F::softplus(x, {.beta = 2}); }},
  };
  for (const auto& [name, f] : all) {
    const Tensor x = tensor({-3.1, -1.2, -0.4, 0.3, 0.9, 4.2}, {2, 3}).requires_grad_();
    const TensorFunction of_list = [f = f](absl::Span<const Tensor> in) { return f(in[0]); };
    const GradcheckReport first = gradcheck(of_list, {x}), second = gradgradcheck(of_list, {x});
    EXPECT_TRUE(first.passed) << name << ": " << first.message;
    EXPECT_TRUE(second.passed) << name << ": " << second.message;
  }
}

// ---- PReLU

TEST(PReLU, HasASlopePerChannel) {
  PReLU layer({.num_parameters = 2, .init = 0.5});
  EXPECT_THAT(layer.weight.to_vector<float>(), ElementsAre(0.5, 0.5));
  layer.weight.set_data(NDArray::from({0.5f, 2.f}, {2}));
  Tensor x = tensor({-1.f, 3.f, -2.f, -4.f}, {1, 2, 2}).requires_grad_();
  const Tensor y = layer(x);
  EXPECT_THAT(y.to_vector<float>(), ElementsAre(-0.5, 3, -4, -8));
  y.sum().backward();
  EXPECT_THAT(x.grad().to_vector<float>(), ElementsAre(0.5, 1, 2, 2));
  EXPECT_THAT(layer.weight.grad().to_vector<float>(), ElementsAre(-1, -6));
  layer.reset_parameters();
  EXPECT_THAT(layer.weight.to_vector<float>(), ElementsAre(0.5, 0.5));
}

TEST(PReLU, GivesNoGradientToASlopeBesideAnInfinity) {
  PReLU layer;
  layer(tensor({static_cast<float>(kInf), -2.f}, {2})).sum().backward();
  EXPECT_EQ(layer.weight.grad().item<float>(), -2);
}

// ---- Errors

TEST(Activation, RefusesImpossibleSettings) {
  EXPECT_THROWS(ValueError, "[GELU] expected approximate to be none or tanh, got \"erf\"",
                GELU({.approximate = "erf"}));
  EXPECT_THROWS(ValueError, "[gelu] expected approximate to be none or tanh, got \"\"",
                F::gelu(ones(2), {.approximate = ""}));
  EXPECT_THROWS(ValueError, "[Hardtanh] expected min_val below max_val, got 2 and 1",
                Hardtanh({.min_val = 2}));
  EXPECT_THROWS(ValueError, "[hardtanh] expected min_val below max_val, got nan and 1",
                F::hardtanh(ones(2), {.min_val = kNan}));
  EXPECT_THROWS(ValueError, "[CELU] expected a finite alpha other than 0, got 0",
                CELU({.alpha = 0}));
  EXPECT_THROWS(ValueError, "[ELU] expected a finite alpha, got inf", ELU({.alpha = kInf}));
  EXPECT_THROWS(ValueError, "[LeakyReLU] expected a finite negative_slope, got nan",
                LeakyReLU({.negative_slope = kNan}));
  EXPECT_THROWS(ValueError, "[Softplus] expected a finite beta other than 0, got 0",
                Softplus({.beta = 0}));
  EXPECT_THROWS(ValueError, "[Softplus] expected a number as threshold, got nan",
                Softplus({.threshold = kNan}));
  EXPECT_THROWS(ValueError, "[Threshold] expected a number as threshold, got nan",
                Threshold(kNan, 0));
  EXPECT_THROWS(ValueError, "[PReLU] expected num_parameters of at least 1, got 0",
                PReLU({.num_parameters = 0}));
  EXPECT_THROWS(DTypeError, "[PReLU] expected a floating dtype, got int64",
                PReLU({.dtype = int64}));
}

TEST(Activation, NamesWhatItWanted) {
  EXPECT_THROWS(ShapeError, "[glu] expected an even extent along dimension 1, got shape (2, 3)",
                GLU()(ones({2, 3})));
  EXPECT_THROWS(IndexError, "[glu]", GLU({.dim = 2})(ones({2, 2})));
  EXPECT_THROWS(IndexError, "[softmin]", Softmin(1)(ones(3)));
  EXPECT_THROWS(
      ShapeError,
      "[prelu] expected a weight of shape (1,) or, one per channel, (3,) for input (2, 3), "
      "got (2,)",
      PReLU({.num_parameters = 2})(ones({2, 3})));
  const Tensor integers = ones(2, int64);
  EXPECT_THROWS(DTypeError, "[hardswish] expected a floating dtype, got int64",
                Hardswish()(integers));
  EXPECT_THROWS(DTypeError, "[relu6] expected a floating dtype, got int64", ReLU6()(integers));
  EXPECT_THROWS(DTypeError, "[gelu] expected a floating dtype, got int64", GELU()(integers));
  EXPECT_THROWS(DTypeError, "[selu] expected a floating dtype, got int64", SELU()(integers));
  EXPECT_THROWS(RuntimeError, "[mish] expected a defined array", Mish()(Tensor()));
}

// ---- Numbers as Python prints them: what python3 gives for repr(x)

TEST(Repr, IsPythons) {
  using internal::python_float;
  EXPECT_EQ(python_float(0.1), "0.1");
  EXPECT_EQ(python_float(-1), "-1.0");
  EXPECT_EQ(python_float(0), "0.0");
  EXPECT_EQ(python_float(-0.0), "-0.0");
  EXPECT_EQ(python_float(1e-5), "1e-05");
  EXPECT_EQ(python_float(0.0001), "0.0001");
  EXPECT_EQ(python_float(1e15), "1000000000000000.0");
  EXPECT_EQ(python_float(1e16), "1e+16");
  EXPECT_EQ(python_float(1. / 3), "0.3333333333333333");
  EXPECT_EQ(python_float(1.25e-300), "1.25e-300");
  EXPECT_EQ(python_float(-kInf), "-inf");
  EXPECT_EQ(python_float(kNan), "nan");
  EXPECT_EQ(internal::python_number(20), "20");
  EXPECT_EQ(internal::python_number(0.5), "0.5");
}

}  // namespace
}  // namespace lamina::nn
