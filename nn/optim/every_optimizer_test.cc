// What every optimizer promises: on resuming, threads, gradients, memory, dtypes and layouts.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn/optim/adadelta.h"
#include "lamina/nn/optim/adagrad.h"
#include "lamina/nn/optim/adam.h"
#include "lamina/nn/optim/lbfgs.h"
#include "lamina/nn/optim/lion.h"
#include "lamina/nn/optim/muon.h"
#include "lamina/nn/optim/nadam.h"
#include "lamina/nn/optim/rmsprop.h"
#include "lamina/nn/optim/sgd.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::optim {
namespace {

struct Case {
  std::string name;
  // With all the state that it can have, or with default options.
  std::function<std::unique_ptr<Optimizer>(const std::vector<Tensor>&parameters)> make, make_plain;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

template <class O, class Options>
Case case_of(const char* name, const Options& options) {
  return {name, [options](const auto& p) { return std::make_unique<O>(p, options); },
          [](const auto& p) { return std::make_unique<O>(p); }};
}

const std::vector<Case>& cases() {
  static const auto& all = *new std::vector<Case>{
      case_of<Adadelta>("Adadelta", AdadeltaOptions{.weight_decay = 0.01}),
      case_of<Adagrad>("Adagrad", AdagradOptions{.lr_decay = 0.1, .initial_accumulator_value = 1}),
      case_of<Adam>("Adam", AdamOptions{.lr = 0.01, .weight_decay = 0.01, .amsgrad = true}),
      case_of<AdamW>("AdamW", AdamWOptions{.lr = 0.01, .amsgrad = true}),
      case_of<LBFGS>("LBFGS", LBFGSOptions{.lr = 0.5, .max_iter = 1, .history_size = 2}),
      case_of<LBFGS>("StrongWolfe",
                     LBFGSOptions{.max_iter = 2, .history_size = 2, .strong_wolfe = true}),
      case_of<Lion>("Lion", LionOptions{.lr = 0.01, .weight_decay = 0.1}),
      case_of<Muon>("Muon", MuonOptions{.lr = 0.01}),
      case_of<NAdam>("NAdam", NAdamOptions{.lr = 0.01, .weight_decay = 0.01}),
      case_of<RMSprop>("RMSprop", RMSpropOptions{.momentum = 0.5, .centered = true}),
      case_of<SGD>("SGD", SGDOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true}),
  };
  return all;
}

Tensor parameter(const NDArray& values) { return Tensor(values.clone()).requires_grad_(); }

std::vector<Tensor> parameters(DType dtype) {
  return {parameter(test::noise({5, 3}, dtype, 1)), parameter(test::noise({3, 70}, dtype, 2)),
          parameter(NDArray::zeros({0, 3}, dtype)), parameter(test::noise({1, 1}, dtype, 3))};
}

// One step on a function with its minimum inside; `without` has no part in it.
void step(Optimizer& optimizer, int64_t without = -1) {
  optimizer.step([&] {
    optimizer.zero_grad();
    const std::vector<Tensor> p = optimizer.parameters();
    Tensor loss = zeros({}, p[0].dtype());
    for (int64_t i = 0; i < static_cast<int64_t>(p.size()); ++i) {
      const Tensor& q = p[static_cast<size_t>(i)];
      if (i != without) loss = loss + (q * q + cos(q * (2 + i))).sum();
    }
    loss.backward();
    return loss;
  });
}

std::vector<double> values_of(const std::vector<Tensor>& tensors) {
  std::vector<double> all;
  for (const Tensor& x : tensors) {
    for (const double value : test::elements(x.data())) all.push_back(value);
  }
  return all;
}

class EveryOptimizer : public ::testing::TestWithParam<Case> {};

TEST_P(EveryOptimizer, GoesOnFromASavedStateBitForBit) {
  for (const DType dtype : {float32, float64}) {
    const std::vector<Tensor> p = parameters(dtype);
    const auto unbroken = GetParam().make(p);
    for (int i = 0; i < 5; ++i) step(*unbroken);
    std::vector<Tensor> q;
    for (const Tensor& x : p) q.push_back(parameter(x.data()));
    const auto resumed = GetParam().make_plain(q);
    resumed->load_state_dict(unbroken->state_dict());
    for (int i = 0; i < 5; ++i) {
      step(*unbroken);
      step(*resumed);
    }
    EXPECT_NE(values_of(p), values_of(parameters(dtype)));
    EXPECT_EQ(values_of(q), values_of(p)) << dtype;
  }
}

TEST_P(EveryOptimizer, GivesTheSameBitsOnAnyNumberOfThreads) {
  const int before = get_num_threads();
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    const std::vector<Tensor> p = {parameter(test::noise({300, 301}, float32, 1)),
                                   parameter(test::noise({7, 5}, float32, 2))};
    const auto optimizer = GetParam().make(p);
    for (int i = 0; i < 3; ++i) step(*optimizer);
    results.push_back(values_of(p));
  }
  set_num_threads(before);
  EXPECT_EQ(results[1], results[0]);
  EXPECT_EQ(results[2], results[0]);
}

