// The float32 matrix product: C = [C +] A * B [+ bias] [then ReLU], where A is (m, k), B is (k, n)
// and C is (m, n).
//
// This is the lowest level: raw pointers and strides, no tensors, no checks. `matmul` of tensor/
// checks shapes and calls it. How it works, and why so, is told at the top of gemm.cc.
//
// Strides are in elements, and may be anything on A and B, also zero (broadcast) and negative; C's
// must not make two elements of C share an address, and C must not overlap A, B or bias. No byte
// outside the elements named is read or written. NaN and infinity propagate as IEEE says; ReLU
// keeps NaN.
//
// k == 0 is a sum over nothing: C becomes 0 (or, with accumulate, keeps its value), then bias and
// ReLU as usual. m == 0 or n == 0 does nothing.
//
// The bits of the result do not depend on the number of threads (lamina/tensor/parallel.h). They
// may depend on the processor's vector width and on strides. Threads may call at the same time;
// each thread keeps its scratch memory, at most 2.5 MiB, for reuse until it ends.
#ifndef LAMINA_TENSOR_KERNELS_GEMM_H_
#define LAMINA_TENSOR_KERNELS_GEMM_H_

#include <cstdint>

namespace lamina::kernels {

struct GemmArgs {
  int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  int64_t a_row = 0, a_col = 0;  // A(i, p) is a[i * a_row + p * a_col]
  const float* b = nullptr;
  int64_t b_row = 0, b_col = 0;  // B(p, j) is b[p * b_row + j * b_col]
  float* c = nullptr;
  int64_t c_row = 0, c_col = 0;  // C(i, j) is c[i * c_row + j * c_col]
  bool accumulate = false;       // add to the values that C holds, instead of replacing them
  // Unless null, bias[j * bias_stride] is added to each element of column j.
  const float* bias = nullptr;
  int64_t bias_stride = 1;
  bool relu = false;  // at the end, negative elements become 0
};

void gemm(const GemmArgs& args);

// `batch` products with the same sizes and strides: product t uses a + t * a_batch,
// b + t * b_batch and c + t * c_batch. A batch stride of A or B may be zero or negative; the
// products' results must not overlap. All share bias and flags.
void gemm_batched(const GemmArgs& args, int64_t batch, int64_t a_batch, int64_t b_batch,
                  int64_t c_batch);

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_GEMM_H_
