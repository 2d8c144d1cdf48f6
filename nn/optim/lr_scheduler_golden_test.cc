// Every schedule beside PyTorch 1.13, whose rates and parameters lr_scheduler_golden.py wrote to
// lr_scheduler_golden.txt, or to the file that LR_SCHEDULER_GOLDEN names; and each of these runs saved
// and loaded in the middle.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/optim/adam.h"
#include "lamina/nn/optim/combined_lr.h"
#include "lamina/nn/optim/lr_schedules.h"
#include "lamina/nn/optim/one_cycle_lr.h"
#include "lamina/nn/optim/reduce_lr_on_plateau.h"
#include "lamina/nn/optim/sgd.h"

namespace lamina::nn::optim {
namespace {

std::vector<std::string> split(const std::string& text, const std::string& at) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end; (end = text.find(at, begin)) != std::string::npos; begin = end + at.size()) {
    parts.push_back(text.substr(begin, end - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// "CLASS SETTING=VALUE ..."
class Spec {
 public:
  explicit Spec(const std::string& text) {
    std::istringstream words(text);
    words >> name;
    for (std::string word; words >> word;) {
      const auto parts = split(word, "=");
      settings_[parts.at(0)] = parts.at(1);
    }
  }
  // Overwrites an option that is set, and leaves the default of others.
  void read(const char* key, double& to) const {
    if (has(key)) to = std::stod(settings_.at(key));
  }
  void read(const char* key, int64_t& to) const {
    if (has(key)) to = std::stoll(settings_.at(key));
  }
  void read(const char* key, bool& to) const {
    if (has(key)) to = settings_.at(key) == "1";
  }
  void read(const char* key, std::vector<int64_t>& to) const {
    if (!has(key)) return;
    for (const std::string& part : split(settings_.at(key), ",")) to.push_back(std::stoll(part));
  }
  void read(const char* key, PerGroup& to) const {
    if (!has(key)) return;
    to.values.clear();
    for (const std::string& part : split(settings_.at(key), ",")) {
      to.values.push_back(std::stod(part));
    }
  }
  template <class T>
  void read(const char* key, T& to, const char* value, T meaning) const {
    if (has(key) && settings_.at(key) == value) to = meaning;
  }
  bool has(const char* key) const { return settings_.count(key) != 0; }

  std::string name;

 private:
  std::map<std::string, std::string> settings_;
};

using Schedule = std::variant<std::unique_ptr<LRScheduler>, std::unique_ptr<ReduceLROnPlateau>>;

Schedule make(const Spec& spec, Optimizer& optimizer) {
  if (spec.name == "StepLR") {
    StepLROptions o;
    spec.read("step_size", o.step_size);
    spec.read("gamma", o.gamma);
    return std::make_unique<StepLR>(optimizer, o);
  }
  if (spec.name == "MultiStepLR") {
    MultiStepLROptions o;
    spec.read("milestones", o.milestones);
    spec.read("gamma", o.gamma);
    return std::make_unique<MultiStepLR>(optimizer, o);
  }
  if (spec.name == "ConstantLR") {
    ConstantLROptions o;
    spec.read("factor", o.factor);
    spec.read("total_iters", o.total_iters);
    return std::make_unique<ConstantLR>(optimizer, o);
  }
  if (spec.name == "LinearLR") {
    LinearLROptions o;
    spec.read("start_factor", o.start_factor);
    spec.read("end_factor", o.end_factor);
    spec.read("total_iters", o.total_iters);
    return std::make_unique<LinearLR>(optimizer, o);
  }
  if (spec.name == "ExponentialLR") {
    ExponentialLROptions o;
    spec.read("gamma", o.gamma);
    return std::make_unique<ExponentialLR>(optimizer, o);
  }
  if (spec.name == "PolynomialLR") {
    PolynomialLROptions o;
    spec.read("total_iters", o.total_iters);
    spec.read("power", o.power);
    return std::make_unique<PolynomialLR>(optimizer, o);
  }
  if (spec.name == "LambdaLR") {
    double k = 0;
    spec.read("k", k);
    const auto falling = [](double by) -> LRLambda {
      return [by](int64_t t) { return 1 / (1 + by * static_cast<double>(t)); };
    };
    return std::make_unique<LambdaLR>(optimizer, std::vector<LRLambda>{falling(k), falling(2 * k)});
  }
  if (spec.name == "CosineAnnealingLR") {
    CosineAnnealingLROptions o;
    spec.read("T_max", o.T_max);
    spec.read("eta_min", o.eta_min);
    return std::make_unique<CosineAnnealingLR>(optimizer, o);
  }
  if (spec.name == "CosineAnnealingWarmRestarts") {
    CosineAnnealingWarmRestartsOptions o;
    spec.read("T_0", o.T_0);
    spec.read("T_mult", o.T_mult);
    spec.read("eta_min", o.eta_min);
    return std::make_unique<CosineAnnealingWarmRestarts>(optimizer, o);
  }
  if (spec.name == "OneCycleLR") {
    OneCycleLROptions o;
    spec.read("max_lr", o.max_lr);
    spec.read("total_steps", o.total_steps);
    spec.read("epochs", o.epochs);
    spec.read("steps_per_epoch", o.steps_per_epoch);
    spec.read("pct_start", o.pct_start);
    spec.read("anneal_strategy", o.anneal_strategy, "linear", OneCycleLROptions::Anneal::kLinear);
    spec.read("cycle_momentum", o.cycle_momentum);
    spec.read("base_momentum", o.base_momentum);
    spec.read("max_momentum", o.max_momentum);
    spec.read("div_factor", o.div_factor);
    spec.read("final_div_factor", o.final_div_factor);
    spec.read("three_phase", o.three_phase);
    return std::make_unique<OneCycleLR>(optimizer, o);
  }
  if (spec.name == "ReduceLROnPlateau") {
    using Options = ReduceLROnPlateauOptions;
    Options o;
    spec.read("mode", o.mode, "max", Options::Mode::kMax);
    spec.read("factor", o.factor);
    spec.read("patience", o.patience);
    spec.read("threshold", o.threshold);
    spec.read("threshold_mode", o.threshold_mode, "abs", Options::ThresholdMode::kAbs);
    spec.read("cooldown", o.cooldown);
    spec.read("min_lr", o.min_lr);
    spec.read("eps", o.eps);
    return std::make_unique<ReduceLROnPlateau>(optimizer, o);
  }
  throw ValueError("no such schedule: " + spec.name);
}

// An optimizer of two groups, and the schedules that a line describes.
class Training {
 public:
  explicit Training(const std::string& text) {
    if (text.find("adam=1") != std::string::npos) {
      add_groups<Adam>(AdamOptions{.lr = 0.5}, AdamOptions{.lr = 0.03});
    } else {
      add_groups<SGD>(SGDOptions{.lr = 0.5, .momentum = 0.9},
                      SGDOptions{.lr = 0.03, .momentum = 0.9});
    }
    const auto parts = split(text, " : ");
    const Spec head(parts[0]);
    for (size_t i = 1; i < parts.size(); ++i) all_.push_back(make(Spec(parts[i]), *optimizer_));
    if (head.name == "SequentialLR") {
      std::vector<int64_t> milestones;
      head.read("milestones", milestones);
      all_.push_back(std::make_unique<SequentialLR>(*optimizer_, pointers(), milestones));
    } else if (head.name == "ChainedScheduler") {
      all_.push_back(std::make_unique<ChainedScheduler>(pointers()));
    } else if (head.name != "Chain") {
      all_.push_back(make(head, *optimizer_));
    }
    first_stepped_ = head.name == "Chain" ? 0 : all_.size() - 1;
  }

  void step(int64_t epoch) {
    for (const Tensor& p : parameters_) {
      p.set_grad(full({1}, std::cos(static_cast<double>(epoch)), float64));
    }
    optimizer_->step();
    for (size_t i = first_stepped_; i < all_.size(); ++i) {
      if (auto* schedule = std::get_if<std::unique_ptr<LRScheduler>>(&all_[i])) {
        (*schedule)->step();
        EXPECT_EQ((*schedule)->last_epoch(), epoch);
        EXPECT_EQ((*schedule)->last_lr(), rates());
      } else {
        std::get<std::unique_ptr<ReduceLROnPlateau>>(all_[i])->step(
            static_cast<double>(37 * epoch % 100) / static_cast<double>(10 + epoch));
      }
    }
  }
  std::vector<double> rates() const { return {optimizer_->lr(0), optimizer_->lr(1)}; }
  double momentum() const { return optimizer_->momentum(); }
  std::vector<double> values() const {
    return {parameters_[0].item<double>(), parameters_[1].item<double>()};
  }

  std::vector<StateDict> save() const {
    std::vector<StateDict> states = {optimizer_->state_dict()};
    for (size_t i = first_stepped_; i < all_.size(); ++i) {
      states.push_back(std::visit([](const auto& s) { return s->state_dict(); }, all_[i]));
    }
    return states;
  }
  // The states of another one, and its parameters.
  void load(const std::vector<StateDict>& states, const std::vector<double>& values) {
    for (size_t i = 0; i < 2; ++i) parameters_[i].data().at<double>({0}) = values[i];
    optimizer_->load_state_dict(states.at(0));
    for (size_t i = first_stepped_; i < all_.size(); ++i) {
      std::visit([&](const auto& s) { s->load_state_dict(states.at(1 + i - first_stepped_)); },
                 all_[i]);
    }
  }

 private:
  template <class O, class Options>
  void add_groups(const Options& first, const Options& second) {
    auto optimizer = std::make_unique<O>(Parameters({parameters_[0]}), first);
    optimizer->add_group({parameters_[1]}, second);
    optimizer_ = std::move(optimizer);
  }
  std::vector<LRScheduler*> pointers() const {
    std::vector<LRScheduler*> out;
    for (const Schedule& schedule : all_) {
      out.push_back(std::get<std::unique_ptr<LRScheduler>>(schedule).get());
    }
    return out;
  }

  const std::vector<Tensor> parameters_ = {zeros(1, float64).requires_grad_(),
                                           zeros(1, float64).requires_grad_()};
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<Schedule> all_;
  size_t first_stepped_;
};

// "X" or "X*N", N times X.
std::vector<double> column(const std::string& text) {
  std::istringstream words(text);
  std::vector<double> values;
  for (std::string word; words >> word;) {
    const auto parts = split(word, "*");
    values.insert(values.end(), parts.size() > 1 ? std::stoul(parts[1]) : 1, std::stod(parts[0]));
  }
  return values;
}

void for_each_line(const std::function<void(const std::string& text,
                                            const std::vector<std::vector<double>>& columns)>& fn) {
  const char* other = std::getenv("LR_SCHEDULER_GOLDEN");
  std::ifstream file(other != nullptr ? other : "nn/optim/lr_scheduler_golden.txt");
  ASSERT_TRUE(file);
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const size_t momenta = line.find(" m= "), values = line.find(" p= ");
    ASSERT_NE(momenta, std::string::npos) << line;
    ASSERT_NE(values, std::string::npos) << line;
    const auto parts = split(line.substr(0, momenta), " = ");
    ASSERT_EQ(parts.size(), 3u) << line;
    SCOPED_TRACE(parts[0]);
    fn(parts[0],
       {column(parts[1]), column(parts[2]), column(line.substr(momenta + 4, values - momenta - 4)),
        column(line.substr(values + 4))});
  }
  EXPECT_EQ(lines, 45);
}

TEST(LRSchedulerGolden, RatesMomentaAndParametersArePyTorchs) {
  for_each_line([](const std::string& text, const std::vector<std::vector<double>>& columns) {
    const size_t steps = columns[0].size();
    ASSERT_GE(steps, 120u);
    ASSERT_EQ(columns[1].size(), steps);
    ASSERT_EQ(columns[2].size(), steps);
    ASSERT_EQ(columns[3].size(), (steps + 9) / 10);
    Training training(text);
    for (size_t epoch = 0; epoch < steps; ++epoch) {
      if (epoch > 0) training.step(static_cast<int64_t>(epoch));
      const std::vector<double> now = {training.rates()[0], training.rates()[1],
                                       training.momentum()};
      for (size_t i = 0; i < 3; ++i) {
        const double expected = columns[i][epoch];
        ASSERT_NEAR(now[i], expected, 1e-9 * expected + 1e-14) << "epoch " << epoch;
      }
      if (epoch % 10 != 0) continue;
      const double expected = columns[3][epoch / 10];
      ASSERT_NEAR(training.values()[0], expected, 1e-8 * std::max(1.0, std::abs(expected)))
          << "epoch " << epoch;
    }
  });
}

TEST(LRSchedulerGolden, ARunThatIsSavedAndLoadedGoesOnExactly) {
  for (const int64_t middle : {1, 10, 57}) {
    for_each_line([&](const std::string& text, const std::vector<std::vector<double>>& columns) {
      Training unbroken(text), resumed(text);
      for (int64_t epoch = 1; epoch <= middle; ++epoch) unbroken.step(epoch);
      resumed.load(unbroken.save(), unbroken.values());
      for (int64_t epoch = middle + 1; epoch < static_cast<int64_t>(columns[0].size()); ++epoch) {
        unbroken.step(epoch);
        resumed.step(epoch);
        ASSERT_EQ(resumed.rates(), unbroken.rates()) << "epoch " << epoch;
        ASSERT_EQ(resumed.momentum(), unbroken.momentum()) << "epoch " << epoch;
        ASSERT_EQ(resumed.values(), unbroken.values()) << "epoch " << epoch;
      }
    });
  }
}

}  // namespace
}  // namespace lamina::nn::optim
