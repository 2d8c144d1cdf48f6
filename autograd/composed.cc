#include <algorithm>
#include <bitset>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lamina/autograd/tensor.h"
#include "lamina/tensor/convolution.h"
#include "lamina/tensor/einsum.h"
#include "lamina/tensor/pooling.h"
#include "lamina/tensor/windows.h"

namespace lamina {
namespace {

void check_defined(const char* op, const Tensor& x) { check_defined(op, x.data()); }

}  // namespace

#define LAMINA_ARRAY Tensor
#include "lamina/tensor/composed.inc"
#undef LAMINA_ARRAY

}  // namespace lamina
