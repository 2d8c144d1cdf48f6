#include "lamina/serialization/training_state.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/status.h"

namespace lamina {
namespace {

using nn::StateDict;

constexpr char kName[] = "TrainingState";
constexpr char kStep[] = "step";
constexpr char kGeneratorEntry[] = "seed_and_position";

std::string describe(const std::optional<Tensor>* value) {
  if (value == nullptr) return "no such entry";
  if (!value->has_value()) return "an entry without a value";
  return absl::StrCat(name_of((*value)->dtype()), " ", (*value)->shape().str());
}

bool is_int64(const std::optional<Tensor>* value, const Shape& shape) {
  return value != nullptr && value->has_value() && (*value)->dtype() == int64 &&
         (*value)->shape() == shape;
}

// Bit for bit, NaN included.
bool is_same(const std::optional<Tensor>& a, const std::optional<Tensor>& b) {
  if (!a || !b) return !a && !b;
  if (a->dtype() != b->dtype() || a->shape() != b->shape()) return false;
  const NDArray left = a->data().contiguous(), right = b->data().contiguous();
  const auto bytes = static_cast<size_t>(left.numel() * size_of(left.dtype()));
  return bytes == 0 || std::memcmp(left.raw_data(), right.raw_data(), bytes) == 0;
}

bool is_same(const StateDict& a, const StateDict& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && is_same(x.second, y.second);
  });
}

std::vector<StateDict> clones(const std::vector<StateDict>& states) {
  std::vector<StateDict> copies;
  copies.reserve(states.size());
  for (const StateDict& state : states) copies.push_back(state.clone());
  return copies;
}

// The text of what f throws; nothing if it does not.
std::optional<std::string> error_of(absl::FunctionRef<void()> f) {
  try {
    f();
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of an unknown class";
  }
}

std::string list_of(const char* kind, const std::vector<std::string>& names) {
  return absl::StrCat(kind, " part(s): \"", absl::StrJoin(names, "\", \""), "\".");
}

}  // namespace

void TrainingState::add_part(Part part) {
  const std::string& name = part.name;
  if (name.empty() || absl::StrContains(name, ".")) {
    fail<ValueError>(kName, "expected a name without a dot, got \"", name, "\"");
  }
  for (const Part& other : parts_) {
    if (other.name == name)
      fail<ValueError>(kName, "expected names that differ, got \"", name, "\" twice");
  }
  if (part.state_of_parts != nullptr && part.state_of_parts->reaches(*this)) {
    fail<ValueError>(kName, "expected a part without this state in it, got \"", name,
                     part.state_of_parts == this ? "\", this state itself" : "\", which has it");
  }
  parts_.push_back(std::move(part));
}

bool TrainingState::reaches(const TrainingState& other) const {
  return this == &other || std::any_of(parts_.begin(), parts_.end(), [&](const Part& part) {
           return part.state_of_parts != nullptr && part.state_of_parts->reaches(other);
         });
}

void TrainingState::add(std::string name, Generator& generator) {
  add_part(
      {std::move(name),
       [&generator] {
         const auto [seed, position] = generator.state();
         return StateDict{
             {kGeneratorEntry, NDArray::from<int64_t>(
                                   {static_cast<int64_t>(seed), static_cast<int64_t>(position)})}};
       },
       [&generator](const StateDict& state) {
         if (state.size() != 1 || !is_int64(state.find(kGeneratorEntry), {2})) {
           fail<RuntimeError>(
               "Generator", "expected ", kGeneratorEntry, ", int64 (2,), and nothing else, got ",
               describe(state.find(kGeneratorEntry)), " among ", state.size(), " entries");
         }
         const std::vector<int64_t> saved = state.at(kGeneratorEntry).to_vector<int64_t>();
         generator.set_state({static_cast<uint64_t>(saved[0]), static_cast<uint64_t>(saved[1])});
       }});
}

// ---- States

