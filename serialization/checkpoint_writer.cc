#include "lamina/serialization/checkpoint_writer.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lamina/serialization/crc32c.h"
#include "lamina/serialization/format.h"
#include "lamina/serialization/status.h"
#include "lamina/serialization/text.h"

namespace lamina {
namespace {

using serialization::AtomicFile;
using serialization::or_no_memory;

constexpr char kName[] = "CheckpointWriter";
constexpr char kPurpose[] = "to save it";

// Elements per chunk, in bytes. A multiple of kPageAlignment, so that the chunks of a large tensor can
// be mapped side by side.
constexpr int64_t kChunkBytes = 32 << 20;
constexpr int64_t kPageAlignment = 64 << 10;

}  // namespace

absl::StatusOr<CheckpointWriter> CheckpointWriter::create(const std::string& path,
                                                          const SaveOptions& options) {
  absl::StatusOr<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok()) return file.status();
  CheckpointWriter writer(path, *std::move(file));
  const absl::Status status =
      or_no_memory(path, kPurpose, [&] { return writer.write_header(options); });
  if (!status.ok()) return status;
  return writer;
}

absl::Status CheckpointWriter::add(const std::string& name, const std::optional<NDArray>& value) {
  if (!file_.is_open()) return serialization::moved_from(kName);
  if (!status_.ok()) return status_;
  status_ = or_no_memory(path_, kPurpose, [&] { return write_entry(name, value); });
  if (!status_.ok()) status_ = serialization::of_entry(path_, name, status_);
  return status_;
}

absl::Status CheckpointWriter::finish() {
  if (!file_.is_open()) return serialization::moved_from(kName);
  if (!status_.ok()) return status_;
  status_ = or_no_memory(path_, kPurpose, [&] { return write_end(); });
  if (!status_.ok()) return status_;
  status_ = absl::FailedPreconditionError(
      absl::StrCat(path_, ": expected nothing more after finish(), got another call"));
  return absl::OkStatus();
}

absl::Status CheckpointWriter::write_header(const SaveOptions& options) {
  proto::Header header;
  header.set_magic(serialization::kMagic);
  header.set_major_version(serialization::kMajorVersion);
  header.set_minor_version(serialization::kMinorVersion);
  header.set_producer("lamina");
  int64_t text = 0;
  for (const auto& [key, value] : options.metadata) {
    if (!serialization::is_utf8(key) || !serialization::is_utf8(value)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path_, ": metadata ", serialization::in_quotes(key), ": expected text in UTF-8"));
    }
    // What is too much does not come into the message, which protobuf does not write above 2 GiB.
    text += static_cast<int64_t>(key.size() + value.size());
    if (text <= serialization::kMessageLimit) (*header.mutable_metadata())[key] = value;
  }
  const int64_t bytes =
      std::max(text, static_cast<int64_t>(header.ByteSizeLong()) + serialization::kChecksumBytes);
  if (bytes > serialization::kMessageLimit) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": expected metadata for a header of at most ",
                     serialization::kMessageLimit, " bytes, got ", bytes));
  }
  return file_.write(serialization::checked_field(proto::Checkpoint::kHeaderFieldNumber, header));
}

// Writes a piece of the elements of the entry at hand; *data_offset is where they begin.
absl::Status CheckpointWriter::write_chunk(absl::string_view data, int64_t alignment,
                                           int64_t* data_offset) {
  const auto size = static_cast<int64_t>(data.size());
  const std::string number =
      serialization::varint_field(proto::Chunk::kTensorFieldNumber, entries_);
  const std::string data_head = serialization::field_head(proto::Chunk::kDataFieldNumber, size);
  // The fewest zeros that do. Their number decides how long lengths are, so they are tried.
  std::string head, body_head;
  for (int64_t padding = 0;; ++padding) {
    const std::string padding_head =
        padding == 0 ? "" : serialization::field_head(proto::Chunk::kPaddingFieldNumber, padding);
    const auto front =
        static_cast<int64_t>(number.size() + padding_head.size() + data_head.size()) + padding;
    head = serialization::field_head(proto::Checkpoint::kChunkFieldNumber,
                                     front + size + serialization::kChecksumBytes);
    *data_offset = file_.position() + static_cast<int64_t>(head.size()) + front;
    if (*data_offset % alignment != 0) continue;
    body_head = number + padding_head;
    body_head.append(static_cast<size_t>(padding), '\0').append(data_head);
    break;
  }
  absl::Status status = file_.write(head + body_head);
  uint32_t crc = serialization::crc32c(body_head);
  for (size_t at = 0; status.ok() && at < data.size(); at += serialization::kPieceBytes) {
    const absl::string_view piece = data.substr(at, serialization::kPieceBytes);
    crc = serialization::crc32c(piece, crc);
    status = file_.write(piece);
  }
  if (status.ok()) status = file_.write(serialization::checksum_field(crc));
  return status;
}

