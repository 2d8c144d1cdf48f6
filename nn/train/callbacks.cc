#include "lamina/nn/train/callbacks.h"

#include <signal.h>

#include <atomic>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lamina/nn/optim/clip_grad.h"
#include "lamina/nn/state_reader.h"

namespace lamina::nn::train {
namespace {

using nn::internal::saved;
using nn::internal::StateReader;

// By more than min_delta; a first value is better than none.
bool is_better(bool higher, double value, std::optional<double> best, double min_delta = 0) {
  if (std::isnan(value)) return false;
  if (!best) return true;
  return higher ? value > *best + min_delta : value < *best - min_delta;
}

// That there will be such a value, which can be better than another.
void check_monitor(const Trainer& trainer, const std::string& monitor) {
  trainer.check_value_name(monitor);
  trainer.higher_is_better(monitor);
}

std::unique_ptr<optim::ExponentialMovingAverage::SwappedIn> swapped_in(
    optim::ExponentialMovingAverage& average) {
  using SwappedIn = optim::ExponentialMovingAverage::SwappedIn;
  return std::unique_ptr<SwappedIn>(new SwappedIn(average.swap_in()));  // which cannot be moved
}

// ---- The best value so far in a state: no value if there is none

void save_best(std::optional<double> best, StateDict* state) {
  state->set("best", best ? std::optional<Tensor>(saved(*best)) : std::nullopt);
}

std::optional<double> load_best(const StateDict& state, StateReader* reader) {
  const std::optional<Tensor>* entry = state.find("best");
  if (entry == nullptr || entry->has_value()) return reader->number("best");
  reader->has("best");
  return std::nullopt;
}

}  // namespace

// ---- EarlyStopping

EarlyStopping::EarlyStopping(EarlyStoppingOptions options) : options_(std::move(options)) {
  if (options_.patience < 1) {
    fail<ValueError>("EarlyStopping", "expected patience of at least 1, got ", options_.patience);
  }
  if (!(options_.min_delta >= 0)) {
    fail<ValueError>("EarlyStopping", "expected min_delta of at least 0, got ", options_.min_delta);
  }
}

void EarlyStopping::on_fit_begin(Trainer& trainer) {
  check_monitor(trainer, options_.monitor);
  stop_if_due(trainer);
}

void EarlyStopping::on_epoch_end(Trainer& trainer) {
  const double value = trainer.value(options_.monitor);
  const bool higher = trainer.higher_is_better(options_.monitor);
  if (is_better(higher, value, best_, options_.min_delta)) {
    best_ = value;
    bad_epochs_ = 0;
  } else {
    ++bad_epochs_;
  }
  stop_if_due(trainer);
}

void EarlyStopping::stop_if_due(Trainer& trainer) const {
  if (bad_epochs_ < options_.patience) return;
  trainer.stop(absl::StrCat(options_.monitor, " has not got better",
                            best_ ? absl::StrCat(" than ", *best_) : "", " for ", bad_epochs_,
                            " epochs"));
}

StateDict EarlyStopping::state_dict() const {
  StateDict state = {{"EarlyStopping", std::nullopt}, {"bad_epochs", saved(bad_epochs_)}};
  save_best(best_, &state);
  return state;
}

void EarlyStopping::load_state_dict(const StateDict& state) {
  StateReader reader(state);
  reader.marker("", "EarlyStopping");
  const int64_t bad_epochs = reader.count("bad_epochs");
  const std::optional<double> best = load_best(state, &reader);
  reader.finish("EarlyStopping");
  bad_epochs_ = bad_epochs;
  best_ = best;
}

// ---- BestWeights

void BestWeights::on_fit_begin(Trainer& trainer) { check_monitor(trainer, monitor_); }

void BestWeights::on_epoch_end(Trainer& trainer) {
  const double value = trainer.value(monitor_);
  if (!is_better(trainer.higher_is_better(monitor_), value, best_)) return;
  best_ = value;
  epoch_ = trainer.epoch();
  std::unique_ptr<optim::ExponentialMovingAverage::SwappedIn> averaged;
  if (average_ != nullptr && average_->update_count() > 0) averaged = swapped_in(*average_);
  weights_ = trainer.model().state_dict().clone();
}

void BestWeights::restore(Module& model) const {
  if (!best_) {
    fail<RuntimeError>("BestWeights", "expected an epoch with a ", monitor_, ", got none so far");
  }
  model.load_state_dict(weights_);
}

StateDict BestWeights::state_dict() const {
  StateDict state = {{"BestWeights", std::nullopt}, {"epoch", saved(epoch_)}};
  save_best(best_, &state);
  state.add("weights.", weights_);
  return state;
}

void BestWeights::load_state_dict(const StateDict& state) {
  StateDict rest = state, weights = rest.take("weights.").clone();
  StateReader reader(rest);
  reader.marker("", "BestWeights");
  const int64_t epoch = reader.count("epoch");
  const std::optional<double> best = load_best(rest, &reader);
  reader.finish("BestWeights");
  epoch_ = epoch;
  best_ = best;
  weights_ = std::move(weights);
}

// ---- LearningRateSchedule

void LearningRateSchedule::on_step(Trainer&) {
  if (every_ == Every::kStep) schedule_.step();
}
void LearningRateSchedule::on_epoch_end(Trainer&) {
  if (every_ == Every::kEpoch) schedule_.step();
}

// ---- GradientClipping

GradientClipping::GradientClipping(const GradientClippingOptions& options) : options_(options) {
  const auto check = [](const char* name, std::optional<double> bound) {
    if (bound && !(*bound >= 0)) {
      fail<ValueError>("GradientClipping", "expected ", name, " of at least 0, got ", *bound);
    }
  };
  check("max_norm", options.max_norm);
  check("value", options.value);
}

void GradientClipping::on_gradients(Trainer& trainer) {
  const std::vector<Tensor> parameters = trainer.optimizer().parameters();
  if (options_.max_norm) last_norm_ = clip_grad_norm_(parameters, *options_.max_norm);
  if (options_.value) clip_grad_value_(parameters, *options_.value);
}

// ---- WeightAveraging

void WeightAveraging::on_validation_begin(Trainer&) {
  if (average_.update_count() == 0) return;  // an epoch of no steps
  swapped_in_ = swapped_in(average_);
}

// ---- TimeLimit

TimeLimit::TimeLimit(double seconds) : seconds_(seconds) {
  if (!(seconds >= 0)) {
    fail<ValueError>("TimeLimit", "expected at least 0 seconds, got ", seconds);
  }
}

void TimeLimit::on_step(Trainer& trainer) {
  const std::chrono::duration<double> passed = Clock::now() - start_;
  if (passed.count() >= seconds_) trainer.stop(absl::StrCat("the time limit of ", seconds_, " s"));
}

// ---- StopOnSignal

namespace {

std::atomic<int> signal_number{0};
std::atomic<bool> is_handled{false};
// As they were before.
struct sigaction old_interrupt = {}, old_terminate = {};

void restore_signals() {
  sigaction(SIGINT, &old_interrupt, nullptr);
  sigaction(SIGTERM, &old_terminate, nullptr);
}

void note_signal(int number) {
  signal_number = number;
  restore_signals();
}

void note_unless_ignored(int number, struct sigaction* old) {
  sigaction(number, nullptr, old);
  if ((old->sa_flags & SA_SIGINFO) == 0 && old->sa_handler == SIG_IGN) return;  // NOLINT: SIG_IGN
  struct sigaction action = {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

}  // namespace

struct StopOnSignal::Handlers {
  Handlers() {
    signal_number = 0;
    note_unless_ignored(SIGINT, &old_interrupt);
    note_unless_ignored(SIGTERM, &old_terminate);
  }
  ~Handlers() {
    restore_signals();
    is_handled = false;
  }
};

StopOnSignal::StopOnSignal() = default;
StopOnSignal::~StopOnSignal() = default;

void StopOnSignal::on_fit_begin(Trainer&) {
  handlers_.reset();  // of a fit() that threw
  if (is_handled.exchange(true)) {
    fail<RuntimeError>("StopOnSignal", "expected to be the only one at work, got another one");
  }
  handlers_ = std::make_unique<Handlers>();
}

void StopOnSignal::on_fit_end(Trainer&) { handlers_.reset(); }

void StopOnSignal::stop_if_due(Trainer& trainer) const {
  const int number = signal_number;
  if (number != 0) trainer.stop(number == SIGINT ? kInterrupted : kTerminated);
}

}  // namespace lamina::nn::train
