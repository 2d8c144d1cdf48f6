#include "lamina/tensor/ndarray.h"

namespace lamina {

#define LAMINA_ARRAY NDArray
#include "lamina/tensor/composed.inc"
#undef LAMINA_ARRAY

}  // namespace lamina