TEST_P(EveryOptimizer, NeverChangesAGradient) {
  const std::vector<Tensor> p = parameters(float64);
  const auto optimizer = GetParam().make(p);
  for (int i = 0; i < 3; ++i) {
    std::vector<Tensor> gradients;
    std::vector<uint32_t> versions;
    std::vector<double> values;
    optimizer->step([&] {
      optimizer->zero_grad();
      Tensor loss = zeros({}, float64);
      for (const Tensor& q : p) loss = loss + (q * q).sum();
      loss.backward();
      gradients.clear();
      versions.clear();
      for (const Tensor& q : p) {
        gradients.push_back(q.grad());
        versions.push_back(q.grad().data().version());
      }
      values = values_of(gradients);
      return loss;
    });
    EXPECT_EQ(values_of(gradients), values);
    for (size_t k = 0; k < p.size(); ++k) {
      EXPECT_EQ(p[k].grad().impl(), gradients[k].impl());
      EXPECT_EQ(gradients[k].data().version(), versions[k]);
    }
  }
}

TEST_P(EveryOptimizer, LeavesAParameterWithoutAGradientAlone) {
  const std::vector<Tensor> p = parameters(float32);
  const auto optimizer = GetParam().make(p);
  const auto state_of_it = [&] {
    std::vector<Tensor> state;
    for (const auto& [key, value] : optimizer->state_dict()) {
      if (key.rfind("state.1.", 0) == 0 && value) state.push_back(value->clone());
    }
    return values_of(state);
  };
  for (int i = 0; i < 2; ++i) step(*optimizer);
  const uint32_t version = p[1].data().version();
  const std::vector<double> values = values_of({p[1]}), others = values_of({p[0]});
  const std::vector<double> state = state_of_it();
  for (int i = 0; i < 2; ++i) step(*optimizer, /*without=*/1);
  EXPECT_FALSE(p[1].grad().defined());
  EXPECT_EQ(values_of({p[1]}), values);
  EXPECT_EQ(p[1].data().version(), version);
  EXPECT_EQ(state_of_it(), state);
  EXPECT_NE(values_of({p[0]}), others);
}

TEST_P(EveryOptimizer, LeavesAFrozenParameterAlone) {
  const std::vector<Tensor> p = parameters(float32);
  Tensor(p[1]).requires_grad_(false);
  const auto optimizer = GetParam().make(p);
  const std::vector<double> values = values_of({p[1]}), others = values_of({p[0]});
  for (int i = 0; i < 2; ++i) step(*optimizer);
  EXPECT_EQ(values_of({p[1]}), values);
  EXPECT_NE(values_of({p[0]}), others);
}

TEST_P(EveryOptimizer, WritesToTheParametersOwnStorageWithoutHistory) {
  const std::vector<Tensor> p = parameters(float32);
  const char* where = p[0].data().raw_data();
  const auto optimizer = GetParam().make(p);
  step(*optimizer);
  EXPECT_EQ(p[0].data().raw_data(), where);
  EXPECT_TRUE(p[0].is_leaf() && p[0].requires_grad());
  optimizer->zero_grad();
  for (const Tensor& q : p) EXPECT_FALSE(q.grad().defined());
}

