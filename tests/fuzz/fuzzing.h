// What the fuzz targets share. Each one defines LLVMFuzzerTestOneInput, which gives a parser some bytes and
// demands what its header promises, and LLVMFuzzerCustomMutator, which changes bytes in a way that gets past
// the parser's first checks. libFuzzer calls both (https://llvm.org/docs/LibFuzzer.html), and so does
// replay_main.cc, which needs no libFuzzer.
#ifndef LAMINA_TESTS_FUZZ_FUZZING_H_
#define LAMINA_TESTS_FUZZ_FUZZING_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lamina/tensor.h"

extern "C" {
int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
// Changes `data`, of `size` bytes with room for `max_size`, and gives its new size. The same seed makes the
// same change.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed);
// The fuzzer's own changes, which know nothing of the format.
size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
}

namespace lamina::fuzz {

// Of the inputs since they were last set to 0.
inline int64_t accepted = 0;
inline int64_t refused = 0;

// Ends the program unless it is so; the fuzzer then keeps the input.
inline void require(bool is_so, const char* what) {
  if (is_so) return;
  std::fprintf(stderr, "expected %s\n", what);
  std::abort();
}

// A file in memory, which parsers open by its path.
class MemoryFile {
 public:
  MemoryFile()
      : descriptor_(memfd_create("fuzz", MFD_CLOEXEC)),
        path_(absl::StrCat("/proc/self/fd/", descriptor_)) {
    require(descriptor_ >= 0, "a file in memory");
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const std::string& path() const { return path_; }
  void set(const uint8_t* data, size_t size) {
    require(ftruncate(descriptor_, 0) == 0, "a file that can be cut");
    require(pwrite(descriptor_, data, size, 0) == static_cast<ssize_t>(size), "room for a file");
  }
  // What an error about the file has to be.
  void check(const absl::Status& error) const {
    require(absl::StartsWith(error.message(), absl::StrCat(path_, ": ")), "the path first");
    require(!absl::StrContains(error.message(), '\n'), "an error of one line");
  }

 private:
  int descriptor_;
  std::string path_;
};

inline int64_t bytes_of(const NDArray& array) { return array.numel() * size_of(array.dtype()); }

// Dtype, shape and bits.
inline bool same(const NDArray& a, const NDArray& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         (a.numel() == 0 ||
          std::memcmp(a.raw_data(), b.raw_data(), static_cast<size_t>(bytes_of(a))) == 0);
}

// LLVMFuzzerMutate on a string, which has at least `room` bytes more to grow by.
inline void mutate(std::string* bytes, size_t room = 64) {
  const size_t size = bytes->size();
  bytes->resize(size + room);
  bytes->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes->data()), size, bytes->size()));
}

// Puts `bytes` into the fuzzer's buffer, cut where that ends.
inline size_t give(const std::string& bytes, uint8_t* data, size_t max_size) {
  const size_t size = bytes.size() < max_size ? bytes.size() : max_size;
  std::memcpy(data, bytes.data(), size);
  return size;
}

}  // namespace lamina::fuzz

#endif  // LAMINA_TESTS_FUZZ_FUZZING_H_
