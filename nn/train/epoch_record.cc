#include "lamina/nn/train/epoch_record.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lamina::nn::train {
namespace {

constexpr char kHistory[] = "history.";
constexpr char kAbsent[] = "absent.";  // the epochs, from 0, without the value of this name

EpochRecord::const_iterator find_value(const EpochRecord& record, absl::string_view name) {
  return absl::c_find_if(record, [name](const auto& entry) { return entry.first == name; });
}

// The names in all records, so ordered that each record's come in its own order.
std::vector<std::string> names_of(const std::vector<EpochRecord>& history) {
  std::vector<std::string> names;
  for (const EpochRecord& record : history) {
    auto next = names.begin();  // behind the name before
    for (const auto& entry : record) {
      const auto there = std::find(names.begin(), names.end(), entry.first);
      next = (there != names.end() ? there : names.insert(next, entry.first)) + 1;
    }
  }
  return names;
}

}  // namespace

ValueName::ValueName(absl::string_view name) : quantity(name) {
  for (const absl::string_view each : {"train", "val"}) {
    absl::string_view rest = name;
    if (!absl::ConsumePrefix(&rest, each) || !absl::ConsumePrefix(&rest, "_")) continue;
    part = each;
    quantity = rest;
  }
}

namespace internal {

void save_history(const std::vector<EpochRecord>& history, StateDict* state) {
  for (const std::string& name : names_of(history)) {
    std::vector<double> values, absent;
    for (const EpochRecord& record : history) {
      const auto entry = find_value(record, name);
      if (entry == record.end()) absent.push_back(static_cast<double>(values.size()));
      values.push_back(entry == record.end() ? std::nan("") : entry->second);
    }
    state->set(kHistory + name, tensor(values, {static_cast<int64_t>(values.size())}));
    if (absent.empty()) continue;
    state->set(kAbsent + name, tensor(absent, {static_cast<int64_t>(absent.size())}));
  }
}

std::vector<EpochRecord> load_history(const StateDict& state, int64_t epochs,
                                      nn::internal::StateReader* reader) {
  std::vector<EpochRecord> history;
  for (const auto& entry : state) {
    absl::string_view name = entry.first;
    if (!absl::ConsumePrefix(&name, kHistory)) continue;
    const std::optional<std::vector<double>> values = reader->numbers(entry.first);
    if (!values) continue;
    if (static_cast<int64_t>(values->size()) != epochs) {
      reader->note(entry.first, absl::StrCat("expected a value for each of ", epochs,
                                             " epochs, got ", values->size()));
      continue;
    }
    const std::string absent_key = absl::StrCat(kAbsent, name);
    std::vector<double> absent;
    if (state.contains(absent_key)) {
      absent = reader->numbers(absent_key).value_or(std::vector<double>());
    }
    std::vector<char> has_value(values->size(), 1);
    for (const double i : absent) {
      if (i >= 0 && i < static_cast<double>(epochs) && i == std::floor(i)) {
        has_value[static_cast<size_t>(i)] = 0;
      } else {
        reader->note(absent_key,
                     absl::StrCat("expected epochs from 0, below ", epochs, ", got ", i));
      }
    }
    history.resize(values->size());
    for (size_t i = 0; i < history.size(); ++i) {
      if (has_value[i] != 0) history[i].emplace_back(std::string(name), (*values)[i]);
    }
  }
  if (epochs > 0 && history.empty()) {
    reader->note("history", absl::StrCat("expected the values of ", epochs, " epochs, got none"));
  }
  return history;
}

}  // namespace internal
}  // namespace lamina::nn::train