TEST_P(EveryOptimizer, CallsTheClosureWithGradientsRecorded) {
  const std::vector<Tensor> p = parameters(float32);
  const auto optimizer = GetParam().make(p);
  const std::vector<double> before = values_of(p);
  const NoGradGuard no_grad;
  step(*optimizer);
  EXPECT_NE(values_of(p), before);
}

TEST_P(EveryOptimizer, AStepBetweenForwardAndBackwardIsAnErrorNotAWrongGradient) {
  const std::vector<Tensor> p = parameters(float32);
  const auto optimizer = GetParam().make(p);
  const Tensor loss = (p[0] * p[0]).sum();
  step(*optimizer);
  EXPECT_THROWS(RuntimeError, "[mul] a value that backward needs was changed in place",
                loss.backward());
}

TEST_P(EveryOptimizer, NeedsNoMoreMemoryAfterTheFirstStep) {
  const std::vector<Tensor> p = {parameter(test::noise({100, 100}, float32, 1))};
  const auto optimizer = GetParam().make(p);
  // L-BFGS keeps the changes of its last two iterations here, of which its first step has none.
  const bool has_history = dynamic_cast<LBFGS*>(optimizer.get()) != nullptr;
  for (int i = 0; i < (has_history ? 4 : 1); ++i) step(*optimizer);
  const int64_t in_use = memory_stats().current;
  step(
      *optimizer);  // the first that begins with a gradient to be freed: the allocator may keep its block
  const int64_t reserved = memory_stats().reserved;
  for (int i = 0; i < 20; ++i) step(*optimizer);
  EXPECT_LE(memory_stats().current, in_use);
  EXPECT_LE(memory_stats().reserved, reserved);
}

TEST_P(EveryOptimizer, StepsOfHalfPrecisionAreThoseOfFloat32Rounded) {
  if (GetParam().name == "StrongWolfe") GTEST_SKIP() << "a line has no minimum";
  for (const DType dtype : {float16, bfloat16}) {
    const NDArray start = test::noise({4, 5}, float32).to(dtype);
    const NDArray slope = test::noise({4, 5}, float32, 7).to(dtype);
    const auto after_a_step = [&](DType in) {
      const Tensor p = parameter(start.to(in)), c = slope.to(in);
      const auto optimizer = GetParam().make({p});
      optimizer->step([&] {
        optimizer->zero_grad();
        Tensor loss = (p * c).sum();
        loss.backward();
        return loss;
      });
      EXPECT_EQ(p.dtype(), in);
      return p.data();
    };
    const NDArray expected = after_a_step(float32).to(dtype);
    EXPECT_NE(values_of({expected}), values_of({start}));
    EXPECT_CLOSE(after_a_step(dtype), values_of({expected}));
  }
}

TEST_P(EveryOptimizer, StepsParametersOfAnyLayout) {
  const NDArray start = test::noise({5, 4}, float64);
  const auto after_steps = [&](const NDArray& values) {
    const Tensor p = Tensor(values).requires_grad_();
    const auto optimizer = GetParam().make({p});
    for (int i = 0; i < 3; ++i) step(*optimizer);
    return test::elements(p.data());
  };
  const std::vector<double> expected = after_steps(start.clone());
  for (const NDArray& layout : test::layouts(start.clone())) {
    EXPECT_EQ(after_steps(layout), expected);
  }
}

TEST_P(EveryOptimizer, TakesGradientsThatAreNotContiguous) {
  const auto after_a_step = [&](const Tensor& gradient) {
    const Tensor p = parameter(test::noise({3, 4}, float64));
    const auto optimizer = GetParam().make({p});
    optimizer->step([&] {
      p.set_grad(gradient);
      return zeros({}, float64);
    });
    return test::elements(p.data());
  };
  const Tensor column = test::array({1, -2, 3}, {3, 1}, float64);
  const std::vector<double> all = {1, 1, 1, 1, -2, -2, -2, -2, 3, 3, 3, 3};
  EXPECT_EQ(after_a_step(column.expand({3, 4})), after_a_step(test::array(all, {3, 4}, float64)));
}

