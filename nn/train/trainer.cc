#include "lamina/nn/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "lamina/nn/data/state_difference.h"
#include "lamina/nn/edit_distance.h"
#include "lamina/nn/module.h"
#include "lamina/nn/state_reader.h"
#include "lamina/nn/train/not_finite.h"

namespace lamina::nn::train {
namespace {

using nn::internal::saved;
using nn::internal::StateReader;

constexpr const char* kName = "Trainer";

constexpr char kLoader[] = "loader.";
std::string callback_prefix(size_t i) { return absl::StrCat("callbacks.", i, "."); }

// True while it lives.
class Fitting {
 public:
  explicit Fitting(bool* fitting) : fitting_(fitting) { *fitting_ = true; }
  ~Fitting() { *fitting_ = false; }
  Fitting(const Fitting&) = delete;
  Fitting& operator=(const Fitting&) = delete;

 private:
  bool* const fitting_;
};

// Puts the metrics' sums back when it goes.
class SumsGuard {
 public:
  explicit SumsGuard(const std::vector<Metric*>& metrics) : metrics_(metrics) {
    for (Metric* metric : metrics) sums_.push_back(metric->sums());
    for (Metric* metric : metrics) metric->reset();
  }
  ~SumsGuard() {
    for (size_t i = 0; i < sums_.size(); ++i) metrics_[i]->set_sums(std::move(sums_[i]));
  }
  SumsGuard(const SumsGuard&) = delete;
  SumsGuard& operator=(const SumsGuard&) = delete;

