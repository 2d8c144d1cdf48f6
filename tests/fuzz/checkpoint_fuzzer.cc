// Every reader of checkpoints: by entry, whole and mapped, which have to agree.
//
// A change at random ends at a checksum. So most changes are made to one message in front of its checksum,
// which is then put right, and some of those put what refers to the message right as well.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/stubs/logging.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint.pb.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/crc32c.h"
#include "lamina/serialization/mapped_checkpoint.h"
#include "lamina/tests/fuzz/fuzzing.h"

namespace lamina::fuzz {
namespace {

using Array = absl::StatusOr<std::optional<NDArray>>;

// Nothing that a file holds may make protobuf print.
void refuse_line(google::protobuf::LogLevel, const char*, int, const std::string&) {
  require(false, "no line from protobuf");
}

bool same_value(const std::optional<NDArray>& a, const std::optional<NDArray>& b) {
  return a.has_value() == b.has_value() && (!a.has_value() || same(*a, *b));
}

void check(const MemoryFile& file, size_t size) {
  const auto reader = CheckpointReader::open(file.path());
  const auto mapped = MappedCheckpoint::open(file.path());
  const auto state = load_checkpoint(file.path());
  require(mapped.ok() == reader.ok(), "the same of reader and mapping");
  ++(state.ok() ? accepted : refused);
  if (!state.ok()) file.check(state.status());
  if (!reader.ok()) {
    file.check(reader.status());
    require(!state.ok(), "no state without an index");
    return;
  }
  int64_t bytes = 0;
  for (size_t i = 0; i < reader->entries().size(); ++i) {
    const CheckpointEntry& entry = reader->entries()[i];
    const Array array = reader->read(entry.name);
    const Array view = mapped->get(entry.name);
    require(array.ok() == view.ok(), "the same of reading and mapping");
    if (!array.ok()) {
      file.check(array.status());
      require(!state.ok(), "no state where an entry is damaged");
      continue;
    }
    require(array->has_value() == entry.dtype.has_value(), "a value where the index has one");
    require(same_value(*array, *view), "the same elements, read and mapped");
    require(!state.ok() || same_value(*array, (*state)[i].second),
            "the same elements in the state");
    if (!array->has_value()) continue;
    require((*array)->dtype() == entry.dtype && (*array)->shape() == entry.shape,
            "what the index says");
    bytes += bytes_of(**array);
  }
  require(bytes <= static_cast<int64_t>(size), "no more elements than the file has bytes");
  require(mapped->verify().ok() == state.ok(), "the same of verify() and load_checkpoint()");
}

// A field of Checkpoint, without its checksum.
struct Message {
  int number;
  std::string body;
};

constexpr int kTensor = proto::Checkpoint::kTensorFieldNumber;
constexpr int kChunk = proto::Checkpoint::kChunkFieldNumber;
constexpr int kIndex = proto::Checkpoint::kIndexFieldNumber;
constexpr int kFooter = proto::Checkpoint::kFooterFieldNumber;

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

bool read_varint(absl::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < std::min<size_t>(bytes->size(), 9); ++i) {
    const auto byte = static_cast<unsigned char>((*bytes)[i]);
    *value |= uint64_t{byte & 0x7fu} << 7 * i;
    if (byte >= 0x80) continue;
    bytes->remove_prefix(i + 1);
    return true;
  }
  return false;
}

// The messages that `file` begins with; what comes after them is lost.
std::vector<Message> split(absl::string_view file) {
  std::vector<Message> messages;
  uint64_t tag, size;
  while (read_varint(&file, &tag) && read_varint(&file, &size) && (tag & 7) == 2 &&
         size <= file.size()) {
    const size_t without_checksum = size < 6 ? 0 : size - 6;
    messages.push_back({static_cast<int>(tag >> 3), std::string(file.substr(0, without_checksum))});
    file.remove_prefix(size);
  }
  return messages;
}

// The file again, with checksums that are right.
class Joiner {
 public:
  void add(int number, const std::string& body) {
    const uint32_t crc = serialization::crc32c(body);
    bytes_ += varint(static_cast<uint64_t>(number) << 3 | 2) + varint(body.size() + 6) + body;
    bytes_ += "\xfd\x7f";
    for (int shift : {0, 8, 16, 24}) bytes_.push_back(static_cast<char>(crc >> shift & 0xff));
  }
  // A chunk with as much padding as it needs now.
  void add_aligned(const std::string& body) {
    proto::Chunk chunk;
    if (!chunk.ParseFromString(body)) return add(kChunk, body);
    for (size_t padding = 0; padding < 64; ++padding) {
      chunk.set_padding(std::string(padding, '\0'));
      const size_t size = chunk.ByteSizeLong();
      const size_t data = bytes_.size() + 1 + varint(size + 6).size() + size - chunk.data().size();
      if (data % 64 != 0) continue;
      if (!entries_.empty() && entries_.back().data_offset() == 0) {
        entries_.back().set_data_offset(data);
      }
      break;
    }
    add(kChunk, chunk.SerializeAsString());
  }
  // A tensor, which the index will have as well.
  void add_tensor(const std::string& body) {
    entries_.emplace_back().set_offset(bytes_.size());
    if (!entries_.back().mutable_tensor()->ParseFromString(body)) entries_.pop_back();
    add(kTensor, body);
  }
  void add_index() {
    proto::Index index;
    for (const proto::Index::Entry& entry : entries_) *index.add_entry() = entry;
    add_index(index.SerializeAsString());
  }
  void add_index(const std::string& body) {
    index_offset_ = bytes_.size();
    add(kIndex, body);
  }
  void add_footer() {
    proto::Footer footer;
    footer.set_index_offset(index_offset_);
    add(kFooter, footer.SerializeAsString());
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::vector<proto::Index::Entry> entries_;
  uint64_t index_offset_ = 0;
};

// Changes one message, and puts right what stands elsewhere about it if `mend` says so.
std::string mutate_message(absl::string_view file, size_t choice, bool mend) {
  std::vector<Message> messages = split(file);
  if (messages.empty()) return std::string(file);
  Message& changed = messages[choice % messages.size()];
  mutate(&changed.body);
  Joiner joiner;
  for (const Message& message : messages) {
    const bool as_is = &message == &changed;
    if (message.number == kTensor && mend) {
      joiner.add_tensor(message.body);
    } else if (message.number == kChunk && mend) {
      joiner.add_aligned(message.body);
    } else if (message.number == kIndex && mend && !as_is) {
      joiner.add_index();
    } else if (message.number == kIndex) {
      joiner.add_index(message.body);
    } else if (message.number == kFooter && !as_is) {
      joiner.add_footer();
    } else {
      joiner.add(message.number, message.body);
    }
  }
  return joiner.bytes();
}

}  // namespace
}  // namespace lamina::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto& file = *new lamina::fuzz::MemoryFile;
  file.set(data, size);
  google::protobuf::SetLogHandler(lamina::fuzz::refuse_line);
  lamina::fuzz::check(file, size);
  google::protobuf::SetLogHandler(nullptr);  // the mutator parses what it has made
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  const unsigned int kind = seed % 8;
  if (kind == 0) return LLVMFuzzerMutate(data, size, max_size);
  const absl::string_view file(reinterpret_cast<const char*>(data), size);
  return lamina::fuzz::give(lamina::fuzz::mutate_message(file, seed / 8, kind > 2), data, max_size);
}
