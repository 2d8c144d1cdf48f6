#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lamina/serialization/elements.h"
#include "lamina/serialization/json.h"
#include "lamina/serialization/safetensors.h"
#include "lamina/serialization/safetensors_format.h"
#include "lamina/serialization/status.h"
#include "lamina/serialization/text.h"

namespace lamina {
namespace {

using serialization::AtomicFile;
using serialization::in_quotes;
using serialization::of_entry;
using serialization::or_no_memory;
using serialization::safetensors::kDTypeNames;
using serialization::safetensors::kHeaderLimit;
using serialization::safetensors::kLengthBytes;
using serialization::safetensors::kMetadata;
using serialization::safetensors::kMetadataLimit;

constexpr char kName[] = "SafetensorsWriter";

constexpr int64_t kMostBytes = std::numeric_limits<int64_t>::max() / 2;

// Spaces at the end of the header move the elements to a multiple of this.
constexpr int64_t kAlignment = 64;

// That there is such an array, as far as its bytes. Adds them to *total.
absl::Status check_array(const SafetensorsEntry& entry, int64_t* total) {
  if (static_cast<int>(entry.dtype) >= kDTypeCount) {
    return absl::InvalidArgumentError(absl::StrCat("expected a DType of 0 to ", kDTypeCount - 1,
                                                   ", got ", static_cast<int>(entry.dtype)));
  }
  for (int64_t extent : entry.shape) {
    if (extent >= 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("expected extents of at least 0, got ", entry.shape.str()));
  }
  // What a reader demands.
  const std::vector<uint64_t> extents(entry.shape.begin(), entry.shape.end());
  const absl::StatusOr<Shape> shape = serialization::to_shape(extents, entry.dtype);
  if (!shape.ok()) return absl::InvalidArgumentError(shape.status().message());
  *total += shape->numel() * size_of(entry.dtype);  // both are below 2^62
  if (*total <= kMostBytes) return absl::OkStatus();
  return absl::InvalidArgumentError("expected less than 2^62 bytes with those before, got more");
}

absl::Status check_header_size(const std::string& path, size_t bytes) {
  if (static_cast<int64_t>(bytes) <= kHeaderLimit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": expected names and metadata for a header of at most ", kHeaderLimit,
                   " bytes, got ", bytes));
}

absl::Status check_new(const std::string& path, const std::vector<SafetensorsEntry>& entries,
                       const SaveOptions& options) {
  absl::flat_hash_set<absl::string_view> names;
  int64_t bytes = 0;       // of elements
  size_t header_text = 0;  // before it is put together, in memory
  for (const SafetensorsEntry& entry : entries) {
    const auto bad = [&](absl::string_view what) {
      return of_entry(path, entry.name, absl::InvalidArgumentError(what));
    };
    if (!names.insert(entry.name).second) {
      return bad("expected different names, got this one twice");
    }
    if (!serialization::is_utf8(entry.name)) return bad("expected a name in UTF-8");
    if (entry.name == kMetadata) return bad("expected a name that safetensors leaves free");
    const absl::Status status = check_array(entry, &bytes);
    if (!status.ok()) return bad(status.message());
    header_text += entry.name.size();
  }
  if (options.metadata.size() > kMetadataLimit) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected at most ", kMetadataLimit,
                                                   " entries of metadata, got ",
                                                   options.metadata.size()));
  }
  for (const auto& [key, value] : options.metadata) {
    if (!serialization::is_utf8(key) || !serialization::is_utf8(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": metadata ", in_quotes(key), ": expected text in UTF-8"));
    }
    header_text += key.size() + value.size();
  }
  return check_header_size(path, header_text);
}

uint64_t bytes_of(const SafetensorsEntry& entry) {
  return static_cast<uint64_t>(entry.shape.numel()) * static_cast<uint64_t>(size_of(entry.dtype));
}

// Large elements first, so that each array begins at a multiple of its element's size.
std::vector<size_t> order_of_data(const std::vector<SafetensorsEntry>& entries) {
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) {
    return size_of(entries[i].dtype) > size_of(entries[j].dtype);
  });
  return order;
}

