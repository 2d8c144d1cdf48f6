// checkpoint inspect: the entries as a tree by the dots in their names, or as JSON.
#include <algorithm>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lamina/apps/checkpoint/commands.h"
#include "lamina/apps/checkpoint/output.h"
#include "lamina/apps/checkpoint/statistics.h"
#include "lamina/apps/checkpoint/tensor_file.h"
#include "lamina/apps/flags.h"

namespace lamina::apps::checkpoint {
namespace {

// A name is split at so many dots at most: one from a hostile file has half a million.
constexpr size_t kDeepest = 32;

// What is at, or below, one name.
struct Node {
  absl::string_view label;       // the last part of the name
  std::vector<size_t> children;  // nodes, in the order of the file
  std::optional<size_t> entry;
  int64_t entries = 0;
  int64_t bytes = 0;
};

// Node 0 is above all names, which belong to `entries`.
std::vector<Node> tree_of(const std::vector<CheckpointEntry>& entries) {
  std::vector<Node> nodes(1);
  absl::flat_hash_map<absl::string_view, size_t> by_name;
  for (size_t i = 0; i < entries.size(); ++i) {
    const absl::string_view name = entries[i].name;
    size_t node = 0;
    size_t begin = 0;
    for (size_t depth = 1; begin != absl::string_view::npos; ++depth) {
      const size_t dot = depth < kDeepest ? name.find('.', begin) : absl::string_view::npos;
      const absl::string_view path = name.substr(0, dot);
      const auto [found, is_new] = by_name.emplace(path, nodes.size());
      if (is_new) {
        nodes[node].children.push_back(nodes.size());
        nodes.emplace_back().label = path.substr(begin);
      }
      node = found->second;
      ++nodes[node].entries;
      nodes[node].bytes += bytes_of(entries[i]);
      begin = dot == absl::string_view::npos ? dot : dot + 1;
    }
    nodes[node].entry = i;
  }
  return nodes;
}

struct Found {
  absl::Status status;
  std::optional<Statistics> statistics;  // of arrays
};

// Reads entry by entry; or nothing at all, unless the statistics are wanted.
std::vector<Found> read_statistics(const TensorFile& file, bool wanted) {
  std::vector<Found> found(file.entries().size());
  if (!wanted) return found;
  ByteProgress progress("reading", file.path(), bytes_of(file.entries()));
  for (size_t i = 0; i < found.size(); ++i) {
    const CheckpointEntry& entry = file.entries()[i];
    const absl::StatusOr<std::optional<NDArray>> array = file.read(entry.name);
    found[i].status = array.status();
    if (array.ok() && array->has_value()) found[i].statistics = statistics_of(**array);
    progress.add(bytes_of(entry));
  }
  return found;
}

// What stands in place of what could not be read; the error is told in full on standard error.
const char* why_not_read(const absl::Status& status) {
  return absl::IsDataLoss(status) ? "damaged" : "not read";
}

std::string statistics_text(const Found& found, DType dtype) {
  if (!found.status.ok()) return why_not_read(found.status);
  if (!found.statistics.has_value()) return "";
  const Statistics& of = *found.statistics;
  std::string text;
  if (of.finite > 0) {
    absl::StrAppend(&text, "min ", number_text(of.min, dtype), ", max ", number_text(of.max, dtype),
                    ", mean ", number_text(of.mean, float64));
  }
  if (of.finite > 1) absl::StrAppend(&text, ", std ", number_text(of.standard_deviation, float64));
  if (of.nan > 0) absl::StrAppend(&text, text.empty() ? "" : ", ", of.nan, " nan");
  if (of.inf > 0) absl::StrAppend(&text, text.empty() ? "" : ", ", of.inf, " inf");
  return text;
}

using Row = std::vector<std::string>;  // label, dtype, shape, bytes, statistics

// Rows of the nodes below `node`; kDeepest bounds the depth.
void add_rows(const TensorFile& file, const std::vector<Found>& found,
              const std::vector<Node>& nodes, size_t node, size_t depth, std::vector<Row>* rows) {
  for (size_t child : nodes[node].children) {
    const Node& below = nodes[child];
    const std::string label = std::string(2 * depth, ' ') + printable(below.label);
    if (below.entry.has_value()) {
      const CheckpointEntry& entry = file.entries()[*below.entry];
      if (entry.dtype.has_value()) {
        rows->push_back({label, lamina::name_of(*entry.dtype), entry.shape.str(),
                         absl::StrCat(nn::with_commas(bytes_of(entry)), " B"),
                         statistics_text(found[*below.entry], *entry.dtype)});
      } else {
        const absl::Status& status = found[*below.entry].status;
        rows->push_back({label, status.ok() ? "no value" : why_not_read(status)});
      }
    }
    if (below.children.empty()) continue;
    rows->push_back({label, count_of_entries(below.entries), "",
                     absl::StrCat(nn::with_commas(below.bytes), " B")});
    add_rows(file, found, nodes, child, depth + 1, rows);
  }
}

void print_rows(const std::vector<Row>& rows) {
  constexpr size_t kWidest = 60;  // a longer label moves its own row only
  constexpr size_t kBytes = 3;    // the column to be aligned to the right
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], std::min(row[i].size(), kWidest));
    }
  }
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - std::min(widths[i], row[i].size()), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", i == kBytes ? space + row[i] : row[i] + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    std::cout << line << '\n';
  }
}

