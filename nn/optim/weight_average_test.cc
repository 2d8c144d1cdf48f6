#include "lamina/nn/optim/weight_average.h"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/module.h"
#include "lamina/nn/optim/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::optim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Model : Module {
  Model() {
    register_parameter("weight", ones({2, 3}));
    register_parameter("bias", zeros(2));
    register_buffer("running_mean", zeros(1, float64));
    register_buffer("num_batches_tracked", zeros({}, int64));
  }
};

void set(const Tensor& weight, std::vector<double> values) {
  NDArray(weight.data()).copy_(NDArray(tensor(values, weight.shape()).data()));
}

TEST(ExponentialMovingAverage, IsPyTorchs) {
  // AveragedModel of PyTorch 1.13 with the avg_fn 0.9 a + 0.1 p, as w goes to w / 2 + t.
  const Tensor w = tensor({1., 2.}, {2}).requires_grad_();
  ExponentialMovingAverage average({w}, {.decay = 0.9});
  const std::vector<std::vector<double>> expected = {{0.5, 1.0},        {0.575, 1.05},
                                                     {0.78, 1.22},      {1.13325, 1.5355},
                                                     {1.63555, 2.0007}, {2.2798075, 2.610005}};
  for (size_t t = 0; t < expected.size(); ++t) {
    NDArray(w.data()).mul_(0.5).add_(NDArray::ones(2, float64), static_cast<double>(t));
    average.update();
    EXPECT_CLOSE(average.state_dict().at("average.0").data(), expected[t], 1e-14);
  }
  EXPECT_EQ(average.update_count(), 6);
}

TEST(ExponentialMovingAverage, IsWrittenInPlace) {
  Model model;
  ExponentialMovingAverage average(model);
  average.update();
  const StateDict before = average.state_dict();
  for (int i = 0; i < 3; ++i) average.update();
  for (const auto& [name, value] : average.state_dict()) {
    if (value && name != "updates") {
      EXPECT_EQ(value->data().raw_data(), before.at(name).data().raw_data()) << name;
    }
  }
}

TEST(ExponentialMovingAverage, OfHalfPrecisionAddsUpInFloat32) {
  // A step of 0.001 is less than half of the spacing of bfloat16 at 1, 2^-7.
  const Tensor w = ones(1, bfloat16).requires_grad_();
  ExponentialMovingAverage average({w}, {.decay = 0.999});
  average.update();
  set(w, {2});
  for (int i = 0; i < 100; ++i) average.update();
  // 2 - 0.999^100
  EXPECT_NEAR(average.state_dict().at("average.0").item<double>(), 1.0952078528, 1e-5);
  const auto averaged = average.swap_in();
  EXPECT_EQ(w.dtype(), bfloat16);
  EXPECT_NEAR(w.item<double>(), 1.0952078528, 1. / 256);
}

TEST(ExponentialMovingAverage, IsSwappedInAndOut) {
  const Tensor w = tensor({2.}, {1}).requires_grad_();
  w.set_grad(ones(1, float64));
  ExponentialMovingAverage average({w}, {.decay = 0.5});
  average.update();
  set(w, {4});
  average.update();
  const void* const own = w.data().raw_data();
  const Tensor square = (w * w).sum();
  {
    const auto averaged = average.swap_in();
    EXPECT_EQ(w.item<double>(), 3);
    EXPECT_THROWS(RuntimeError, "[ExponentialMovingAverage] expected the weights in place",
                  const auto again = average.swap_in());
    EXPECT_THROWS(RuntimeError, "[ExponentialMovingAverage] expected an update by the weights",
                  average.update());
    set(w, {100});  // reaches neither the weights nor the averages
  }
  EXPECT_EQ(w.item<double>(), 4);
  EXPECT_EQ(w.data().raw_data(), own);
  EXPECT_EQ(w.grad().item<double>(), 1);
  EXPECT_EQ(average.state_dict().at("average.0").item<double>(), 3);
  EXPECT_THROWS(RuntimeError, "a value that backward needs was changed", square.backward());
  average.update();
  EXPECT_EQ(average.state_dict().at("average.0").item<double>(), 3.5);
}