 private:
  const std::vector<Metric*>& metrics_;
  std::vector<std::vector<double>> sums_;
};

}  // namespace

void Callback::load_state_dict(const StateDict& state) {
  if (!state.empty()) {
    fail<RuntimeError>("Callback", "expected no state, got one with ", state.begin()->first);
  }
}

Trainer::Trainer(Layer& model, Loss& loss, optim::Optimizer& optimizer,
                 const TrainerOptions& options)
    : model_(model), loss_(loss), optimizer_(optimizer), options_(options) {
  if (options.epochs < 0) {
    fail<ValueError>(kName, "expected epochs of at least 0, got ", options.epochs);
  }
  if (options.accumulate < 1) {
    fail<ValueError>(kName, "expected accumulate of at least 1, got ", options.accumulate);
  }
}

void Trainer::check_at_rest(const char* function) const {
  if (!is_fitting_) return;
  fail<RuntimeError>(kName, "expected ", function, "() before or after fit(), got it meanwhile");
}

Trainer& Trainer::add(Metric& metric) {
  check_at_rest("add");
  if (metric.name() == "loss") {
    fail<ValueError>(kName, "expected a metric of another name than that of the loss, got loss");
  }
  for (const Metric* other : metrics_) {
    if (other->name() == metric.name()) {
      fail<ValueError>(kName, "expected metrics of different names, got two of the name ",
                       metric.name());
    }
  }
  metrics_.push_back(&metric);
  return *this;
}

Trainer& Trainer::add(Callback& callback) {
  check_at_rest("add");
  if (std::find(callbacks_.begin(), callbacks_.end(), &callback) != callbacks_.end()) {
    fail<ValueError>(kName, "expected callbacks that differ, got the same one twice");
  }
  callbacks_.push_back(&callback);
  return *this;
}

void Trainer::call(void (Callback::*event)(Trainer&)) {
  for (Callback* callback : callbacks_) (callback->*event)(*this);
}

void Trainer::stop(std::string reason) {
  if (!stopped_) stopped_ = std::move(reason);
}

// ---- Training

FitResult Trainer::fit(data::DataLoader& train, data::DataLoader* validation) {
  check_at_rest("fit");
  check_position(train);
  const ModeGuard mode(model_);
  const Fitting fitting(&is_fitting_);
  stopped_.reset();
  validates_ = validation != nullptr;
  call(&Callback::on_fit_begin);
  while (epoch_ < options_.epochs && !is_stopping() && train_epoch(train)) {
    finish_epoch(validation);
  }
  call(&Callback::on_fit_end);
  return {history_, stop_reason()};
}

// What fixes the batches of the loader's pass, by name.
StateDict Trainer::pass_of(const data::DataLoader& loader) {
  StateDict state = loader.state_dict();
  state.erase("position");
  return state;
}

void Trainer::check_position(const data::DataLoader& loader) const {
  if (batches_ == 0) return;
  const StateDict pass = pass_of(loader);
  std::vector<std::string> problems;
  for (const auto& [name, expected] : pass_) {
    const std::optional<Tensor>* got = pass.find(name);
    const std::string difference = got == nullptr
                                       ? "expected one, got none"
                                       : data::internal::state_difference(expected, *got);
    if (!difference.empty()) problems.push_back(absl::StrCat(name, ": ", difference));
  }
  for (const auto& entry : pass) {
    if (!pass_.contains(entry.first)) {
      problems.push_back(absl::StrCat(entry.first, ": expected none, got one"));
    }
  }
  const auto position = loader.state_dict().at("position").item<int64_t>();
  if (position != batches_) {
    problems.push_back(absl::StrCat("position: expected ", batches_, ", got ", position));
  }
  if (problems.empty()) return;
  fail<RuntimeError>(kName,
                     "expected the loader in the middle of the pass in which this epoch was left, "
                     "got one that differs; the states of loader and trainer belong together:\n\t",
                     absl::StrJoin(problems, "\n\t"));
}

bool Trainer::train_epoch(data::DataLoader& loader) {
  model_.train();
  const int64_t batches = loader.batches();
  samples_in_epoch_ = loader.samples();
  if (batches_ == 0) {
    loader.rewind();  // the state of another trainer's may have been loaded
    loss_sum_ = 0;
    for (Metric* metric : metrics_) metric->reset();
  } else {
    loader.load_state_dict(loader.state_dict());  // goes on with the pass that was left
  }
  call(&Callback::on_epoch_begin);
  for (const data::Batch& batch : loader) {
    if (batches_ == 0) pass_ = pass_of(loader);
    const bool ends_group = (batches_ + 1) % options_.accumulate == 0 || batches_ + 1 == batches;
    train_batch(batch, ends_group);
    if (ends_group && is_stopping()) return false;
  }
  return true;
}

void Trainer::train_batch(const data::Batch& batch, bool ends_group) {
  const bool accumulates = options_.accumulate > 1;
  if (batches_ % options_.accumulate == 0) {
    optimizer_.zero_grad();
    group_samples_ = 0;
  }
  const Generator::State random = default_generator().state();
  const Tensor outputs = model_(batch.x);
  const Tensor loss = loss_(outputs, batch.y);
  last_loss_ = loss.item<double>();
  if (!std::isfinite(last_loss_)) fail_not_finite(batch, random);
  for (Metric* metric : metrics_) metric->update(outputs, batch.y);
  const int64_t size = batch.size();
  (accumulates ? loss * size : loss).backward();
  loss_sum_ += last_loss_ * static_cast<double>(size);
  samples_ += size;
  group_samples_ += size;
  ++batches_;
  call(&Callback::on_batch_end);
  if (!ends_group) return;

  if (accumulates) {
    const NoGradGuard no_grad;
    for (const Tensor& parameter : optimizer_.parameters()) {
      if (parameter.grad().defined()) parameter.set_grad(parameter.grad() / group_samples_);
    }
  }
  call(&Callback::on_gradients);
  optimizer_.step();
  ++step_;
  call(&Callback::on_step);
}

void Trainer::finish_epoch(data::DataLoader* validation) {
  EpochRecord record = {{"train_loss", running_loss()}};
  for (const Metric* metric : metrics_) {
    record.emplace_back("train_" + metric->name(), metric->value());
  }
  record.emplace_back("lr", optimizer_.lr());
  history_.push_back(std::move(record));
  ++epoch_;
  batches_ = samples_ = 0;
  if (validation != nullptr) validate(*validation);
  call(&Callback::on_epoch_end);
}

void Trainer::validate(const data::DataLoader& loader) {
  EpochRecord values;
  std::exception_ptr first;
  const auto attempt = [&first](const auto& function) {
    try {
      function();
    } catch (...) {
      if (first == nullptr) first = std::current_exception();
    }
  };
  attempt([&] {
    call(&Callback::on_validation_begin);
    values = evaluate(loader);
  });
  // All of them, whatever one throws: another has weights to give back.
  for (Callback* callback : callbacks_) attempt([&] { callback->on_validation_end(*this); });
  if (first != nullptr) std::rethrow_exception(first);
  EpochRecord& record = history_.back();
  for (auto& [name, value] : values) {
    record.insert(record.end() - 1, {"val_" + name, value});  // the learning rate comes last
  }
}

EpochRecord Trainer::evaluate(const data::DataLoader& loader) {
  const ModeGuard mode(model_);
  model_.eval();
  const NoGradGuard no_grad;
  const SumsGuard sums(metrics_);
  data::DataLoader copy = loader;
  copy.rewind();
  double loss_sum = 0;
  int64_t samples = 0;
  for (const data::Batch& batch : copy) {
    const Tensor outputs = model_(batch.x);
    loss_sum += loss_(outputs, batch.y).item<double>() * static_cast<double>(batch.size());
    samples += batch.size();
    for (Metric* metric : metrics_) metric->update(outputs, batch.y);
  }
  EpochRecord record = {{"loss", loss_sum / static_cast<double>(samples)}};
  for (const Metric* metric : metrics_) record.emplace_back(metric->name(), metric->value());
  return record;
}

void Trainer::fail_not_finite(const data::Batch& batch, Generator::State random) {
  fail<RuntimeError>(kName, "expected a finite loss, got ", last_loss_, " in step ", step_ + 1,
                     " (epoch ", epoch_ + 1, ", batch ", batches_ + 1,
                     "): ", internal::cause_of_loss_not_finite(model_, loss_, batch.x, random));
}

std::string Trainer::not_finite_parameter() const { return internal::not_finite_parameter(model_); }

// ---- Values by name

std::vector<std::string> Trainer::value_names(bool validates) const {
  std::vector<std::string> names;
  for (const char* part : {"train_", "val_"}) {
    if (part[0] == 'v' && !validates) continue;
    names.push_back(absl::StrCat(part, "loss"));
    for (const Metric* metric : metrics_) names.push_back(absl::StrCat(part, metric->name()));
  }
  names.emplace_back("lr");
  return names;
}

void Trainer::check_value_name(absl::string_view name) const {
  if (!is_fitting_) {
    fail<RuntimeError>(kName,
                       "expected check_value_name() while fit() runs, which knows whether "
                       "there is data to validate on, got it before or after");
  }
  const std::vector<std::string> names = value_names(validates_);
  if (absl::c_linear_search(names, name)) return;
  const bool wants_validation = absl::c_linear_search(value_names(true), name);
  const std::string& closest =
      *absl::c_min_element(names, [name](const std::string& a, const std::string& b) {
        return edit_distance(a, name) < edit_distance(b, name);
      });
  fail<ValueError>(kName, "expected one of ", absl::StrJoin(names, ", "), ", got ", name,
                   wants_validation ? "; fit() was given no data to validate on"
                                    : absl::StrCat("; the closest name is ", closest));
}

double Trainer::value(absl::string_view name) const {
  std::vector<std::string> names;
  if (!history_.empty()) {
    for (const auto& [key, value] : history_.back()) {
      if (key == name) return value;
      names.push_back(key);
    }
  }
  fail<ValueError>(kName, "expected one of ", absl::StrJoin(names, ", "), ", got ", name);
}

bool Trainer::higher_is_better(absl::string_view name) const {
  const absl::string_view quantity = ValueName(name).quantity;
  std::vector<std::string> names = {"loss"};
  if (quantity == "loss") return false;
  for (const Metric* metric : metrics_) {
    if (quantity == metric->name()) return metric->higher_is_better();
    names.push_back(metric->name());
  }
  fail<ValueError>(kName, "expected one of ", absl::StrJoin(names, ", "),
                   ", with train_ or val_ in front, got ", name);
}

// ---- State

StateDict Trainer::state_dict() const {
  StateDict state = {{kName, std::nullopt},        {"epoch", saved(epoch_)},
                     {"step", saved(step_)},       {"batches", saved(batches_)},
                     {"samples", saved(samples_)}, {"loss_sum", saved(loss_sum_)}};
  for (const Metric* metric : metrics_) {
    const auto n = static_cast<int64_t>(metric->sums().size());
    state.set("metrics." + metric->name(), tensor(metric->sums(), {n}));
  }
  if (batches_ > 0) state.add(kLoader, pass_);
  internal::save_history(history_, &state);
  size_t count = 0;
  for (const Callback* callback : callbacks_) {
    StateDict own = callback->state_dict();
    if (!own.empty()) state.add(callback_prefix(count++), std::move(own));
  }
  return state;
}

void Trainer::load_state_dict(const StateDict& state) {
  check_at_rest("load_state_dict");
  StateDict rest = state;
  struct Part {
    Callback* callback;
    StateDict before, loaded;
  };
  std::vector<Part> parts;
  for (Callback* callback : callbacks_) {
    StateDict own = callback->state_dict();
    if (own.empty()) continue;
    parts.push_back({callback, own.clone(), rest.take(callback_prefix(parts.size()))});
  }

  StateReader reader(rest);
  reader.marker("", kName);
  const int64_t epoch = reader.count("epoch"), step = reader.count("step"),
                batches = reader.count("batches"), samples = reader.count("samples");
  const std::optional<double> loss_sum = reader.number("loss_sum");
  std::vector<std::vector<double>> sums;
  for (const Metric* metric : metrics_) {
    const std::string key = "metrics." + metric->name();
    std::optional<std::vector<double>> loaded = reader.numbers(key);
    if (loaded && loaded->size() != metric->sums().size()) {
      reader.note(key,
                  absl::StrCat("expected ", metric->sums().size(), " sums, got ", loaded->size()));
    }
    sums.push_back(std::move(loaded).value_or(std::vector<double>()));
  }
  std::vector<EpochRecord> history = internal::load_history(rest, epoch, &reader);
  StateDict pass;
  for (const auto& [key, value] : rest) {
    absl::string_view name = key;
    if (batches == 0 || !absl::ConsumePrefix(&name, kLoader)) continue;
    reader.has(key);
    pass.set(std::string(name), value);
  }
  if (batches > 0 && pass.empty()) {
    reader.note("loader", "expected that of the pass which was left, got none");
  }
  reader.finish(kName);

  // The callbacks' last, one by one: those that were loaded go back if another one refuses.
  size_t loaded = 0;
  try {
    for (; loaded < parts.size(); ++loaded)
      parts[loaded].callback->load_state_dict(parts[loaded].loaded);
  } catch (...) {
    while (loaded > 0) {
      --loaded;
      parts[loaded].callback->load_state_dict(parts[loaded].before);
    }
    throw;
  }
  epoch_ = epoch;
  step_ = step;
  batches_ = batches;
  samples_ = samples;
  loss_sum_ = *loss_sum;
  history_ = std::move(history);
  pass_ = pass.clone();
  for (size_t i = 0; i < metrics_.size(); ++i) metrics_[i]->set_sums(std::move(sums[i]));
}

}  // namespace lamina::nn::train
