#include "lamina/nn/state_dict.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lamina/nn/module.h"

namespace lamina::nn {

// ---- StateDict

StateDict::StateDict(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) add_new(entry.first, entry.second);
}

StateDict::StateDict(const std::vector<std::pair<std::string, std::optional<NDArray>>>& arrays) {
  for (const auto& [name, array] : arrays) {
    add_new(name, array ? std::optional<Tensor>(*array) : std::nullopt);
  }
}

void StateDict::add_new(const std::string& name, std::optional<Tensor> value) {
  if (contains(name)) {
    fail<ValueError>("StateDict", "expected names that differ, got \"", name, "\" twice");
  }
  set(name, std::move(value));
}

std::vector<std::pair<std::string, std::optional<NDArray>>> StateDict::arrays() const {
  std::vector<std::pair<std::string, std::optional<NDArray>>> out;
  for (const auto& [name, value] : entries_) {
    out.emplace_back(name, value ? std::optional<NDArray>(value->data()) : std::nullopt);
  }
  return out;
}

const std::optional<Tensor>* StateDict::find(absl::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second].second;
}

const Tensor& StateDict::at(absl::string_view name) const& {
  const std::optional<Tensor>* value = find(name);
  if (value != nullptr && value->has_value()) return **value;
  std::vector<std::string> there;
  for (const Entry& entry : entries_) {
    if (entry.second) there.push_back(entry.first);
  }
  fail<IndexError>("StateDict", "expected the name of a value (", absl::StrJoin(there, ", "),
                   "), got \"", name, "\"", value == nullptr ? "" : ", which has none");
}

void StateDict::set(std::string name, std::optional<Tensor> value) {
  if (value && !value->defined()) value.reset();
  const auto [at, is_new] = index_.try_emplace(name, entries_.size());
  if (is_new) {
    entries_.emplace_back(std::move(name), std::move(value));
  } else {
    entries_[at->second].second = std::move(value);
  }
}

bool StateDict::erase(absl::string_view name) {
  const auto found = index_.find(name);
  if (found == index_.end()) return false;
  const size_t gone = found->second;
  index_.erase(found);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(gone));
  for (auto& [other, at] : index_) {
    if (at > gone) --at;
  }
  return true;
}

void StateDict::add(absl::string_view prefix, StateDict part) {
  for (const Entry& entry : part.entries_) {
    const std::string name = absl::StrCat(prefix, entry.first);
    if (contains(name)) {
      fail<ValueError>("StateDict", "expected names that are not there yet, got \"", name, "\"");
    }
  }
  for (Entry& entry : part.entries_) {
    set(absl::StrCat(prefix, entry.first), std::move(entry.second));
  }
}

StateDict StateDict::take(absl::string_view prefix) {
  StateDict taken, left;
  for (Entry& entry : entries_) {
    if (absl::StartsWith(entry.first, prefix)) {
      taken.set(entry.first.substr(prefix.size()), std::move(entry.second));
    } else {
      left.set(std::move(entry.first), std::move(entry.second));
    }
  }
  *this = std::move(left);
  return taken;
}

StateDict StateDict::clone() const {
  StateDict copy;
  for (const auto& [name, value] : entries_) {
    copy.set(name, value ? std::optional<Tensor>(value->data().clone()) : std::nullopt);
  }
  return copy;
}

// ---- Module's

namespace {
// Parameters first.
std::vector<const internal::TensorSlot*> state_of(const internal::Registry& registry) {
  std::vector<const internal::TensorSlot*> out;
  for (const bool is_buffer : {false, true}) {
    for (const auto& slot : registry.tensors) {
      if (slot->is_buffer == is_buffer && slot->is_persistent) out.push_back(slot.get());
    }
  }
  return out;
}
}  // namespace

StateDict Module::state_dict() const {
  StateDict state;
  append_state(state, "");
  return state;
}

void Module::append_state(StateDict& state, const std::string& prefix) const {
  const internal::Level level;
  for (const internal::TensorSlot* slot : state_of(registry())) {
    state.set(prefix + slot->name,
              slot->value.defined() ? std::optional<Tensor>(slot->value.detach()) : std::nullopt);
  }
  for (const auto& [name, module] : registry().modules_now()) {  // hooks may change them
    module->append_state(state, absl::StrCat(prefix, name, "."));
  }
  if (registry().hooks) {
    registry().hooks->state_dict.for_each(
        [&](const StateDictHook& hook) { hook(*this, state, prefix); });
  }
}