TEST_P(EveryOptimizer, TakesParametersWithoutElements) {
  const Tensor p = zeros({0, 3}).requires_grad_();
  const auto optimizer = GetParam().make({p});
  for (int i = 0; i < 2; ++i) step(*optimizer);
  EXPECT_EQ(p.shape(), Shape({0, 3}));
}

TEST_P(EveryOptimizer, RefusesTheStateOfAnother) {
  const std::vector<Tensor> p = parameters(float32);
  const auto optimizer = GetParam().make(p);
  for (const Case& other : cases()) {
    const StateDict state = other.make(p)->state_dict();
    const std::string name = state.begin()->first, own = optimizer->state_dict().begin()->first;
    if (name == own) continue;
    EXPECT_THROWS(RuntimeError, own + ": expected the state of " + own + ", got that of " + name,
                  optimizer->load_state_dict(state));
  }
}

TEST_P(EveryOptimizer, RefusesParametersThatItCannotTrain) {
  const Tensor leaf = ones({2, 2}).requires_grad_(), again = leaf;
  const auto& make = GetParam().make;
  EXPECT_THROWS(ValueError, "] expected at least one parameter, got none", make({}));
  EXPECT_THROWS(ValueError, "] expected leaves, got parameter 1: the result of mul",
                make({leaf, leaf * 2}));
  EXPECT_THROWS(ValueError, "] expected leaves, got parameter 1: an undefined tensor",
                make({leaf, Tensor()}));
  EXPECT_THROWS(ValueError,
                "] expected different parameters, got one as parameter 0 and as parameter 1",
                make({leaf, again}));
  const auto optimizer = make({leaf});
  EXPECT_THROWS(ValueError, "] lr: expected a finite number of at least 0, got -0.1",
                optimizer->set_lr(-0.1));
}

TEST_P(EveryOptimizer, RefusesWhatItCannotStepBeforeAnythingChanges) {
  struct Bad {
    const char* text;
    std::function<void(Tensor&)> spoil;  // and leave a gradient
  };
  const std::vector<Bad> all = {
      {"] expected floating parameters, got parameter 1 of bool",
       [](Tensor& p) {
         p.set_data(NDArray::ones({2, 2}, bool_));
         p.set_grad(ones({2, 2}, bool_));
       }},
      {"] expected a gradient of the shape of parameter 1, (2, 2), got (1,)",
       [](Tensor& p) {
         p.set_grad(ones({2, 2}));
         p.grad().set_data(NDArray::ones(1));
       }},
      {"] expected parameters with elements of their own, got parameter 1, which is "
       "expanded",
       [](Tensor& p) {
         p.set_data(NDArray::ones(1).expand({2, 2}));
         p.set_grad(ones({2, 2}));
       }},
      {"] expected leaves, got parameter 1: the result of mul",
       [](Tensor& p) {
         p.mul_(ones({2, 2}).requires_grad_());
         p.set_grad(ones({2, 2}));
       }},
  };
  for (const Bad& bad : all) {
    const Tensor good = parameter(test::noise({3, 3}, float32, 1));
    Tensor p = test::noise({2, 2}, float32, 2);  // frozen: no gradient in the first step
    const auto optimizer = GetParam().make({good, p});
    step(*optimizer);
    const std::vector<double> values = values_of({good});
    const auto steps = [&] {
      const StateDict state = optimizer->state_dict();
      return state.contains("state.0.step") ? state.at("state.0.step").item<int64_t>() : 0;
    };
    const int64_t before = steps();
    const auto closure = [&] {
      good.set_grad(ones({3, 3}));
      bad.spoil(p);
      return zeros({});
    };
    EXPECT_THROWS(Error, bad.text, optimizer->step(closure));
    EXPECT_EQ(values_of({good}), values);
    EXPECT_EQ(steps(), before);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryOptimizer, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lamina::nn::optim
