// For tests: whole files, states to compare, and checkpoints put together by other means than the
// library's own.
#ifndef LAMINA_SERIALIZATION_CHECKPOINT_TESTING_H_
#define LAMINA_SERIALIZATION_CHECKPOINT_TESTING_H_

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint.pb.h"

namespace lamina::test {

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

inline bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// A new folder for one test.
inline std::string new_folder() {
  std::string folder = ::testing::TempDir() + "/checkpoint_XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot create " + folder);
  return folder;
}

// The definition, bit by bit: a division of polynomials. RFC 3720, 12.1.
inline uint32_t naive_crc32c(absl::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (unsigned char byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool divides = (crc ^ byte >> bit) & 1;
      crc = crc >> 1 ^ (divides ? 0x82f63b78 : 0);
    }
  }
  return ~crc;
}

// Names, order, dtypes, shapes and bits.
inline ::testing::AssertionResult is_same(const NamedArrays& actual, const NamedArrays& expected) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure() << actual.size() << " instead of " << expected.size();
  }
  for (size_t i = 0; i < actual.size(); ++i) {
    const auto& [name, array] = actual[i];
    const auto& [wanted_name, wanted] = expected[i];
    if (name != wanted_name || array.has_value() != wanted.has_value()) {
      return ::testing::AssertionFailure() << name << " instead of " << wanted_name;
    }
    if (!array.has_value()) continue;
    if (array->dtype() != wanted->dtype() || array->shape() != wanted->shape()) {
      return ::testing::AssertionFailure() << name << ": " << array->dtype() << array->shape()
                                           << " instead of " << wanted->dtype() << wanted->shape();
    }
    const NDArray rows = wanted->contiguous();
    const auto bytes = static_cast<size_t>(rows.numel() * size_of(rows.dtype()));
    if (!array->is_contiguous() ||
        (bytes > 0 && std::memcmp(array->raw_data(), rows.raw_data(), bytes) != 0)) {
      return ::testing::AssertionFailure() << name << ": " << *array << " instead of " << *wanted;
    }
  }
  return ::testing::AssertionSuccess();
}

// Puts a file together of which any part may be wrong, under checksums that are right.
class FileBuilder {
 public:
  FileBuilder() : FileBuilder(good_header()) {}
  explicit FileBuilder(const proto::Header& header) { message(1, header.SerializeAsString()); }

  static proto::Header good_header() {
    proto::Header header;
    header.set_magic("lamina.checkpoint");
    header.set_major_version(1);
    header.set_producer("test");
    return header;
  }
  static std::string varint(uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
    bytes.push_back(static_cast<char>(value));
    return bytes;
  }
  static std::string field(int number, const std::string& body) {
    return varint(number << 3 | 2) + varint(body.size()) + body;
  }
  static std::string checked(const std::string& body) {
    std::string bytes = body + "\xfd\x7f";
    const uint32_t crc = naive_crc32c(body);
    for (int shift : {0, 8, 16, 24}) bytes.push_back(static_cast<char>(crc >> shift & 0xff));
    return bytes;
  }
  static proto::Tensor tensor_of(const std::string& name, int dtype,
                                 const std::vector<uint64_t>& shape) {
    proto::Tensor tensor;
    tensor.set_name(name);
    tensor.set_dtype(static_cast<proto::DType>(dtype));
    for (uint64_t extent : shape) tensor.add_shape(extent);
    return tensor;
  }

  // A field of Checkpoint with its checksum.
  FileBuilder& message(int number, std::string body) {
    if (change) change(number, &body);
    bytes += field(number, checked(body));
    return *this;
  }
  // A tensor's record, and its entry in the index.
  FileBuilder& tensor(const proto::Tensor& tensor) {
    proto::Index::Entry* entry = index.add_entry();
    entry->set_offset(bytes.size());
    *entry->mutable_tensor() = tensor;
    return message(2, tensor.SerializeAsString());
  }
  // A chunk of the latest tensor whose data begins at a multiple of `alignment`, and then `shift`.
  FileBuilder& chunk(const std::string& data, size_t alignment = 64, size_t shift = 0) {
    proto::Chunk chunk;
    chunk.set_tensor(index.entry_size() - 1);
    chunk.set_data(data);
    for (size_t padding = 0;; ++padding) {
      chunk.set_padding(std::string(padding, '\0'));
      const size_t size = chunk.ByteSizeLong() + 6;
      const size_t begin = bytes.size() + 1 + varint(size).size() + size - 6 - data.size();
      if (begin % alignment != shift) continue;
      proto::Index::Entry* entry = index.mutable_entry(index.entry_size() - 1);
      if (entry->data_offset() == 0) entry->set_data_offset(begin);
      return message(3, chunk.SerializeAsString());
    }
  }
  std::string finish() { return finish(index.SerializeAsString()); }
  std::string finish(const std::string& index_body) {
    proto::Footer footer;
    footer.set_index_offset(bytes.size());
    message(4, index_body);
    message(5, footer.SerializeAsString());
    return bytes;
  }

  std::string bytes;
  proto::Index index;
  std::function<void(int, std::string*)> change;  // of every message that is added from now on
};

}  // namespace lamina::test

#endif  // LAMINA_SERIALIZATION_CHECKPOINT_TESTING_H_
