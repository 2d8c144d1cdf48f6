// The reader of IDX files, plain and compressed by gzip.
#include <cstring>

#include "lamina/nn/data/idx.h"
#include "lamina/tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using lamina::fuzz::require;
  static auto& file = *new lamina::fuzz::MemoryFile;
  file.set(data, size);
  const auto array = lamina::nn::data::read_idx(file.path());
  ++(array.ok() ? lamina::fuzz::accepted : lamina::fuzz::refused);
  if (!array.ok()) {
    file.check(array.status());
    return 0;
  }
  if (data[0] == 0x1f) {  // gzip, which cannot be checked without unpacking it
    require(array->numel() <= 1032 * static_cast<int64_t>(size), "elements that gzip can hold");
    return 0;
  }
  const int64_t header = lamina::nn::data::idx_header_size(array->dim());
  require(array->dtype() == lamina::uint8, "unsigned bytes");
  require(array->dim() == data[3], "the rank of the file");
  require(header + array->numel() == static_cast<int64_t>(size), "elements that fill the file");
  require(array->numel() == 0 || std::memcmp(array->raw_data(), data + header,
                                             static_cast<size_t>(array->numel())) == 0,
          "the elements of the file");
  return 0;
}

// Makes the file mostly as long as its header says, if it can be.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 4 == 0 || size < 4 || data[3] > 8) return size;
  const size_t header = 4 + 4 * size_t{data[3]};
  if (header > size) return size;
  size_t whole = 1;
  for (size_t i = 4; i < header; i += 4) {
    const size_t extent =
        size_t{data[i]} << 24 | data[i + 1] << 16 | data[i + 2] << 8 | data[i + 3];
    if (extent > max_size || whole * extent > max_size) return size;
    whole *= extent;
  }
  whole += header;
  if (whole > max_size) return size;
  if (whole > size) std::memset(data + size, 7, whole - size);
  return whole;
}