// Writes a tensor's record and chunks, and adds to the encoding of the index.
absl::Status CheckpointWriter::write_entry(const std::string& name,
                                           const std::optional<NDArray>& value) {
  const auto too_long = [](size_t bytes) {
    return absl::InvalidArgumentError(absl::StrCat("expected a name for a record of at most ",
                                                   serialization::kMessageLimit, " bytes, got ",
                                                   bytes));
  };
  if (static_cast<int64_t>(name.size()) > serialization::kMessageLimit) {
    return too_long(name.size());
  }
  if (!names_.insert(name).second) {
    return absl::InvalidArgumentError("expected different names, got this one twice");
  }
  if (!serialization::is_utf8(name)) return absl::InvalidArgumentError("expected a name in UTF-8");
  if (value.has_value() && !value->defined()) {
    return absl::InvalidArgumentError("expected a defined array, or an entry without a value");
  }
  proto::Tensor tensor;
  tensor.set_name(name);
  if (value.has_value()) {
    tensor.set_dtype(serialization::to_proto(value->dtype()));
    for (int64_t extent : value->shape()) tensor.add_shape(static_cast<uint64_t>(extent));
  }
  proto::Index::Entry entry;
  entry.set_offset(static_cast<uint64_t>(file_.position()));
  *entry.mutable_tensor() = tensor;

  absl::Status status =
      file_.write(serialization::checked_field(proto::Checkpoint::kTensorFieldNumber, tensor));
  if (!status.ok()) return status;
  if (value.has_value() && value->numel() > 0) {
    const NDArray array = value->is_contiguous() ? *value : value->contiguous();
    const absl::string_view elements(array.raw_data(),
                                     static_cast<size_t>(array.numel() * size_of(array.dtype())));
    const int64_t alignment = static_cast<int64_t>(elements.size()) > kChunkBytes
                                  ? kPageAlignment
                                  : serialization::kAlignment;
    for (size_t at = 0; at < elements.size(); at += kChunkBytes) {
      int64_t data_offset = 0;
      status = write_chunk(elements.substr(at, kChunkBytes), alignment, &data_offset);
      if (!status.ok()) return status;
      if (at == 0) entry.set_data_offset(static_cast<uint64_t>(data_offset));
    }
  }
  const std::string encoding = serialization::serialized(entry);
  if (static_cast<int64_t>(encoding.size()) > serialization::kMessageLimit) {
    return too_long(encoding.size());
  }
  index_ += serialization::field_head(proto::Index::kEntryFieldNumber,
                                      static_cast<int64_t>(encoding.size())) +
            encoding;
  ++entries_;
  return absl::OkStatus();
}

absl::Status CheckpointWriter::write_end() {
  const int64_t bytes = static_cast<int64_t>(index_.size()) + serialization::kChecksumBytes;
  if (bytes >= serialization::kIndexLimit) {
    return absl::InvalidArgumentError(absl::StrCat(
        path_, ": expected entries whose index is below 2 GiB, got ", bytes, " bytes"));
  }
  proto::Footer footer;
  footer.set_index_offset(static_cast<uint64_t>(file_.position()));
  absl::Status status =
      file_.write(serialization::field_head(proto::Checkpoint::kIndexFieldNumber, bytes));
  if (status.ok()) status = file_.write(index_);
  if (status.ok())
    status = file_.write(serialization::checksum_field(serialization::crc32c(index_)));
  if (status.ok()) {
    status =
        file_.write(serialization::checked_field(proto::Checkpoint::kFooterFieldNumber, footer));
  }
  if (status.ok()) status = file_.commit();
  return status;
}

}  // namespace lamina
