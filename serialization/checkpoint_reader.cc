#include "lamina/serialization/checkpoint_reader.h"

#include <exception>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lamina/serialization/chunk_verifier.h"
#include "lamina/serialization/elements.h"
#include "lamina/serialization/format.h"
#include "lamina/serialization/frame.h"
#include "lamina/serialization/status.h"
#include "lamina/serialization/text.h"

namespace lamina {
namespace {

using serialization::Chunk;
using serialization::ChunkVerifier;
using serialization::damaged;
using serialization::Field;
using serialization::Frame;
using serialization::in_quotes;
using serialization::InputFile;
using serialization::of_entry;
using serialization::or_no_memory;
using serialization::Window;

constexpr char kName[] = "CheckpointReader";

// The entry that a record describes; an error, without the path, if there is no such array.
absl::StatusOr<CheckpointEntry> to_entry(const proto::Tensor& tensor) {
  CheckpointEntry entry;
  entry.name = tensor.name();
  if (tensor.dtype() == proto::DTYPE_NO_VALUE) {
    if (tensor.shape_size() == 0) return entry;
    return absl::DataLossError("expected no shape where there is no value, got one");
  }
  entry.dtype = serialization::from_proto(tensor.dtype());
  if (!entry.dtype.has_value()) {
    return absl::DataLossError(
        absl::StrCat("expected a dtype from 1 to ", kDTypeCount, ", got ", tensor.dtype()));
  }
  absl::StatusOr<Shape> shape = serialization::to_shape(
      absl::MakeConstSpan(tensor.shape().data(), tensor.shape().size()), *entry.dtype);
  if (!shape.ok()) return shape.status();
  entry.shape = *shape;
  return entry;
}

// What the elements take.
int64_t bytes_of(const CheckpointEntry& entry) {
  return entry.dtype.has_value() ? entry.shape.numel() * size_of(*entry.dtype) : 0;
}

}  // namespace

absl::StatusOr<CheckpointReader> CheckpointReader::open(const std::string& path) {
  absl::StatusOr<InputFile> file = InputFile::open(path);
  if (!file.ok()) return file.status();
  CheckpointReader reader(*std::move(file));
  const absl::Status status = or_no_memory(path, "for its index", [&] {
    Window window(reader.file_);
    absl::Status read = reader.read_header(window);
    if (read.ok()) read = reader.read_footer(window);
    if (read.ok()) read = reader.read_index(window);
    if (read.ok()) read = reader.check_entries();
    return read;
  });
  if (!status.ok()) return status;
  return reader;
}

absl::Status CheckpointReader::read_header(Window& window) {
  const absl::StatusOr<absl::string_view> start = window.view(0, 8);
  if (!start.ok()) return start.status();
  const std::optional<Field> field = serialization::parse_field(*start);
  if (!field.has_value() || field->number != proto::Checkpoint::kHeaderFieldNumber) {
    return absl::InvalidArgumentError(absl::StrCat(
        file_.path(), ": expected a checkpoint, got a file of ", file_.size(), " bytes",
        start->empty() ? "" : " that begins with ", absl::BytesToHexString(*start)));
  }
  const absl::StatusOr<Frame> frame = serialization::next_frame(window, 0);
  if (!frame.ok()) return frame.status();
  const auto header = serialization::read_message<proto::Header>(window, *frame, "a header");
  if (!header.ok()) return header.status();
  if (header->magic() != serialization::kMagic) {
    return absl::InvalidArgumentError(absl::StrCat(file_.path(), ": expected a header of ",
                                                   serialization::kMagic, ", got ",
                                                   in_quotes(header->magic())));
  }
  if (header->major_version() != serialization::kMajorVersion) {
    return absl::UnimplementedError(
        absl::StrCat(file_.path(), ": expected format version ", serialization::kMajorVersion,
                     ", got ", header->major_version(), ".", header->minor_version(),
                     ", written by ", in_quotes(header->producer())));
  }
  for (const auto& [key, value] : header->metadata()) metadata_[key] = value;
  header_end_ = frame->end();
  return absl::OkStatus();
}

absl::Status CheckpointReader::read_footer(Window& window) {
  const int64_t offset = file_.size() - serialization::kFooterBytes;
  if (offset < header_end_) {
    return damaged(file_, header_end_, "expected more than the header, got the end of the file");
  }
  const absl::StatusOr<Frame> frame = serialization::next_frame(window, offset);
  if (!frame.ok() || frame->offset != offset ||
      frame->number != proto::Checkpoint::kFooterFieldNumber || frame->end() != file_.size()) {
    return damaged(file_, offset,
                   "expected the footer that ends a checkpoint, got other bytes: the file was cut "
                   "short, or something was appended to it");
  }
  const auto footer = serialization::read_message<proto::Footer>(window, *frame, "a footer");
  if (!footer.ok()) return footer.status();
  if (footer->index_offset() < static_cast<uint64_t>(header_end_) ||
      footer->index_offset() >= static_cast<uint64_t>(offset)) {
    return damaged(file_, offset, "expected an index between header and footer, got one at ",
                   footer->index_offset());
  }
  index_offset_ = static_cast<int64_t>(footer->index_offset());
  return absl::OkStatus();
}

absl::Status CheckpointReader::read_index(Window& window) {
  const absl::StatusOr<Frame> frame = serialization::next_frame(window, index_offset_);
  if (!frame.ok()) return frame.status();
  if (frame->offset != index_offset_ || frame->number != proto::Checkpoint::kIndexFieldNumber) {
    return damaged(file_, index_offset_, "expected the index, got field ", frame->number);
  }
  if (frame->end() != file_.size() - serialization::kFooterBytes) {
    return damaged(file_, index_offset_,
                   "expected an index up to the footer, got one that ends at offset ",
                   frame->end());
  }
  const auto body =
      serialization::read_body(window, *frame, serialization::kIndexLimit, "an index");
  if (!body.ok()) return body.status();
  // Entry by entry, so that a message object takes memory for one of them only.
  for (absl::string_view left = *body; !left.empty();) {
    const std::optional<Field> field =
        serialization::parse_field(left.substr(0, serialization::kMaxFieldHead));
    if (!field.has_value() || field->size > static_cast<int64_t>(left.size()) - field->head) {
      return damaged(file_, index_offset_, "expected an index of fields, got something else");
    }
    left.remove_prefix(static_cast<size_t>(field->head));
    if (field->number == proto::Index::kEntryFieldNumber &&
        field->wire_type == serialization::kBytes) {
      absl::Status status =
          add_entry(index_offset_, left.substr(0, static_cast<size_t>(field->size)));
      if (!status.ok()) return status;
    }
    left.remove_prefix(static_cast<size_t>(field->size));
  }
  return absl::OkStatus();
}

absl::Status CheckpointReader::add_entry(int64_t offset, absl::string_view encoding) {
  proto::Index::Entry entry;
  if (static_cast<int64_t>(encoding.size()) > serialization::kMessageLimit ||
      !serialization::parse(encoding, &entry)) {
    return damaged(file_, offset, "expected entry ", entries_.size(),
                   " of the index, got no such message");
  }
  absl::StatusOr<CheckpointEntry> parsed = to_entry(entry.tensor());
  if (!parsed.ok()) return of_entry(file_.path(), entry.tensor().name(), parsed.status());
  // Offsets that rise, each with a record at it, bound the number of entries by the file's size.
  const int64_t before = places_.empty() ? header_end_ - 1 : places_.back().offset;
  if (entry.offset() <= static_cast<uint64_t>(before) ||
      entry.offset() >= static_cast<uint64_t>(index_offset_) ||
      entry.data_offset() >= static_cast<uint64_t>(index_offset_)) {
    return of_entry(file_.path(), entry.tensor().name(),
                    absl::DataLossError(absl::StrCat("expected offsets from ", before + 1, " to ",
                                                     index_offset_ - 1, ", got ", entry.offset(),
                                                     " and ", entry.data_offset())));
  }
  entries_.push_back(*std::move(parsed));
  places_.push_back(
      {static_cast<int64_t>(entry.offset()), static_cast<int64_t>(entry.data_offset())});
  return absl::OkStatus();
}

absl::Status CheckpointReader::check_entries() {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!by_name_.emplace(entries_[i].name, i).second) {
      return of_entry(file_.path(), entries_[i].name,
                      absl::DataLossError("expected different names, got this one twice"));
    }
    const int64_t end = i + 1 < places_.size() ? places_[i + 1].offset : index_offset_;
    const int64_t room = end - places_[i].offset;
    if (bytes_of(entries_[i]) > room) {
      return of_entry(file_.path(), entries_[i].name,
                      absl::DataLossError(absl::StrCat("expected the ", bytes_of(entries_[i]),
                                                       " bytes of shape ", entries_[i].shape.str(),
                                                       ", got room for ", room)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckpointReader::check_open(absl::string_view what) const {
  return file_.descriptor() < 0 ? serialization::moved_from(what) : absl::OkStatus();
}

absl::StatusOr<size_t> CheckpointReader::find(absl::string_view name) const {
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second;
  return absl::NotFoundError(absl::StrCat(file_.path(), ": expected one of its ", entries_.size(),
                                          " entries, got ", in_quotes(name)));
}

absl::StatusOr<std::optional<NDArray>> CheckpointReader::read(absl::string_view name) const {
  const absl::Status open = check_open(kName);
  if (!open.ok()) return open;
  const absl::StatusOr<size_t> i = find(name);
  if (!i.ok()) return i.status();
  return or_no_memory(file_.path(), "to read it", [&]() -> absl::StatusOr<std::optional<NDArray>> {
    std::optional<NDArray> array;
    Window window(file_);
    ChunkVerifier verifier(file_);
    int64_t offset = places_[*i].offset;
    absl::Status status = verifier.finish(read_entry(window, *i, &offset, verifier, &array));
    if (!status.ok()) return status;
    return array;
  });
}

absl::StatusOr<NamedArrays> CheckpointReader::read_all() const {
  const absl::Status open = check_open(kName);
  if (!open.ok()) return open;
  return or_no_memory(file_.path(), "to read it", [&]() -> absl::StatusOr<NamedArrays> {
    NamedArrays state;
    ChunkVerifier verifier(file_);
    absl::Status status = verifier.finish(read_entries(verifier, &state));
    if (!status.ok()) return status;
    return state;
  });
}

absl::Status CheckpointReader::read_entries(ChunkVerifier& verifier, NamedArrays* state) const {
  state->reserve(entries_.size());
  Window window(file_);
  int64_t offset = header_end_;
  for (size_t i = 0; i < entries_.size(); ++i) {
    state->emplace_back(entries_[i].name, std::nullopt);
    absl::Status status = read_entry(window, i, &offset, verifier, &state->back().second);
    if (!status.ok()) return status;
  }
  return check_end(window, offset);
}

absl::Status CheckpointReader::check_end(Window& window, int64_t offset) const {
  const absl::StatusOr<Frame> frame = serialization::next_frame(window, offset);
  if (!frame.ok()) return frame.status();
  if (frame->offset == index_offset_) return absl::OkStatus();
  return damaged(file_, frame->offset, "expected nothing more before the index, got field ",
                 frame->number);
}

absl::Status CheckpointReader::read_entry(Window& window, size_t i, int64_t* offset,
                                          ChunkVerifier& verifier,
                                          std::optional<NDArray>* array) const {
  const CheckpointEntry& entry = entries_[i];
  if (entry.dtype.has_value()) {
    try {
      *array = NDArray::empty(entry.shape, *entry.dtype);
    } catch (const std::exception&) {
      return of_entry(
          file_.path(), entry.name,
          absl::ResourceExhaustedError(absl::StrCat("no memory for the ", bytes_of(entry),
                                                    " bytes of shape ", entry.shape.str())));
    }
  }
  char* to = array->has_value() ? (*array)->raw_data() : nullptr;
  return find_chunks(window, i, offset, [&](const Chunk& chunk) {
    absl::Status status = verifier.add({chunk, i, entry.name, *entry.dtype, nullptr, to});
    to += chunk.data.size;
    return status;
  });
}

absl::Status CheckpointReader::find_chunks(
    Window& window, size_t i, int64_t* offset,
    absl::FunctionRef<absl::Status(const Chunk&)> found) const {
  const CheckpointEntry& entry = entries_[i];
  const auto fail = [&](const absl::Status& status) {
    return of_entry(file_.path(), entry.name, status);
  };
  absl::StatusOr<Frame> frame = serialization::next_frame(window, *offset);
  if (!frame.ok()) return fail(frame.status());
  if (frame->offset != places_[i].offset ||
      frame->number != proto::Checkpoint::kTensorFieldNumber) {
    return fail(damaged(file_, frame->offset, "expected a tensor at offset ", places_[i].offset,
                        ", got field ", frame->number));
  }
  const auto record = serialization::read_message<proto::Tensor>(window, *frame, "a tensor");
  if (!record.ok()) return fail(record.status());
  const absl::StatusOr<CheckpointEntry> same = to_entry(*record);
  if (!same.ok()) return fail(same.status());
  if (same->name != entry.name || same->dtype != entry.dtype || same->shape != entry.shape) {
    return fail(damaged(file_, frame->offset, "expected what the index says, got another tensor"));
  }
  *offset = frame->end();
  const int64_t bytes = bytes_of(entry);
  int64_t first = 0;
  for (int64_t done = 0; done < bytes;) {
    frame = serialization::next_frame(window, *offset);
    if (!frame.ok()) return fail(frame.status());
    if (frame->number != proto::Checkpoint::kChunkFieldNumber) {
      return fail(damaged(file_, frame->offset, "expected a chunk with the next of ", bytes - done,
                          " bytes, got field ", frame->number));
    }
    const absl::StatusOr<Chunk> chunk = serialization::parse_chunk(window, *frame, bytes - done);
    if (!chunk.ok()) return fail(chunk.status());
    absl::Status status = found(*chunk);
    if (!status.ok()) return status;
    if (done == 0) first = chunk->data.offset;
    done += chunk->data.size;
    *offset = frame->end();
  }
  if (first == places_[i].data_offset) return absl::OkStatus();
  return fail(damaged(file_, *offset, "expected the elements at offset ", places_[i].data_offset,
                      ", got them at ", first));
}

}  // namespace lamina
