#include "lamina/nn/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "lamina/nn/state_reader.h"

namespace lamina::nn::optim {

Parameters::Parameters(std::vector<std::pair<std::string, Tensor>> named) {
  for (auto& [name, tensor] : named) {
    names.push_back(std::move(name));
    tensors.push_back(std::move(tensor));
  }
}

void Parameters::check_names(const char* op) const {
  if (names.empty() || names.size() == tensors.size()) return;
  fail<ValueError>(op, "expected a name for each of ", tensors.size(), " parameters, got ",
                   names.size());
}

// ---- Options

namespace {

// What is wrong with a value; empty if nothing is.
std::string problem_of(double value, OptionRange range) {
  const auto expected = [&](bool is_good, const char* what) {
    return is_good ? "" : absl::StrCat("expected ", what, ", got ", value);
  };
  switch (range) {
    case OptionRange::kNotNegative:
      return expected(value >= 0 && !std::isinf(value), "a finite number of at least 0");
    case OptionRange::kBelowOne:
      return expected(value >= 0 && value < 1, "a number from 0 to below 1");
    case OptionRange::kUpToOne:
      return expected(value >= 0 && value <= 1, "a number from 0 to 1");
    case OptionRange::kFinite:
      break;
  }
  return expected(std::isfinite(value), "a finite number");
}
std::string problem_of(int64_t value, int64_t least) {
  return value >= least ? "" : absl::StrCat("expected at least ", least, ", got ", value);
}

class CheckOptions : public OptionVisitor {
 public:
  explicit CheckOptions(const char* optimizer) : optimizer_(optimizer) {}
  void number(const char* name, double& value, OptionRange range) override {
    refuse(name, problem_of(value, range));
  }
  void count(const char* name, int64_t& value, int64_t least) override {
    refuse(name, problem_of(value, least));
  }
  void flag(const char*, bool&) override {}

 private:
  void refuse(const char* name, const std::string& problem) const {
    if (!problem.empty()) fail<ValueError>(optimizer_, name, ": ", problem);
  }
  const char* optimizer_;
};

class SaveOptions : public OptionVisitor {
 public:
  SaveOptions(std::string prefix, StateDict* state) : prefix_(std::move(prefix)), state_(*state) {}
  void number(const char* name, double& value, OptionRange) override { save(name, value); }
  void count(const char* name, int64_t& value, int64_t) override { save(name, value); }
  void flag(const char* name, bool& value) override { save(name, value); }

 private:
  template <class T>
  void save(const char* name, T value) {
    state_.set(prefix_ + name, nn::internal::saved(value));
  }
  std::string prefix_;
  StateDict& state_;
};

class LoadOptions : public OptionVisitor {
 public:
  LoadOptions(std::string prefix, nn::internal::StateReader* reader)
      : prefix_(std::move(prefix)), reader_(*reader) {}
  void number(const char* name, double& value, OptionRange range) override {
    load(name, value, reader_.number(prefix_ + name),
         [&](double loaded) { return problem_of(loaded, range); });
  }
  void count(const char* name, int64_t& value, int64_t least) override {
    load(name, value, reader_.integer(prefix_ + name),
         [&](int64_t loaded) { return problem_of(loaded, least); });
  }
  void flag(const char* name, bool& value) override {
    load(name, value, reader_.flag(prefix_ + name), [](bool) { return std::string(); });
  }

 private:
  template <class T, class Check>
  void load(const char* name, T& value, std::optional<T> loaded, const Check& problem_with) {
    if (!loaded) return;
    const std::string problem = problem_with(*loaded);
    if (problem.empty()) {
      value = *loaded;
    } else {
      reader_.note(prefix_ + name, problem);
    }
  }
  std::string prefix_;
  nn::internal::StateReader& reader_;
};

// Reads the option of one of these names, or writes it.
class Number : public OptionVisitor {
 public:
  Number(const char* optimizer, std::initializer_list<absl::string_view> names,
         std::optional<double> to_write = {})
      : optimizer_(optimizer), names_(names), to_write_(to_write) {}
  void number(const char* name, double& value, OptionRange range) override {
    if (std::find(names_.begin(), names_.end(), name) == names_.end()) return;
    if (to_write_) {
      CheckOptions(optimizer_).number(name, *to_write_, range);
      value = *to_write_;
    }
    found_ = value;
  }
  void count(const char*, int64_t&, int64_t) override {}
  void flag(const char*, bool&) override {}
  double found() const {
    if (!found_) {
      fail<RuntimeError>(optimizer_, "expected an optimizer with the option ",
                         absl::StrJoin(names_, " or "), ", got one without");
    }
    return *found_;
  }