void print_text(const TensorFile& file, const std::vector<Found>& found) {
  const std::vector<Node> nodes = tree_of(file.entries());
  std::cout << file.path() << ": " << name_of(file.format()) << ", "
            << count_of_entries(static_cast<int64_t>(found.size())) << ", "
            << nn::with_commas(bytes_of(file.entries())) << " B\n";
  for (const auto& [key, value] : file.metadata()) {
    std::cout << "metadata " << printable(key) << ": " << printable(value) << '\n';
  }
  std::vector<Row> rows;
  add_rows(file, found, nodes, 0, 0, &rows);
  print_rows(rows);
}

std::string json_of(const CheckpointEntry& entry, const Found& found) {
  std::string json =
      absl::StrCat("{\"name\": ", json_text(entry.name), ", \"dtype\": ", json_dtype(entry.dtype));
  if (entry.dtype.has_value()) {
    absl::StrAppend(&json, ", \"shape\": ", json_shape(entry.shape),
                    ", \"elements\": ", entry.shape.numel(), ", \"bytes\": ", bytes_of(entry));
  }
  if (!found.status.ok()) {
    absl::StrAppend(&json, ", \"error\": ", json_text(found.status.message()));
  }
  if (found.statistics.has_value()) {
    const Statistics& of = *found.statistics;
    absl::StrAppend(&json, ", \"statistics\": {\"finite\": ", of.finite, ", \"nan\": ", of.nan,
                    ", \"inf\": ", of.inf);
    if (of.finite > 0) {
      absl::StrAppend(&json, ", \"min\": ", json_number(of.min, *entry.dtype),
                      ", \"max\": ", json_number(of.max, *entry.dtype),
                      ", \"mean\": ", json_number(static_cast<double>(of.mean)));
    }
    if (of.finite > 1) {
      absl::StrAppend(&json,
                      ", \"std\": ", json_number(static_cast<double>(of.standard_deviation)));
    }
    json += "}";
  }
  return json + "}";
}

void print_json(const TensorFile& file, const std::vector<Found>& found) {
  std::cout << "{\"path\": " << json_text(file.path()) << ", \"format\": \""
            << name_of(file.format()) << "\",\n \"metadata\": " << json_texts(file.metadata())
            << ",\n \"entries\": [";
  for (size_t i = 0; i < found.size(); ++i) {
    std::cout << (i == 0 ? "\n  " : ",\n  ") << json_of(file.entries()[i], found[i]);
  }
  std::cout << "]}\n";
}

}  // namespace

absl::StatusOr<int> run_inspect(const Arguments& arguments) {
  const absl::StatusOr<TensorFile> file = TensorFile::open(user_path(arguments.words[0]));
  if (!file.ok()) return file.status();
  const std::vector<Found> found = read_statistics(*file, !arguments.has("nostatistics"));
  arguments.has("json") ? print_json(*file, found) : print_text(*file, found);
  absl::Status first;
  for (const Found& one : found) {
    if (!one.status.ok()) report(one.status);
    first.Update(one.status);
  }
  return exit_code_of(first);
}

}  // namespace lamina::apps::checkpoint
