// The reader of safetensors files and, in their headers, that of JSON.
#include <algorithm>
#include <string>

#include "absl/strings/string_view.h"
#include "lamina/serialization/safetensors.h"
#include "lamina/tests/fuzz/fuzzing.h"

namespace lamina::fuzz {
namespace {

constexpr size_t kLengthBytes = 8;

// What the first bytes say of the header's length.
uint64_t header_length(absl::string_view file) {
  uint64_t length = 0;
  for (size_t i = 0; i < std::min(kLengthBytes, file.size()); ++i) {
    length |= uint64_t{static_cast<unsigned char>(file[i])} << 8 * i;
  }
  return length;
}

void check(const MemoryFile& file, absl::string_view bytes) {
  const auto reader = SafetensorsReader::open(file.path());
  const auto state = load_safetensors(file.path());
  ++(state.ok() ? accepted : refused);
  if (!state.ok()) file.check(state.status());
  if (!reader.ok()) {
    require(reader.status() == state.status(), "the same error from the reader");
    return;
  }
  size_t end = kLengthBytes + header_length(bytes);
  for (size_t i = 0; i < reader->entries().size(); ++i) {
    const SafetensorsEntry& entry = reader->entries()[i];
    end += static_cast<size_t>(entry.shape.numel() * size_of(entry.dtype));
    const auto array = reader->read(entry.name);
    if (!array.ok()) {
      file.check(array.status());
      require(!state.ok(), "no state where an entry is damaged");
      continue;
    }
    require(array->dtype() == entry.dtype && array->shape() == entry.shape, "what the header says");
    require(!state.ok() || same(*array, *(*state)[i].second), "the same elements in the state");
  }
  require(end == bytes.size(), "elements that fill the file");
}

}  // namespace
}  // namespace lamina::fuzz

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto& file = *new lamina::fuzz::MemoryFile;
  file.set(data, size);
  lamina::fuzz::check(file, absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}

// Changes mostly the JSON, whose length in front of it is then put right.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  using lamina::fuzz::kLengthBytes;
  const std::string file(reinterpret_cast<const char*>(data), size);
  const uint64_t length = lamina::fuzz::header_length(file);
  if (seed % 8 == 0 || size < kLengthBytes || length > size - kLengthBytes) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  std::string header = file.substr(kLengthBytes, length);
  lamina::fuzz::mutate(&header);
  std::string changed;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    changed.push_back(static_cast<char>(uint64_t{header.size()} >> 8 * i & 0xff));
  }
  changed += header + file.substr(kLengthBytes + length);
  return lamina::fuzz::give(changed, data, max_size);
}
