// The multiply-add peak of one core, which products are measured against.
#ifndef LAMINA_TENSOR_KERNELS_FMA_PEAK_H_
#define LAMINA_TENSOR_KERNELS_FMA_PEAK_H_

namespace lamina::kernels {

// GFLOP/s of a loop of independent float32 multiply-adds on the widest vectors; takes about 0.1 ms.
// On a shared machine, take the best of many.
double fma_peak();

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_FMA_PEAK_H_