// The JSON, and spaces after it.
std::string header_of(const std::vector<SafetensorsEntry>& entries, const SaveOptions& options,
                      const std::vector<size_t>& order) {
  std::vector<uint64_t> begins(entries.size());
  uint64_t end = 0;
  for (size_t i : order) {
    begins[i] = end;
    end += bytes_of(entries[i]);
  }
  std::string json = "{";
  const char* before = "";
  if (!options.metadata.empty()) {
    absl::StrAppend(&json, serialization::to_json(kMetadata), ":{");
    for (const auto& [key, value] : options.metadata) {
      absl::StrAppend(&json, before, serialization::to_json(key), ":",
                      serialization::to_json(value));
      before = ",";
    }
    json += "}";
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const SafetensorsEntry& entry = entries[i];
    absl::StrAppend(&json, before, serialization::to_json(entry.name), ":{\"dtype\":\"",
                    kDTypeNames[static_cast<int>(entry.dtype)], "\",\"shape\":[",
                    absl::StrJoin(entry.shape, ","), "],\"data_offsets\":[", begins[i], ",",
                    begins[i] + bytes_of(entry), "]}");
    before = ",";
  }
  json += "}";
  while ((kLengthBytes + static_cast<int64_t>(json.size())) % kAlignment != 0) json += ' ';
  return json;
}

absl::Status save(const std::string& path, const NamedArrays& state, const SaveOptions& options) {
  std::vector<SafetensorsEntry> entries;
  absl::flat_hash_map<absl::string_view, const NDArray*> arrays;
  for (const auto& [name, array] : state) {
    const auto bad = [&, &name = name](absl::string_view what) {
      return of_entry(path, name, absl::InvalidArgumentError(what));
    };
    if (!array.has_value()) {
      return bad("expected a value, which every entry of safetensors has, got none");
    }
    if (!array->defined()) return bad("expected a defined array");
    entries.push_back({name, array->dtype(), array->shape()});
    arrays[name] = &*array;
  }
  absl::StatusOr<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, std::move(entries), options);
  if (!writer.ok()) return writer.status();
  while (const SafetensorsEntry* entry = writer->next()) {
    absl::Status status = writer->add(*arrays[entry->name]);
    if (!status.ok()) return status;
  }
  return writer->finish();
}

}  // namespace

absl::Status save_safetensors(const std::string& path, const NamedArrays& state,
                              const SaveOptions& options) {
  return or_no_memory(path, "to save it", [&] { return save(path, state, options); });
}

absl::StatusOr<SafetensorsWriter> SafetensorsWriter::create(const std::string& path,
                                                            std::vector<SafetensorsEntry> entries,
                                                            const SaveOptions& options) {
  absl::Status status = check_new(path, entries, options);
  if (!status.ok()) return status;
  std::vector<size_t> order = order_of_data(entries);
  const std::string header = header_of(entries, options, order);
  status = check_header_size(path, header.size());
  if (!status.ok()) return status;
  absl::StatusOr<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok()) return file.status();
  std::string length;
  for (int shift = 0; shift < 64; shift += 8) {
    length.push_back(static_cast<char>(uint64_t{header.size()} >> shift & 0xff));
  }
  status = file->write(length);
  if (status.ok()) status = file->write(header);
  if (!status.ok()) return status;
  return SafetensorsWriter(path, *std::move(file), std::move(entries), std::move(order));
}

const SafetensorsEntry* SafetensorsWriter::next() const {
  return added_ < order_.size() ? &entries_[order_[added_]] : nullptr;
}

absl::Status SafetensorsWriter::add(const NDArray& value) {
  if (!file_.is_open()) return serialization::moved_from(kName);
  if (status_.ok()) status_ = write(value);
  return status_;
}

absl::Status SafetensorsWriter::write(const NDArray& value) {
  const SafetensorsEntry* entry = next();
  if (entry == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": expected no more arrays, got another one"));
  }
  if (!value.defined() || value.dtype() != entry->dtype || value.shape() != entry->shape) {
    return of_entry(
        path_, entry->name,
        absl::InvalidArgumentError(absl::StrCat(
            "expected an array of ", name_of(entry->dtype), " and shape ", entry->shape.str(),
            ", got ",
            value.defined() ? absl::StrCat(name_of(value.dtype()), " ", value.shape().str())
                            : "an undefined one")));
  }
  ++added_;
  if (value.numel() == 0) return absl::OkStatus();
  const absl::Status status = or_no_memory(path_, "to save it", [&] {
    const NDArray array = value.contiguous();
    return file_.write(absl::string_view(array.raw_data(), bytes_of(*entry)));
  });
  return status.ok() ? status : of_entry(path_, entry->name, status);
}

absl::Status SafetensorsWriter::finish() {
  if (!file_.is_open()) return serialization::moved_from(kName);
  if (!status_.ok()) return status_;
  const SafetensorsEntry* entry = next();
  status_ = entry == nullptr
                ? file_.commit()
                : of_entry(path_, entry->name,
                           absl::FailedPreconditionError("expected its array, got finish()"));
  if (!status_.ok()) return status_;
  status_ = absl::FailedPreconditionError(
      absl::StrCat(path_, ": expected nothing more after finish(), got another call"));
  return absl::OkStatus();
}

}  // namespace lamina