namespace {

// Whether values of one dtype become the other's without turning into something else.
bool converts(DType from, DType to) {
  if (is_floating(from) || is_floating(to)) return is_floating(from) && is_floating(to);
  return promote_types(from, to) == to;
}

// What is wrong with a value for an entry of a model, in PyTorch's words; "" if nothing is.
std::string problem_with(const std::string& name, const std::optional<Tensor>& value,
                         const Tensor& target) {
  if (!value.has_value() && !target.defined()) return "";
  if (!target.defined()) {
    return absl::StrCat("value mismatch for ", name, ": copying a param with shape ",
                        value->shape().str(),
                        " from checkpoint, the current model has it disabled, without a value.");
  }
  if (!value.has_value()) {
    return absl::StrCat("value mismatch for ", name,
                        ": no value in checkpoint, the shape in current model is ",
                        target.shape().str(), ".");
  }
  if (value->shape() != target.shape()) {
    return absl::StrCat("size mismatch for ", name, ": copying a param with shape ",
                        value->shape().str(), " from checkpoint, the shape in current model is ",
                        target.shape().str(), ".");
  }
  if (!converts(value->dtype(), target.dtype())) {
    return absl::StrCat("dtype mismatch for ", name, ": copying a param of dtype ",
                        name_of(value->dtype()), " from checkpoint, the dtype in current model is ",
                        name_of(target.dtype()), ".");
  }
  if (!is_writable(target.data())) {
    return absl::StrCat("cannot copy to ", name,
                        ": elements of the current model's share an address (an expanded tensor).");
  }
  return "";
}

// Values may lie in the model itself, such as two parameters to be exchanged: those are copied
// before anything is written.
void keep_from_being_written(std::vector<std::pair<NDArray, NDArray>>& copies) {
  absl::flat_hash_set<const void*> written;
  for (const auto& copy : copies) written.insert(copy.first.storage());
  for (auto& [to, from] : copies) {
    const bool is_itself = to.raw_data() == from.raw_data() && to.dtype() == from.dtype() &&
                           to.strides() == from.strides();
    if (!is_itself && written.contains(from.storage())) from = from.clone();
  }
}

std::string keys(const char* kind, const std::vector<std::string>& names) {
  return absl::StrCat(kind, " key(s) in state_dict: \"", absl::StrJoin(names, "\", \""), "\". ");
}

}  // namespace

LoadResult Module::load_state_dict(const StateDict& state, bool strict) {
  StateDict given = state;
  // Hooks may replace modules: those that are gone are passed over, and then the model is walked anew.
  for (const Place& place : places(true, true)) {
    if (!place.registry->hooks) continue;
    place.registry->hooks->load_pre.for_each([&](const LoadStateDictPreHook& hook) {
      if (place.registry->module != nullptr) hook(*place.registry->module, given, place.prefix);
    });
  }
  const std::vector<Place> all = places(true, true);

  LoadResult result;
  std::vector<std::string> problems;
  std::vector<std::pair<NDArray, NDArray>> copies;  // to, from
  absl::flat_hash_set<std::string> expected;
  for (const Place& place : all) {
    for (const internal::TensorSlot* slot : state_of(*place.registry)) {
      const std::string name = place.prefix + slot->name;
      expected.insert(name);
      const std::optional<Tensor>* value = given.find(name);
      if (value == nullptr) {
        if (slot->value.defined()) result.missing_keys.push_back(name);
        continue;
      }
      std::string problem = problem_with(name, *value, slot->value);
      if (!problem.empty()) {
        problems.push_back(std::move(problem));
      } else if (value->has_value()) {
        copies.emplace_back(slot->value.data(), (*value)->data());
      }
    }
  }
  for (const auto& entry : given) {
    if (!expected.contains(entry.first)) result.unexpected_keys.push_back(entry.first);
  }
  if (strict && !result.unexpected_keys.empty()) {
    problems.insert(problems.begin(), keys("Unexpected", result.unexpected_keys));
  }
  if (strict && !result.missing_keys.empty()) {
    problems.insert(problems.begin(), keys("Missing", result.missing_keys));
  }
  if (!problems.empty()) {
    fail<RuntimeError>("load_state_dict", "Error(s) in loading state_dict for ", name(), ":\n\t",
                       absl::StrJoin(problems, "\n\t"));
  }

  keep_from_being_written(copies);
  for (auto& [to, from] : copies) to.copy_(from);
  for (const Place& place : all) {
    if (!place.registry->hooks) continue;
    place.registry->hooks->load_post.for_each([&](const LoadStateDictPostHook& hook) {
      if (place.registry->module != nullptr) hook(*place.registry->module, result);
    });
  }
  return result;
}

}  // namespace lamina::nn
