#include "lamina/serialization/safetensors.h"

#include <algorithm>
#include <exception>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"
#include "lamina/serialization/elements.h"
#include "lamina/serialization/json.h"
#include "lamina/serialization/safetensors_format.h"
#include "lamina/serialization/status.h"
#include "lamina/serialization/text.h"

namespace lamina {
namespace {

using serialization::in_quotes;
using serialization::InputFile;
using serialization::JsonReader;
using serialization::of_entry;
using serialization::or_no_memory;
using serialization::safetensors::kDTypeNames;
using serialization::safetensors::kHeaderLimit;
using serialization::safetensors::kLengthBytes;
using serialization::safetensors::kMetadata;
using serialization::safetensors::kMetadataLimit;

constexpr char kName[] = "SafetensorsReader";

// Numbers, at most `most` of them; else the error is of this code and begins "expected `what`".
absl::StatusOr<std::vector<uint64_t>> read_numbers(JsonReader& json, absl::string_view what,
                                                   size_t most, absl::StatusCode too_many) {
  std::vector<uint64_t> numbers;
  const absl::Status status = json.array([&] {
    const absl::StatusOr<uint64_t> number = json.integer();
    if (!number.ok()) return number.status();
    if (numbers.size() == most) {
      return absl::Status(too_many, absl::StrCat("expected ", what, ", got more"));
    }
    numbers.push_back(*number);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return numbers;
}

absl::StatusOr<DType> read_dtype(JsonReader& json) {
  const absl::StatusOr<std::string> name = json.string();
  if (!name.ok()) return name.status();
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kDTypeNames[i] == *name) return static_cast<DType>(i);
  }
  return absl::UnimplementedError(absl::StrCat(
      "expected dtype BOOL, U8, I32, I64, F16, BF16, F32 or F64, got ", in_quotes(*name)));
}

// What stands behind a name. The piece is not yet known to be in the file.
absl::Status read_value(JsonReader& json, SafetensorsEntry* entry, serialization::Piece* piece) {
  std::optional<DType> dtype;
  std::optional<std::vector<uint64_t>> extents, offsets;
  absl::Status status = json.object([&](const std::string& key) {
    const auto keep = [](auto read, auto* to) {
      if (!read.ok()) return read.status();
      *to = *std::move(read);
      return absl::OkStatus();
    };
    if (key == "dtype" && !dtype.has_value()) return keep(read_dtype(json), &dtype);
    if (key == "shape" && !extents.has_value()) {
      return keep(read_numbers(json, "a shape of at most 8 extents", Shape::kMaxRank,
                               absl::StatusCode::kUnimplemented),
                  &extents);
    }
    if (key == "data_offsets" && !offsets.has_value()) {
      return keep(read_numbers(json, "two data_offsets", 2, absl::StatusCode::kDataLoss), &offsets);
    }
    return absl::DataLossError(absl::StrCat(
        "expected the keys dtype, shape and data_offsets, once each, got ", in_quotes(key)));
  });
  if (!status.ok()) return status;
  if (!dtype.has_value() || !extents.has_value() || !offsets.has_value()) {
    return absl::DataLossError("expected dtype, shape and data_offsets, got not all of them");
  }
  const absl::StatusOr<Shape> shape = serialization::to_shape(*extents, *dtype);
  if (!shape.ok()) return shape.status();
  if (offsets->size() != 2) return absl::DataLossError("expected two data_offsets, got fewer");
  const uint64_t begin = (*offsets)[0], end = (*offsets)[1];
  const int64_t bytes = shape->numel() * size_of(*dtype);
  if (begin > end || end >> 62 != 0 || static_cast<int64_t>(end - begin) != bytes) {
    return absl::DataLossError(absl::StrCat("expected data_offsets around the ", bytes,
                                            " bytes of shape ", shape->str(), " of ",
                                            name_of(*dtype), ", got ", begin, " and ", end));
  }
  entry->dtype = *dtype;
  entry->shape = *shape;
  *piece = {static_cast<int64_t>(begin), bytes};
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NamedArrays> load_safetensors(const std::string& path) {
  const absl::StatusOr<SafetensorsReader> reader = SafetensorsReader::open(path);
  if (!reader.ok()) return reader.status();
  return reader->read_all();
}

absl::StatusOr<SafetensorsReader> SafetensorsReader::open(const std::string& path) {
  absl::StatusOr<InputFile> file = InputFile::open(path);
  if (!file.ok()) return file.status();
  SafetensorsReader reader(*std::move(file));
  const absl::Status status = or_no_memory(path, "for its header", [&] {
    const absl::Status read = reader.read_header();
    return read.ok() ? reader.check_entries() : read;
  });
  if (!status.ok()) return status;
  return reader;
}

absl::Status SafetensorsReader::read_header() {
  const auto no_safetensors = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_.path(), ": expected a safetensors file, got ", what));
  };
  if (file_.size() < kLengthBytes) {
    return no_safetensors(absl::StrCat("a file of ", file_.size(), " bytes"));
  }
  unsigned char length[kLengthBytes];
  absl::Status status = file_.read(0, length, kLengthBytes);
  if (!status.ok()) return status;
  uint64_t size = 0;
  for (int i = 0; i < kLengthBytes; ++i) size |= uint64_t{length[i]} << 8 * i;
  if (size > uint64_t{kHeaderLimit}) {
    return no_safetensors(absl::StrCat("one whose header is to be of ", size,
                                       " bytes, where the format allows ", kHeaderLimit));
  }
  data_begin_ = kLengthBytes + static_cast<int64_t>(size);
  if (data_begin_ > file_.size()) {
    return absl::DataLossError(absl::StrCat(file_.path(),
                                            ": offset 0: expected a header of at most ",
                                            file_.size() - kLengthBytes, " bytes, got ", size));
  }
  std::string header(size, '\0');
  status = file_.read(kLengthBytes, header.data(), static_cast<int64_t>(size));
  if (!status.ok()) return status;
  if (header.empty() || header[0] != '{') {
    return no_safetensors("one whose header does not begin with '{'");
  }
  return parse(header);
}