TEST(ExponentialMovingAverage, AnExceptionSwapsTheWeightsBack) {
  const Tensor w = tensor({2.}, {1}).requires_grad_();
  ExponentialMovingAverage average({w}, {.decay = 0.5});
  average.update();
  set(w, {4});
  try {
    const auto averaged = average.swap_in();
    EXPECT_EQ(w.item<double>(), 2);
    throw std::runtime_error("while evaluating");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(w.item<double>(), 4);
  average.update();
}

TEST(ExponentialMovingAverage, AveragesFloatingBuffersIfWanted) {
  Model model;
  ExponentialMovingAverage without(model, {.decay = 0.5}),
      with(model, {.decay = 0.5, .use_buffers = true});
  set(model.get_buffer("running_mean"), {4});
  for (ExponentialMovingAverage* average : {&without, &with}) average->update();
  set(model.get_buffer("running_mean"), {8});
  for (ExponentialMovingAverage* average : {&without, &with}) average->update();
  {
    const auto averaged = without.swap_in();
    EXPECT_EQ(model.get_buffer("running_mean").item<double>(), 8);
  }
  {
    const auto averaged = with.swap_in();
    EXPECT_EQ(model.get_buffer("running_mean").item<double>(), 6);
  }
  EXPECT_EQ(model.get_buffer("running_mean").item<double>(), 8);
  EXPECT_FALSE(with.state_dict().contains("average.num_batches_tracked"));
}

TEST(ExponentialMovingAverage, RefusesBadArguments) {
  const Tensor w = ones(1).requires_grad_();
  EXPECT_THROWS(ValueError,
                "[ExponentialMovingAverage] decay: expected a number from 0 to below 1, got 1",
                ExponentialMovingAverage({w}, {.decay = 1}));
  EXPECT_THROWS(ValueError, "[ExponentialMovingAverage] expected at least one weight, got none",
                ExponentialMovingAverage(std::vector<Tensor>()));
  EXPECT_THROWS(ValueError, "expected weights, got an undefined tensor as 1",
                ExponentialMovingAverage({w, Tensor()}));
  EXPECT_THROWS(ValueError, "expected floating weights, got 0 of int64",
                ExponentialMovingAverage({ones(1, int64)}));
  EXPECT_THROWS(ValueError, "expected weights of different names, got two of w",
                ExponentialMovingAverage(Parameters({{"w", w}, {"w", ones(1)}})));
  Parameters named({{"w", w}, {"b", ones(1)}});
  named.names.pop_back();
  EXPECT_THROWS(ValueError,
                "[ExponentialMovingAverage] expected a name for each of 2 parameters, got 1",
                ExponentialMovingAverage{named});
  ExponentialMovingAverage average(Parameters({{"w", w}}));
  EXPECT_THROWS(RuntimeError, "[ExponentialMovingAverage] expected an update before, got none",
                const auto averaged = average.swap_in());
  w.set_data(NDArray::ones(2));
  EXPECT_THROWS(
      ShapeError,
      "[ExponentialMovingAverage] expected the shape of earlier updates, (1,), for w, got "
      "(2,)",
      average.update());
}

TEST(ExponentialMovingAverage, OfAModelThatIsConvertedGoesOnInItsDtype) {
  const Tensor w = ones(1).requires_grad_();
  ExponentialMovingAverage average({w}, {.decay = 0.5});
  average.update();
  w.set_data(NDArray::full({1}, 1 + 0x1p-40, float64));
  average.update();
  EXPECT_EQ(average.state_dict().at("average.0").item<double>(), 1 + 0x1p-41);
  Tensor(w).requires_grad_(false).set_data(NDArray::ones(1, int64));
  EXPECT_THROWS(DTypeError, "[ExponentialMovingAverage] expected floating weights, got 0 of int64",
                average.update());
}

// ---- State

TEST(ExponentialMovingAverage, ASavedStateGoesOnExactly) {
  const Tensor w = tensor({0.3, 0.7}, {2}).requires_grad_();
  ExponentialMovingAverage unbroken({w}, {.decay = 0.9}), resumed({w}, {.decay = 0.9});
  const auto train = [&](ExponentialMovingAverage& average) {
    set(w, {0.3, 0.7});
    for (int i = 0; i < 5; ++i) {
      NDArray(w.data()).mul_(1.3);
      average.update();
    }
  };
  train(unbroken);
  resumed.load_state_dict(unbroken.state_dict());
  train(unbroken);
  train(resumed);
  EXPECT_EQ(resumed.update_count(), 10);
  EXPECT_EQ(resumed.state_dict().at("average.0").to_vector<double>(),
            unbroken.state_dict().at("average.0").to_vector<double>());
}

TEST(ExponentialMovingAverage, RefusesAStateThatDoesNotFitWhole) {
  Model model;
  ExponentialMovingAverage average(model);
  average.update();
  const StateDict good = test::copy_of(average.state_dict());
  set(model.get_parameter("bias"), {7, 7});
  average.update();
  const auto refusal = [&](const char* key, std::optional<Tensor> value) {
    return test::refusal_of(average, test::with(good, key, std::move(value)));
  };
  EXPECT_THAT(refusal("average.weight", ones({3, 2})),
              HasSubstr("average.weight: expected the shape of weight, (2, 3), got (3, 2)"));
  EXPECT_THAT(refusal("average.weight", std::nullopt),
              HasSubstr("average.weight: expected a value, got none"));
  EXPECT_THAT(refusal("updates", full({}, -1, int64)),
              HasSubstr("updates: expected at least 0, got -1"));
  EXPECT_THAT(refusal("average.other", ones(1)), HasSubstr("average.other: expected no such key"));
  EXPECT_THROWS(RuntimeError, "expected the state of ExponentialMovingAverage",
                average.load_state_dict(model.state_dict()));
}

}  // namespace
}  // namespace lamina::nn::optim
