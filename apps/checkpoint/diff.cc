// checkpoint diff: what two files have that the other has not, and by how much their arrays differ.
#include <iostream>
#include <map>
#include <vector>

#include "lamina/apps/checkpoint/commands.h"
#include "lamina/apps/checkpoint/output.h"
#include "lamina/apps/checkpoint/statistics.h"
#include "lamina/apps/checkpoint/tensor_file.h"
#include "lamina/apps/flags.h"

namespace lamina::apps::checkpoint {
namespace {

// An entry that both files have, and not the same.
struct Change {
  CheckpointEntry from, to;
  Difference difference;  // where dtype and shape are the same
  bool is_same_kind() const { return from.dtype == to.dtype && from.shape == to.shape; }
};

struct Differences {
  std::vector<std::string> only_in_first, only_in_second;
  std::vector<Change> changes;
  // Old and new value of a key, of which one may be missing.
  std::map<std::string, std::pair<std::optional<std::string>, std::optional<std::string>>> metadata;
  bool none() const {
    return only_in_first.empty() && only_in_second.empty() && changes.empty() && metadata.empty();
  }
};

// Of an entry that both files have; none if it is the same.
absl::StatusOr<std::optional<Change>> change_between(const TensorFile& first,
                                                     const CheckpointEntry& from,
                                                     const TensorFile& second,
                                                     const CheckpointEntry& to) {
  Change change{from, to, {}};
  if (!change.is_same_kind()) return change;
  const auto a = first.read(from.name);
  if (!a.ok()) return a.status();
  const auto b = second.read(to.name);
  if (!b.ok()) return b.status();
  if (!a->has_value()) return std::nullopt;
  change.difference = difference_of(**a, **b);
  if (change.difference.elements == 0) return std::nullopt;
  return change;
}

absl::StatusOr<Differences> compare(const TensorFile& first, const TensorFile& second) {
  Differences result;
  for (const auto& [key, value] : first.metadata()) result.metadata[key].first = value;
  for (const auto& [key, value] : second.metadata()) result.metadata[key].second = value;
  for (auto it = result.metadata.begin(); it != result.metadata.end();) {
    it = it->second.first == it->second.second ? result.metadata.erase(it) : std::next(it);
  }

  std::map<absl::string_view, const CheckpointEntry*> left;  // of the second file
  for (const CheckpointEntry& entry : second.entries()) left[entry.name] = &entry;
  ByteProgress progress("comparing", first.path(), bytes_of(first.entries()));
  for (const CheckpointEntry& entry : first.entries()) {
    const auto found = left.find(entry.name);
    if (found == left.end()) {
      result.only_in_first.push_back(entry.name);
    } else {
      absl::StatusOr<std::optional<Change>> change =
          change_between(first, entry, second, *found->second);
      if (!change.ok()) return change.status();
      if (change->has_value()) result.changes.push_back(**std::move(change));
      left.erase(found);
    }
    progress.add(bytes_of(entry));
  }
  for (const CheckpointEntry& entry : second.entries()) {
    if (left.count(entry.name) > 0) result.only_in_second.push_back(entry.name);
  }
  return result;
}

std::string kind_of(const CheckpointEntry& entry) {
  if (!entry.dtype.has_value()) return "no value";
  return absl::StrCat(lamina::name_of(*entry.dtype), " ", entry.shape.str());
}

void print_text(const TensorFile& first, const TensorFile& second, const Differences& all) {
  for (const auto& [key, values] : all.metadata) {
    const auto& [from, to] = values;
    std::cout << "metadata " << printable(key) << ": ";
    if (from.has_value() && to.has_value()) {
      std::cout << printable(*from) << " -> " << printable(*to) << '\n';
    } else {
      std::cout << "only in " << (from.has_value() ? first : second).path() << '\n';
    }
  }
  for (const std::string& name : all.only_in_first) {
    std::cout << printable(name) << ": only in " << first.path() << '\n';
  }
  for (const std::string& name : all.only_in_second) {
    std::cout << printable(name) << ": only in " << second.path() << '\n';
  }
  for (const Change& change : all.changes) {
    std::cout << printable(change.from.name) << ": ";
    if (!change.is_same_kind()) {
      std::cout << kind_of(change.from) << " -> " << kind_of(change.to) << '\n';
      continue;
    }
    const Difference& by = change.difference;
    std::cout << nn::with_commas(by.elements) << " of "
              << nn::with_commas(change.from.shape.numel()) << " elements differ, by at most "
              << number_text(by.absolute, float64) << ", relative "
              << number_text(by.relative, float64) << '\n';
  }
  if (all.none()) {
    std::cout << "the same: " << count_of_entries(static_cast<int64_t>(first.entries().size()))
              << "\n";
  }
}

std::string json_of(const Change& change) {
  std::string json = absl::StrCat("{\"name\": ", json_text(change.from.name));
  if (!change.is_same_kind()) {
    const auto json_kind = [](const CheckpointEntry& entry) {
      if (!entry.dtype.has_value()) return std::string("null");
      return absl::StrCat("{\"dtype\": ", json_dtype(entry.dtype),
                          ", \"shape\": ", json_shape(entry.shape), "}");
    };
    return absl::StrCat(json, ", \"from\": ", json_kind(change.from),
                        ", \"to\": ", json_kind(change.to), "}");
  }
  const Difference& by = change.difference;
  return absl::StrCat(json, ", \"elements\": ", change.from.shape.numel(),
                      ", \"different\": ", by.elements,
                      ", \"largest_absolute\": ", json_number(by.absolute),
                      ", \"largest_relative\": ", json_number(by.relative), "}");
}

void print_json(const TensorFile& first, const TensorFile& second, const Differences& all) {
  const auto names = [](std::string* out, const std::string& name) { *out += json_text(name); };
  const auto changes = [](std::string* out, const Change& change) { *out += json_of(change); };
  const auto metadata = [](std::string* out, const auto& item) {
    const auto text = [](const std::optional<std::string>& value) {
      return value.has_value() ? json_text(*value) : "null";
    };
    absl::StrAppend(out, json_text(item.first), ": [", text(item.second.first), ", ",
                    text(item.second.second), "]");
  };
  std::cout << "{\"files\": [" << json_text(first.path()) << ", " << json_text(second.path())
            << "], \"same\": " << (all.none() ? "true" : "false") << ",\n \"metadata\": {"
            << absl::StrJoin(all.metadata, ", ", metadata) << "},\n \"only_in_first\": ["
            << absl::StrJoin(all.only_in_first, ", ", names) << "],\n \"only_in_second\": ["
            << absl::StrJoin(all.only_in_second, ", ", names) << "],\n \"changed\": ["
            << absl::StrJoin(all.changes, ",\n  ", changes) << "]}\n";
}

}  // namespace

absl::StatusOr<int> run_diff(const Arguments& arguments) {
  const absl::StatusOr<TensorFile> first = TensorFile::open(user_path(arguments.words[0]));
  if (!first.ok()) return first.status();
  const absl::StatusOr<TensorFile> second = TensorFile::open(user_path(arguments.words[1]));
  if (!second.ok()) return second.status();
  const absl::StatusOr<Differences> all = compare(*first, *second);
  if (!all.ok()) return all.status();
  arguments.has("json") ? print_json(*first, *second, *all) : print_text(*first, *second, *all);
  return all->none() ? kOk : kDiffersOrDamaged;
}

}  // namespace lamina::apps::checkpoint
