// checkpoint verify, convert and extract.
#include <algorithm>
#include <iostream>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lamina/apps/checkpoint/commands.h"
#include "lamina/apps/checkpoint/npy.h"
#include "lamina/apps/checkpoint/output.h"
#include "lamina/apps/checkpoint/tensor_file.h"
#include "lamina/apps/did_you_mean.h"
#include "lamina/apps/flags.h"
#include "lamina/apps/write_file.h"
#include "lamina/serialization/status.h"

namespace lamina::apps::checkpoint {
namespace {

using serialization::in_quotes;

// Of a checkpoint, every byte; of safetensors, all that can be without checksums.
absl::Status verify(const TensorFile& file) {
  ByteProgress progress("verifying", file.path(), bytes_of(file.entries()));
  if (file.format() == Format::kCheckpoint) {
    const absl::StatusOr<MappedCheckpoint> mapped = MappedCheckpoint::open(file.path());
    if (!mapped.ok()) return mapped.status();
    return mapped->verify([&](int64_t bytes) { progress.add(bytes); });
  }
  for (const CheckpointEntry& entry : file.entries()) {
    const auto array = file.read(entry.name);
    if (!array.ok()) return array.status();
    progress.add(bytes_of(entry));
  }
  return absl::OkStatus();
}

// The format of a file to be written: that of --to, or of its name.
absl::StatusOr<Format> format_to_write(const Arguments& arguments, const std::string& path) {
  const auto to = arguments.flags.find("to");
  if (to == arguments.flags.end()) {
    if (const std::optional<Format> format = format_of(path)) return *format;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected a name that ends in .ckpt or .safetensors, or --to"));
  }
  for (Format format : {Format::kCheckpoint, Format::kSafetensors}) {
    if (to->second == name_of(format)) return format;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("expected --to=checkpoint or --to=safetensors, got ", in_quotes(to->second),
                   did_you_mean(to->second, {"checkpoint", "safetensors"})));
}

absl::StatusOr<int> copy(const Arguments& arguments, const TensorFile& from,
                         std::vector<CheckpointEntry> entries, const std::string& path) {
  const absl::StatusOr<Format> format = format_to_write(arguments, path);
  if (!format.ok()) return format.status();
  const auto has_no_value = [](const auto& entry) { return !entry.dtype.has_value(); };
  if (arguments.has("drop_no_value")) {
    entries.erase(std::remove_if(entries.begin(), entries.end(), has_no_value), entries.end());
  }
  const auto found = std::find_if(entries.begin(), entries.end(), has_no_value);
  if (*format == Format::kSafetensors && found != entries.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(from.path(), ": entry ", in_quotes(found->name),
                     ": expected a value, which every entry of safetensors has, got none; "
                     "--drop_no_value leaves "
                     "such entries out"));
  }
  const absl::Status status = copy_entries(from, entries, path, *format);
  if (!status.ok()) return status;
  std::cout << path << ": " << name_of(*format) << ", "
            << count_of_entries(static_cast<int64_t>(entries.size())) << ", "
            << nn::with_commas(bytes_of(entries)) << " B\n";
  return kOk;
}

}  // namespace

absl::StatusOr<int> run_verify(const Arguments& arguments) {
  int exit_code = kOk;
  for (const std::string& word : arguments.words) {
    const absl::StatusOr<TensorFile> file = TensorFile::open(user_path(word));
    const absl::Status status = file.ok() ? verify(*file) : file.status();
    if (status.ok()) {
      std::cout << file->path() << ": verified, " << name_of(file->format()) << ", "
                << count_of_entries(static_cast<int64_t>(file->entries().size())) << ", "
                << nn::with_commas(bytes_of(file->entries())) << " B\n";
      continue;
    }
    report(status);
    exit_code = std::max(exit_code, exit_code_of(status));
  }
  return exit_code;
}

absl::StatusOr<int> run_convert(const Arguments& arguments) {
  const absl::StatusOr<TensorFile> file = TensorFile::open(user_path(arguments.words[0]));
  if (!file.ok()) return file.status();
  const std::string path = user_path(arguments.words[1]);
  const absl::Status status = check_output(path, {file->path()});
  if (!status.ok()) return status;
  return copy(arguments, *file, file->entries(), path);
}

absl::StatusOr<int> run_extract(const Arguments& arguments) {
  const absl::StatusOr<TensorFile> file = TensorFile::open(user_path(arguments.words[0]));
  if (!file.ok()) return file.status();
  const std::string& name = arguments.words[1];
  const std::string path = user_path(arguments.words[2]);
  absl::Status status = check_output(path, {file->path()});
  if (!status.ok()) return status;
  const bool is_npy = absl::EndsWith(path, ".npy");
  for (const char* flag : {"to", "drop_no_value"}) {
    if (!is_npy || !arguments.has(flag)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected no --", flag, ", which is not for one array as .npy"));
  }
  std::vector<CheckpointEntry> entries;
  for (const CheckpointEntry& entry : file->entries()) {
    if (is_npy ? entry.name == name : is_below(entry.name, name)) entries.push_back(entry);
  }
  if (entries.empty()) {
    return absl::NotFoundError(
        absl::StrCat(file->path(), ": expected one of its ", file->entries().size(),
                     is_npy ? " entries, got " : " entries or a prefix of some, got ",
                     in_quotes(name), did_you_mean_entry(*file, name, !is_npy)));
  }
  if (!is_npy) return copy(arguments, *file, entries, path);
  const auto array = file->read(name);
  if (!array.ok()) return array.status();
  if (!array->has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(file->path(), ": entry ", in_quotes(name),
                                                   ": expected a value to write, got none"));
  }
  const absl::StatusOr<NDArray> rows = serialization::or_no_memory(
      file->path(), "to convert it", [&]() -> absl::StatusOr<NDArray> { return as_npy(**array); });
  if (!rows.ok()) return serialization::of_entry(file->path(), name, rows.status());
  status = save_npy(path, *rows);
  if (!status.ok()) return status;
  std::cout << path << ": " << lamina::name_of((*array)->dtype()) << " " << (*array)->shape().str()
            << "\n";
  return kOk;
}

}  // namespace lamina::apps::checkpoint