 private:
  const char* optimizer_;
  std::vector<absl::string_view> names_;
  std::optional<double> to_write_, found_;
};

DType dtype_of_state(const internal::StateArray& array, const Tensor& parameter) {
  return array.is_scalar ? float64 : to_computing(parameter.dtype());
}

}  // namespace

void Optimizer::check(absl::FunctionRef<void(OptionVisitor&)> visit) const {
  CheckOptions visitor(name_);
  visit(visitor);
}

double Optimizer::lr(int64_t group) const {
  check_group(group);
  Number lr(name_, {"lr"});
  read_options(group, lr);
  return lr.found();
}
void Optimizer::set_lr(int64_t group, double lr) {
  check_group(group);
  Number writer(name_, {"lr"}, lr);
  write_options(group, writer);
}
void Optimizer::set_lr(double lr) {
  for (int64_t group = 0; group < group_count_; ++group) set_lr(group, lr);
}

double Optimizer::momentum(int64_t group) const {
  check_group(group);
  Number momentum(name_, {"momentum", "beta1"});
  read_options(group, momentum);
  return momentum.found();
}
void Optimizer::set_momentum(int64_t group, double momentum) {
  check_group(group);
  Number writer(name_, {"momentum", "beta1"}, momentum);
  write_options(group, writer);
  writer.found();
}

// ---- Groups

void Optimizer::check_group(int64_t group) const {
  if (group >= 0 && group < group_count_) return;
  fail<IndexError>(name_, "expected a group from 0 to ", group_count_ - 1, ", got ", group);
}

void Optimizer::add_entries(Parameters parameters) {
  const size_t old_size = entries_.size();
  if (parameters.tensors.empty()) {
    fail<ValueError>(name_, "expected at least one parameter, got none");
  }
  parameters.check_names(name_);
  absl::flat_hash_map<const void*, std::string> seen;
  for (const Entry& entry : entries_) seen.emplace(entry.parameter.impl(), entry.name);
  std::vector<Entry> added;
  for (size_t i = 0; i < parameters.tensors.size(); ++i) {
    const Tensor& p = parameters.tensors[i];
    std::string which = absl::StrCat("parameter ", old_size + i);
    if (!parameters.names.empty()) absl::StrAppend(&which, " (", parameters.names[i], ")");
    if (!p.defined() || !p.is_leaf()) {
      fail<ValueError>(
          name_, "expected leaves, got ", which, ": ",
          p.defined() ? absl::StrCat("the result of ", p.grad_fn().name()) : "an undefined tensor");
    }
    if (!is_floating(p.dtype())) {
      fail<ValueError>(name_, "expected floating parameters, got ", which, " of ",
                       name_of(p.dtype()));
    }
    const auto [there, is_new] = seen.emplace(p.impl(), which);
    if (!is_new) {
      fail<ValueError>(name_, "expected different parameters, got one as ", there->second,
                       " and as ", which);
    }
    check_parameter(which, p);
    added.push_back({p, std::move(which), group_count_});
  }
  std::move(added.begin(), added.end(), std::back_inserter(entries_));
  ++group_count_;
}

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> out;
  for (const Entry& entry : entries_) out.push_back(entry.parameter);
  return out;
}
std::vector<Tensor> Optimizer::parameters(int64_t group) const {
  check_group(group);
  std::vector<Tensor> out;
  for (const Entry& entry : entries_) {
    if (entry.group == group) out.push_back(entry.parameter);
  }
  return out;
}

// ---- Steps

Tensor Optimizer::step(const std::function<Tensor()>& closure) {
  if (!closure) fail<RuntimeError>(name_, "expected a closure, got an empty function");
  Tensor loss = [&] {
    const EnableGradGuard enable_grad;
    return closure();
  }();
  step();
  return loss;
}

void Optimizer::zero_grad(bool set_to_none) {
  absl::flat_hash_set<const void*> of_parameters;  // storages, which a gradient may be part of
  if (!set_to_none) {
    for (const Entry& entry : entries_) of_parameters.insert(entry.parameter.data().storage());
  }
  for (const Entry& entry : entries_) {
    const Tensor gradient = entry.parameter.grad();
    if (!gradient.defined()) continue;
    if (set_to_none) {
      entry.parameter.set_grad(Tensor());
    } else if (gradient.is_leaf() && is_writable(gradient.data()) &&
               !of_parameters.contains(gradient.data().storage())) {
      NDArray(gradient.data()).fill_(0);
    } else {  // with a history, expanded, or the values of a parameter
      entry.parameter.set_grad(NDArray::zeros_like(gradient.data()));
    }
  }
}

void Optimizer::check_can_step(const Entry& entry) const {
  const Tensor &p = entry.parameter, gradient = p.grad();
  if (!p.is_leaf()) {
    fail<RuntimeError>(name_, "expected leaves, got ", entry.name, ": the result of ",
                       p.grad_fn().name());
  }
  if (!is_floating(p.dtype())) {
    fail<DTypeError>(name_, "expected floating parameters, got ", entry.name, " of ",
                     name_of(p.dtype()));
  }
  // set_grad() has checked it, but it may have got other data since.
  if (gradient.defined() && gradient.shape() != p.shape()) {
    fail<ShapeError>(name_, "expected a gradient of the shape of ", entry.name, ", ",
                     p.shape().str(), ", got ", gradient.shape().str());
  }
  if (is_writable(p.data())) return;
  fail<RuntimeError>(name_, "expected parameters with elements of their own, got ", entry.name,
                     ", which is expanded or overlaps with itself; clone() it");
}

