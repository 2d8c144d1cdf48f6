#include "lamina/nn/sizes.h"

#include "absl/strings/str_cat.h"

namespace lamina::nn::internal {

void check_sizes(const char* layer, const char* what, const Dims& sizes, int axes, int64_t least) {
  bool good = sizes.rank() == 1 || sizes.rank() == axes;
  for (const int64_t size : sizes) good = good && size >= least;
  if (good) return;
  fail<ValueError>(layer, "expected ", what,
                   axes == 1 ? " of one number" : " of one or two numbers", " of at least ", least,
                   ", got ", sizes.str());
}

Dims per_axis(const Dims& sizes, int axes) {
  return sizes.rank() == axes ? sizes : Shape::filled(axes, sizes[0]);
}

std::string number_or_tuple(const Dims& sizes) {
  return sizes.rank() == 1 ? absl::StrCat(sizes[0]) : sizes.str();
}

}  // namespace lamina::nn::internal
