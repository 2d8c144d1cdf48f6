// The instruction sets that the kernels are compiled for, chosen at run time: the compiler's
// baseline, AVX2 and AVX-512 on x86-64, NEON on ARM. Those between add code and compile time, and
// no speed worth either; vectors of unknown size (SVE, RVV) cannot be held in arrays, as the matrix
// product does. Include before Highway.
#ifndef LAMINA_TENSOR_KERNELS_TARGETS_H_
#define LAMINA_TENSOR_KERNELS_TARGETS_H_

#include "hwy/detect_targets.h"

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#endif  // LAMINA_TENSOR_KERNELS_TARGETS_H_
