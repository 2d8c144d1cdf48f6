#include "lamina/apps/checkpoint/tensor_file.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lamina/apps/did_you_mean.h"
#include "lamina/serialization/file.h"

namespace lamina::apps::checkpoint {
namespace {

constexpr int64_t kMegabyte = 1'000'000;

// A header of JSON follows eight bytes of its length, where a checkpoint has a letter of its magic.
bool looks_like_safetensors(const std::string& path) {
  constexpr int64_t kLengthBytes = 8;
  const auto file = serialization::InputFile::open(path);
  char first = 0;
  return file.ok() && file->size() > kLengthBytes && file->read(kLengthBytes, &first, 1).ok() &&
         first == '{';
}

// Calls write(name, array) for entries of `from`, whose names next() gives until it gives none.
template <class Next, class Write>
absl::Status copy_arrays(const TensorFile& from, ByteProgress& progress, Next next, Write write) {
  while (const auto* entry = next()) {
    const absl::StatusOr<std::optional<NDArray>> array = from.read(entry->name);
    if (!array.ok()) return array.status();
    absl::Status status = write(entry->name, *array);
    if (!status.ok()) return status;
    if (array->has_value()) progress.add((*array)->numel() * size_of((*array)->dtype()));
  }
  return absl::OkStatus();
}

}  // namespace

const char* name_of(Format format) {
  return format == Format::kCheckpoint ? "checkpoint" : "safetensors";
}

std::optional<Format> format_of(absl::string_view path) {
  if (absl::EndsWith(path, ".ckpt")) return Format::kCheckpoint;
  if (absl::EndsWith(path, ".safetensors")) return Format::kSafetensors;
  return std::nullopt;
}

int64_t bytes_of(const CheckpointEntry& entry) {
  return entry.dtype.has_value() ? entry.shape.numel() * size_of(*entry.dtype) : 0;
}

int64_t bytes_of(const std::vector<CheckpointEntry>& entries) {
  int64_t bytes = 0;
  for (const CheckpointEntry& entry : entries) bytes += bytes_of(entry);
  return bytes;
}

absl::StatusOr<TensorFile> TensorFile::open(const std::string& path) {
  // What is wrong with the path is one thing, a file of other bytes another: its begin may be damaged.
  const auto file = serialization::InputFile::open(path);
  if (!file.ok()) return file.status();
  const auto of_bytes = [](const absl::Status& status) {
    return absl::IsInvalidArgument(status) ? absl::DataLossError(status.message()) : status;
  };
  const Format format = format_of(path).value_or(
      looks_like_safetensors(path) ? Format::kSafetensors : Format::kCheckpoint);
  if (format == Format::kSafetensors) {
    absl::StatusOr<SafetensorsReader> reader = SafetensorsReader::open(path);
    if (!reader.ok()) return of_bytes(reader.status());
    return TensorFile(path, *std::move(reader));
  }
  absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path);
  if (!reader.ok()) return of_bytes(reader.status());
  return TensorFile(path, *std::move(reader));
}

TensorFile::TensorFile(std::string path, Reader reader)
    : path_(std::move(path)), reader_(std::move(reader)) {
  std::visit(
      [&](const auto& open) {
        for (const auto& entry : open.entries()) {
          entries_.push_back({entry.name, entry.dtype, entry.shape});
        }
      },
      reader_);
}

Format TensorFile::format() const {
  return reader_.index() == 0 ? Format::kCheckpoint : Format::kSafetensors;
}

const std::map<std::string, std::string>& TensorFile::metadata() const {
  return std::visit(
      [](const auto& open) -> const auto& { return open.metadata(); }, reader_);
}

absl::StatusOr<std::optional<NDArray>> TensorFile::read(const std::string& name) const {
  return std::visit(
      [&](const auto& open) -> absl::StatusOr<std::optional<NDArray>> { return open.read(name); },
      reader_);
}

ByteProgress::ByteProgress(absl::string_view what, const std::string& path, int64_t total)
    : bar_(std::cerr, nn::train::terminal_columns(STDERR_FILENO),
           absl::StrCat(what, " ", path.substr(path.rfind('/') + 1)), "MB",
           std::max<int64_t>(total / kMegabyte, 1)) {}

void ByteProgress::add(int64_t bytes) {
  done_ += bytes;
  bar_.update(done_ / kMegabyte);
}

absl::Status copy_entries(const TensorFile& from, const std::vector<CheckpointEntry>& entries,
                          const std::string& path, Format format) {
  ByteProgress progress("writing", path, bytes_of(entries));
  const SaveOptions options{from.metadata()};
  if (format == Format::kCheckpoint) {
    absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path, options);
    if (!writer.ok()) return writer.status();
    size_t i = 0;
    absl::Status status = copy_arrays(
        from, progress, [&] { return i < entries.size() ? &entries[i++] : nullptr; },
        [&](const std::string& name, const std::optional<NDArray>& array) {
          return writer->add(name, array);
        });
    return status.ok() ? writer->finish() : status;
  }
  std::vector<SafetensorsEntry> with_value;
  with_value.reserve(entries.size());
  for (const CheckpointEntry& entry : entries) {
    with_value.push_back({entry.name, *entry.dtype, entry.shape});
  }
  absl::StatusOr<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, std::move(with_value), options);
  if (!writer.ok()) return writer.status();
  absl::Status status = copy_arrays(
      from, progress, [&] { return writer->next(); },
      [&](const std::string&, const std::optional<NDArray>& array) { return writer->add(*array); });
  return status.ok() ? writer->finish() : status;
}

bool is_below(absl::string_view entry, absl::string_view prefix) {
  return absl::ConsumePrefix(&entry, prefix) && (entry.empty() || entry[0] == '.');
}

std::string did_you_mean_entry(const TensorFile& file, absl::string_view name, bool or_prefix) {
  // A hostile name may have half a million parts, or huge ones.
  constexpr size_t kMostParts = 32, kLongestPrefix = 300;
  std::set<std::string> candidates;
  for (const CheckpointEntry& entry : file.entries()) {
    candidates.insert(entry.name);
    size_t dot = 0;
    for (size_t part = 1; or_prefix && part < kMostParts; ++part) {
      dot = entry.name.find('.', dot);
      if (dot == std::string::npos || dot > kLongestPrefix) break;
      candidates.insert(entry.name.substr(0, dot++));
    }
  }
  return did_you_mean(name, std::vector<std::string>(candidates.begin(), candidates.end()));
}

}  // namespace lamina::apps::checkpoint
