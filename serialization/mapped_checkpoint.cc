#include "lamina/serialization/mapped_checkpoint.h"

#include <algorithm>
#include <cstdint>

#include "lamina/serialization/chunk_verifier.h"
#include "lamina/serialization/frame.h"
#include "lamina/serialization/status.h"

namespace lamina {
namespace {

using serialization::Chunk;
using serialization::ChunkVerifier;
using serialization::Mapping;
using serialization::or_no_memory;
using serialization::Piece;
using serialization::Window;

constexpr char kName[] = "MappedCheckpoint";

// Chunks that are smaller are copied rather than mapped one by one: the system has few mappings to give.
constexpr int64_t kLeastMapped = 1 << 20;

bool can_join(const std::vector<Piece>& pieces) {
  return serialization::fill_pages(pieces) &&
         std::all_of(pieces.begin(), pieces.end() - 1,
                     [](const Piece& piece) { return piece.size >= kLeastMapped; });
}

}  // namespace

absl::StatusOr<MappedCheckpoint> MappedCheckpoint::open(const std::string& path) {
  absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path);
  if (!reader.ok()) return reader.status();
  auto file = Mapping::create(reader->file_, {{0, reader->file_.size()}});
  if (!file.ok()) return file.status();
  return MappedCheckpoint(*std::move(reader), *std::move(file));
}

absl::StatusOr<std::optional<NDArray>> MappedCheckpoint::get(absl::string_view name) const {
  const absl::Status open = reader_.check_open(kName);
  if (!open.ok()) return open;
  const absl::StatusOr<size_t> i = reader_.find(name);
  if (!i.ok()) return i.status();
  std::optional<NDArray> array = find(*i);
  if (array.has_value()) return array;
  return or_no_memory(reader_.file_.path(), "to map it", [&] { return verify_and_add(*i); });
}

absl::StatusOr<std::optional<NDArray>> MappedCheckpoint::verify_and_add(size_t i) const {
  const CheckpointEntry& entry = entries()[i];
  const bool is_verified = arrays_->are_verified.load();
  Window window(reader_.file_);
  ChunkVerifier verifier(reader_.file_);
  std::vector<Piece> pieces;
  int64_t offset = reader_.places_[i].offset;
  const absl::Status found = reader_.find_chunks(window, i, &offset, [&](const Chunk& chunk) {
    pieces.push_back(chunk.data);
    if (is_verified) return absl::OkStatus();
    const char* const shown = file_->data() + chunk.data.offset;
    return verifier.add({chunk, i, entry.name, *entry.dtype, shown, nullptr});
  });
  absl::Status status = verifier.finish(found);
  if (!status.ok()) return status;
  if (!entry.dtype.has_value()) return std::nullopt;
  return add(i, pieces);
}

absl::Status MappedCheckpoint::verify(const std::function<void(int64_t)>& progress) const {
  absl::Status open = reader_.check_open(kName);
  if (!open.ok()) return open;
  return or_no_memory(reader_.file_.path(), "to verify it", [&] {
    ChunkVerifier verifier(reader_.file_, progress);
    absl::Status status = verifier.finish(verify_entries(verifier));
    arrays_->are_verified.store(status.ok());
    return status;
  });
}

// Reads the file anew: an array may have been written to since.
absl::Status MappedCheckpoint::verify_entries(ChunkVerifier& verifier) const {
  Window window(reader_.file_);
  int64_t offset = reader_.header_end_;
  for (size_t i = 0; i < entries().size(); ++i) {
    const CheckpointEntry& entry = entries()[i];
    absl::Status status = reader_.find_chunks(window, i, &offset, [&](const Chunk& chunk) {
      return verifier.add({chunk, i, entry.name, *entry.dtype, nullptr, nullptr});
    });
    if (!status.ok()) return status;
  }
  return reader_.check_end(window, offset);
}

std::optional<NDArray> MappedCheckpoint::find(size_t i) const {
  std::lock_guard<std::mutex> lock(arrays_->mutex);
  const auto found = arrays_->by_entry.find(i);
  if (found == arrays_->by_entry.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<NDArray> MappedCheckpoint::add(size_t i, const std::vector<Piece>& pieces) const {
  const CheckpointEntry& entry = entries()[i];
  std::shared_ptr<Mapping> mapping = file_;
  char* data = nullptr;
  if (pieces.size() == 1) {
    data = mapping->data() + pieces[0].offset;
  } else if (pieces.size() > 1 && can_join(pieces)) {
    absl::StatusOr<std::shared_ptr<Mapping>> joined = Mapping::create(reader_.file_, pieces);
    if (!joined.ok()) return joined.status();
    mapping = *std::move(joined);
    data = mapping->data();
  }
  NDArray array;
  if (data != nullptr) {
    array = NDArray::from_blob(data, entry.shape, *entry.dtype, [mapping](void*) {});
  } else if (pieces.empty()) {
    array = NDArray::empty(entry.shape, *entry.dtype);
  } else {
    absl::StatusOr<std::optional<NDArray>> copy = reader_.read(entry.name);
    if (!copy.ok()) return copy.status();
    array = **std::move(copy);
  }
  std::lock_guard<std::mutex> lock(arrays_->mutex);
  return arrays_->by_entry.try_emplace(i, std::move(array)).first->second;
}

}  // namespace lamina
