#include "lamina/nn/index_range.h"

#include "absl/strings/str_cat.h"

namespace lamina::nn {

std::string internal::first_outside(const Tensor& numbers, int64_t count) {
  const NDArray dense = contiguous(numbers.data());
  const int64_t* number = dense.data<int64_t>();
  int64_t at = 0;
  while (at < dense.numel() && number[at] >= 0 && number[at] < count) ++at;
  if (at == dense.numel()) return "";
  const int64_t wrong = number[at];
  if (dense.dim() <= 1) return absl::StrCat(wrong, " at position ", at);
  Dims coordinates = dense.shape();
  for (int d = dense.dim() - 1; d >= 0; --d) {
    const int64_t extent = coordinates[d];
    coordinates[d] = at % extent;
    at /= extent;
  }
  return absl::StrCat(wrong, " at ", coordinates.str());
}

}  // namespace lamina::nn
