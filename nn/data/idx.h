// IDX files, the format in which MNIST and data sets of its kind are published. A file is
//
//   offset 0   00 00           magic number
//   offset 2   element type    08 unsigned byte, the only one read here (others: 09, 0b to 0e)
//   offset 3   rank            0 to 8
//   offset 4   rank extents    unsigned 32-bit, big-endian
//   then       the elements    row-major, up to the end of the file
//
// or the gzip compression of that, which is told by its first bytes, not by the file's name.
//
// Source: http://yann.lecun.com/exdb/mnist, "The IDX file format".
#ifndef LAMINA_NN_DATA_IDX_H_
#define LAMINA_NN_DATA_IDX_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lamina/autograd.h"

namespace lamina::nn::data {

// The file's elements: uint8, of the file's shape.
//
// A file that is missing, no regular file, cut short, too long or of another format is an error of
// one line, which begins with the path and says at which offset what was expected and what came
// (an offset in the unpacked data; errors of gzip itself tell it in the file). Nothing that a file
// holds leads to an exception, or to memory for more than the file's own size: of a compressed one,
// for more than its header says and 1,032 times that size, which is what gzip can come to.
absl::StatusOr<NDArray> read_idx(const std::string& path);

// The error of such a file: "path: offset 4: expected 2 labels, got 3".
template <class... Parts>
absl::Status idx_error(const std::string& path, int64_t offset, const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": offset ", offset, ": ", parts...));
}

// The offset of the elements in a file of this rank.
constexpr int64_t idx_header_size(int64_t rank) { return 4 + 4 * rank; }

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_IDX_H_