StateDict TrainingState::state_dict() const {
  if (step < 0) fail<ValueError>(kName, "expected a step of at least 0, got ", step);
  StateDict state{{kStep, NDArray::full({}, step, int64)}};
  for (const Part& part : parts_) state.add(part.name + ".", part.state_dict());
  return state;
}

std::vector<StateDict> TrainingState::part_states() const {
  std::vector<StateDict> states;
  for (const Part& part : parts_) states.push_back(part.state_dict());
  return states;
}

void TrainingState::load_state_dict(const StateDict& state) {
  const std::string problems = try_to_load(state, clones(part_states()));
  if (!problems.empty()) fail<RuntimeError>(kName, problems);
}

std::string TrainingState::try_to_load(const StateDict& state, const std::vector<StateDict>& old) {
  StateDict left = state;
  std::vector<StateDict> given;
  std::vector<std::string> missing, unexpected, problems;
  for (size_t i = 0; i < parts_.size(); ++i) {
    given.push_back(left.take(parts_[i].name + "."));
    if (given.back().empty() && !old[i].empty()) missing.push_back(parts_[i].name);
  }
  absl::flat_hash_set<std::string> seen;
  for (const auto& entry : left) {
    std::string name = entry.first.substr(0, entry.first.find('.'));
    if (entry.first == kStep || entry.first == serialization::kMetricEntry) continue;
    if (seen.insert(name).second) unexpected.push_back(std::move(name));
  }
  if (!missing.empty()) problems.push_back(list_of("Missing", missing));
  if (!unexpected.empty()) problems.push_back(list_of("Unexpected", unexpected));

  int64_t loaded_step = -1;
  if (is_int64(left.find(kStep), {})) loaded_step = left.at(kStep).item<int64_t>();
  if (loaded_step < 0) {
    problems.push_back(absl::StrCat(
        "step: expected one int64 of at least 0, got ",
        is_int64(left.find(kStep), {}) ? absl::StrCat(loaded_step) : describe(left.find(kStep))));
  }

  // Each part is tried, so that the list of problems is complete.
  std::vector<size_t> loaded, refused;
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (given[i].empty()) continue;
    const auto error = error_of([&] { parts_[i].load(given[i]); });
    (error ? refused : loaded).push_back(i);
    if (error) problems.push_back(absl::StrCat(parts_[i].name, ": ", *error));
  }
  if (problems.empty()) {
    step = loaded_step;
    return "";
  }
  const auto put_back = [&](size_t i) {
    const auto error = error_of([&] { parts_[i].load(old[i]); });
    if (error)
      problems.push_back(absl::StrCat(parts_[i].name, ": its old state is lost: ", *error));
  };
  for (const size_t i : loaded) put_back(i);
  for (const size_t i : refused) {
    // Left alone if it has not changed: a load is not without effect to a loader in mid-loop.
    bool has_changed = true;
    error_of([&] { has_changed = !is_same(parts_[i].state_dict(), old[i]); });
    if (has_changed) put_back(i);
  }
  return absl::StrCat("expected a state that fits, got one with these problems:\n\t",
                      absl::StrJoin(problems, "\n\t"));
}

// ---- Files

absl::Status TrainingState::save(const std::string& path) const {
  return save_checkpoint(path, state_dict().arrays(), {metadata});
}

absl::Status TrainingState::load(const std::string& path) {
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path);
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<NamedArrays> arrays = reader->read_all();
  if (!arrays.ok()) return arrays.status();
  const std::vector<StateDict> now = part_states();
  using States = std::vector<StateDict>;
  const absl::StatusOr<States> old = serialization::or_no_memory(
      path, "to copy the old state", [&]() -> absl::StatusOr<States> { return clones(now); });
  if (!old.ok()) return old.status();
  const std::string problems = try_to_load(StateDict(*arrays), *old);
  if (!problems.empty()) return absl::FailedPreconditionError(absl::StrCat(path, ": ", problems));
  metadata = reader->metadata();
  return absl::OkStatus();
}

}  // namespace lamina
