#include "lamina/nn/optim/weight_average.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lamina/nn/state_reader.h"

namespace lamina::nn::optim {
namespace {
constexpr char kName[] = "ExponentialMovingAverage";
}  // namespace

ExponentialMovingAverage::ExponentialMovingAverage(const Module& model,
                                                   const ExponentialMovingAverageOptions& options)
    : options_(options) {
  for (auto& [name, weight] : model.named_parameters()) add(name, weight);
  if (options.use_buffers) {
    for (auto& [name, buffer] : model.named_buffers()) {
      if (buffer.defined() && is_floating(buffer.dtype())) add(name, buffer);
    }
  }
  check_made();
}

ExponentialMovingAverage::ExponentialMovingAverage(Parameters weights,
                                                   const ExponentialMovingAverageOptions& options)
    : options_(options) {
  weights.check_names(kName);
  for (size_t i = 0; i < weights.tensors.size(); ++i) {
    add(weights.names.empty() ? absl::StrCat(i) : weights.names[i], weights.tensors[i]);
  }
  check_made();
}

void ExponentialMovingAverage::check_made() const {
  if (!(options_.decay >= 0 && options_.decay < 1)) {
    fail<ValueError>(kName, "decay: expected a number from 0 to below 1, got ", options_.decay);
  }
  if (entries_.empty()) fail<ValueError>(kName, "expected at least one weight, got none");
  absl::flat_hash_set<absl::string_view> names;  // the state has an entry for each
  for (const Entry& entry : entries_) {
    if (!names.insert(entry.name).second) {
      fail<ValueError>(kName, "expected weights of different names, got two of ", entry.name);
    }
  }
}

void ExponentialMovingAverage::add(std::string name, const Tensor& weight) {
  if (!weight.defined()) {
    fail<ValueError>(kName, "expected weights, got an undefined tensor as ", name);
  }
  if (!is_floating(weight.dtype())) {
    fail<ValueError>(kName, "expected floating weights, got ", name, " of ",
                     name_of(weight.dtype()));
  }
  NDArray average = NDArray::empty(weight.shape(), to_computing(weight.dtype()));
  average.copy_(weight.data());
  entries_.push_back({std::move(name), weight, std::move(average)});
}

void ExponentialMovingAverage::check_weight(const Entry& entry) const {
  if (!is_floating(entry.weight.dtype())) {
    fail<DTypeError>(kName, "expected floating weights, got ", entry.name, " of ",
                     name_of(entry.weight.dtype()));
  }
  if (entry.weight.shape() == entry.average.shape()) return;
  fail<ShapeError>(kName, "expected the shape of earlier updates, ", entry.average.shape().str(),
                   ", for ", entry.name, ", got ", entry.weight.shape().str());
}

void ExponentialMovingAverage::update() {
  if (is_swapped_in_) {
    fail<RuntimeError>(kName,
                       "expected an update by the weights, got one while averages are in place");
  }
  for (const Entry& entry : entries_) check_weight(entry);
  for (Entry& entry : entries_) {
    const NDArray& weight = entry.weight.data();
    const DType dtype = to_computing(weight.dtype());
    if (entry.average.dtype() != dtype) {  // the model was converted
      entry.average = entry.average.to(dtype);
    }
    if (updates_ == 0) {
      entry.average.copy_(weight);
    } else {
      entry.average.mul_(options_.decay).add_(weight.to(entry.average.dtype()), 1 - options_.decay);
    }
  }
  ++updates_;
}

// ---- Swapping

ExponentialMovingAverage::SwappedIn::SwappedIn(ExponentialMovingAverage* average)
    : average_(*average) {
  if (average->is_swapped_in_) {
    fail<RuntimeError>(kName,
                       "expected the weights in place, got averages that are swapped in already");
  }
  if (average->updates_ == 0) fail<RuntimeError>(kName, "expected an update before, got none");
  std::vector<NDArray> values;
  for (const Entry& entry : average->entries_) {
    if (!entry.weight.is_leaf()) {
      fail<RuntimeError>(kName, "expected leaves, got ", entry.name, ": the result of ",
                         entry.weight.grad_fn().name());
    }
    average->check_weight(entry);
    own_.push_back(entry.weight.data());
    values.push_back(NDArray::empty(entry.weight.shape(), entry.weight.dtype()));
    values.back().copy_(entry.average);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    average->entries_[i].weight.set_data(std::move(values[i]));
  }
  average->is_swapped_in_ = true;
}

ExponentialMovingAverage::SwappedIn::~SwappedIn() {
  for (size_t i = 0; i < own_.size(); ++i) {
    const Tensor& weight = average_.entries_[i].weight;
    if (weight.is_leaf()) weight.set_data(std::move(own_[i]));  // else it would throw
  }
  average_.is_swapped_in_ = false;
}

// ---- State

StateDict ExponentialMovingAverage::state_dict() const {
  StateDict state;
  state.set(kName, std::nullopt);
  state.set("updates", nn::internal::saved(updates_));
  for (const Entry& entry : entries_) state.set("average." + entry.name, Tensor(entry.average));
  return state;
}

void ExponentialMovingAverage::load_state_dict(const StateDict& state) {
  nn::internal::StateReader reader(state);
  reader.marker("", kName);
  const int64_t updates = reader.count("updates");
  std::vector<NDArray> averages;
  for (const Entry& entry : entries_) {
    averages.push_back(reader.array("average." + entry.name, entry.average.shape(),
                                    entry.average.dtype(), entry.name));
  }
  reader.finish(kName);
  for (size_t i = 0; i < entries_.size(); ++i) entries_[i].average = std::move(averages[i]);
  updates_ = updates;
}

}  // namespace lamina::nn::optim
