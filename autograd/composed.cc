#include "lamina/autograd/tensor.h"

namespace lamina {

#define LAMINA_ARRAY Tensor
#include "lamina/tensor/composed.inc"
#undef LAMINA_ARRAY

}  // namespace lamina