absl::Status SafetensorsReader::parse(absl::string_view header) {
  JsonReader json(header, kLengthBytes);
  bool has_metadata = false;
  absl::Status named;  // an error that names its entry
  const auto read_metadata = [&] {
    return json.object([&](const std::string& key) {
      absl::StatusOr<std::string> value = json.string();
      if (!value.ok()) return value.status();
      if (metadata_.size() == kMetadataLimit) {
        return absl::UnimplementedError(
            absl::StrCat("expected at most ", kMetadataLimit, " entries, got more"));
      }
      if (metadata_.emplace(key, *std::move(value)).second) return absl::OkStatus();
      return absl::DataLossError(
          absl::StrCat("expected different keys, got ", in_quotes(key), " twice"));
    });
  };
  absl::Status status = json.object([&](const std::string& name) {
    absl::Status read;
    if (name != kMetadata) {
      SafetensorsEntry entry{name, uint8, {}};
      serialization::Piece piece{0, 0};
      read = read_value(json, &entry, &piece);
      entries_.push_back(std::move(entry));
      pieces_.push_back(piece);
    } else if (has_metadata) {
      read = absl::DataLossError("expected it once, got it twice");
    } else {
      has_metadata = true;
      read = read_metadata();
    }
    if (!read.ok()) named = of_entry(file_.path(), name, read);
    return read;
  });
  if (!named.ok()) return named;
  if (status.ok()) status = json.end();
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file_.path(), ": ", status.message()));
}

// Names differ, and the pieces fill the rest of the file.
absl::Status SafetensorsReader::check_entries() {
  const auto fail = [&](size_t i, absl::string_view what) {
    return of_entry(file_.path(), entries_[i].name, absl::DataLossError(what));
  };
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!by_name_.emplace(entries_[i].name, i).second) {
      return fail(i, "expected different names, got this one twice");
    }
  }
  std::vector<size_t> order(entries_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) {
    return std::make_pair(pieces_[i].offset, pieces_[i].size) <
           std::make_pair(pieces_[j].offset, pieces_[j].size);
  });
  const int64_t room = file_.size() - data_begin_;
  int64_t end = 0;
  for (size_t i : order) {
    if (pieces_[i].offset != end) {
      return fail(i, absl::StrCat("expected its data to begin at ", end,
                                  ", where that before it ends, got ", pieces_[i].offset));
    }
    if (pieces_[i].size > room - end) {
      return fail(i, absl::StrCat("expected its data to end at ", room, " or before, got ",
                                  end + pieces_[i].size));
    }
    end += pieces_[i].size;
  }
  if (end == room) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(file_.path(), ": expected ", end,
                                          " bytes of data after the header, got ", room));
}

absl::StatusOr<NDArray> SafetensorsReader::read(absl::string_view name) const {
  if (file_.descriptor() < 0) return serialization::moved_from(kName);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return read_entry(found->second);
  return absl::NotFoundError(absl::StrCat(file_.path(), ": expected one of its ", entries_.size(),
                                          " entries, got ", in_quotes(name)));
}

absl::StatusOr<NamedArrays> SafetensorsReader::read_all() const {
  if (file_.descriptor() < 0) return serialization::moved_from(kName);
  return or_no_memory(file_.path(), "to read it", [&]() -> absl::StatusOr<NamedArrays> {
    NamedArrays state;
    state.reserve(entries_.size());
    for (size_t i = 0; i < entries_.size(); ++i) {
      absl::StatusOr<NDArray> array = read_entry(i);
      if (!array.ok()) return array.status();
      state.emplace_back(entries_[i].name, *std::move(array));
    }
    return state;
  });
}

absl::StatusOr<NDArray> SafetensorsReader::read_entry(size_t i) const {
  const SafetensorsEntry& entry = entries_[i];
  NDArray array;
  try {
    array = NDArray::empty(entry.shape, entry.dtype);
  } catch (const std::exception&) {
    return of_entry(
        file_.path(), entry.name,
        absl::ResourceExhaustedError(absl::StrCat("no memory for the ", pieces_[i].size,
                                                  " bytes of shape ", entry.shape.str())));
  }
  absl::Status status =
      file_.read(data_begin_ + pieces_[i].offset, array.raw_data(), pieces_[i].size);
  if (!status.ok()) return of_entry(file_.path(), entry.name, status);
  const absl::string_view elements(array.raw_data(), static_cast<size_t>(pieces_[i].size));
  if (entry.dtype == bool_ && !serialization::is_bools(elements)) {
    return of_entry(file_.path(), entry.name,
                    absl::DataLossError("expected bools of 0 and 1, got other bytes"));
  }
  return array;
}

}  // namespace lamina
