#include <algorithm>
#include <bitset>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lamina/tensor/convolution.h"
#include "lamina/tensor/einsum.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/pooling.h"
#include "lamina/tensor/windows.h"

namespace lamina {

#define LAMINA_ARRAY NDArray
#include "lamina/tensor/composed.inc"
#undef LAMINA_ARRAY

}  // namespace lamina