void Optimizer::for_each_gradient(absl::FunctionRef<void(Entry&, const NDArray&)> fn) {
  std::vector<std::vector<StateArray>> of_group;
  for (int64_t group = 0; group < group_count_; ++group) of_group.push_back(state_arrays(group));
  for (const Entry& entry : entries_) {
    if (!entry.parameter.grad().defined()) continue;
    check_can_step(entry);
    const std::vector<StateArray>& wanted = of_group[static_cast<size_t>(entry.group)];
    for (size_t i = 0; i < entry.arrays.size(); ++i) {
      const NDArray& array = entry.arrays[i];
      if (array.defined() && !wanted[i].is_scalar && array.shape() != entry.parameter.shape()) {
        fail<ShapeError>(name_, "expected the shape of earlier steps, ", array.shape().str(),
                         ", for ", entry.name, ", got ", entry.parameter.shape().str());
      }
    }
  }
  for (Entry& entry : entries_) {
    const Tensor gradient = entry.parameter.grad();
    if (!gradient.defined()) continue;
    const std::vector<StateArray>& wanted = of_group[static_cast<size_t>(entry.group)];
    entry.arrays.resize(wanted.size());
    entry.is_new = false;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const DType dtype = dtype_of_state(wanted[i], entry.parameter);
      NDArray& array = entry.arrays[i];
      if (!wanted[i].is_kept) {
        array = NDArray();
      } else if (!array.defined()) {
        array = NDArray::full(wanted[i].is_scalar ? Shape() : entry.parameter.shape(),
                              wanted[i].initial, dtype);
        entry.is_new = true;
      } else if (array.dtype() != dtype) {  // the model was converted
        array = array.to(dtype);
      }
    }
    ++entry.steps;
    fn(entry, gradient.data());
  }
}

// ---- State

StateDict Optimizer::state_dict() const {
  StateDict state;
  state.set(name_, std::nullopt);
  for (int64_t group = 0; group < group_count_; ++group) {
    const std::string prefix = absl::StrCat("groups.", group, ".");
    SaveOptions options(prefix, &state);
    read_options(group, options);
    state.set(prefix + "parameters",
              nn::internal::saved(static_cast<int64_t>(parameters(group).size())));
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.steps == 0) continue;
    const std::string prefix = absl::StrCat("state.", i, ".");
    state.set(prefix + "step", nn::internal::saved(entry.steps));
    const std::vector<StateArray> arrays = state_arrays(entry.group);
    for (size_t k = 0; k < arrays.size(); ++k) {
      if (arrays[k].is_kept) state.set(prefix + arrays[k].name, Tensor(entry.arrays[k]));
    }
  }
  save_whole(&state);
  return state;
}

void Optimizer::load_state_dict(const StateDict& state) {
  nn::internal::StateReader reader(state);
  reader.marker("", name_);
  StateDict old_options;
  for (int64_t group = 0; group < group_count_; ++group) {
    const std::string prefix = absl::StrCat("groups.", group, ".");
    SaveOptions save(prefix, &old_options);
    read_options(group, save);
    LoadOptions load(prefix, &reader);
    try {
      write_options(group, load);
    } catch (const ValueError& contradiction) {
      reader.note(absl::StrCat("groups.", group), contradiction.what());
    }
    const auto wanted = static_cast<int64_t>(parameters(group).size());
    const std::optional<int64_t> count = reader.integer(prefix + "parameters");
    if (count && *count != wanted) {
      reader.note(prefix + "parameters", absl::StrCat("expected ", wanted, ", got ", *count));
    }
  }

  struct Loaded {
    int64_t steps = 0;
    std::vector<NDArray> arrays;
  };
  std::vector<Loaded> loaded(entries_.size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const std::string prefix = absl::StrCat("state.", i, ".");
    if (!reader.has(prefix + "step")) continue;  // no step so far
    loaded[i].steps = reader.count(prefix + "step", 1);
    for (const StateArray& array : state_arrays(entry.group)) {
      loaded[i].arrays.emplace_back();
      if (!array.is_kept) continue;
      // Without a value if an option wants it only since the last step.
      loaded[i].arrays.back() = reader.optional_array(
          prefix + array.name, array.is_scalar ? Shape() : entry.parameter.shape(),
          dtype_of_state(array, entry.parameter), array.is_scalar ? "one number" : entry.name);
    }
  }
  const std::function<void()> put_whole_in_place = load_whole(&reader);
  try {
    reader.finish(name_);
  } catch (const RuntimeError&) {
    nn::internal::StateReader old(old_options);
    for (int64_t group = 0; group < group_count_; ++group) {
      LoadOptions restore(absl::StrCat("groups.", group, "."), &old);
      write_options(group, restore);
    }
    throw;
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].steps = loaded[i].steps;
    entries_[i].arrays = std::move(loaded[i].arrays);
  }
  put_whole_in_place();
}

}  // namespace lamina::nn::optim
