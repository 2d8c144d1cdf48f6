// What the parts of the float32 matrix product share, of any instruction set: sizes of the blocks,
// scratch memory, and the product in the form that the kernels want. Private to gemm.cc, which
// tells how it works.
#ifndef LAMINA_TENSOR_KERNELS_GEMM_PRODUCT_H_
#define LAMINA_TENSOR_KERNELS_GEMM_PRODUCT_H_

#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "absl/functional/function_ref.h"
#include "lamina/tensor/kernels/gemm.h"
#include "lamina/tensor/parallel.h"

namespace lamina::kernels {

inline constexpr int64_t kMaxDepth = 512;      // of a panel: 64 KiB per strip of 32 columns
inline constexpr int64_t kMaxColumns = 1024;   // of packed B: at most 2 MiB of the L2 and L3 caches
inline constexpr int64_t kTilesPerBlock = 16;  // of rows of A: at most 448 KiB of the L2 cache
inline constexpr int64_t kParallelWork = 1
                                         << 20;  // multiply-adds that are worth threads: some 10 us
inline constexpr int64_t kPad = 16;              // between copied rows, for other sets of the cache
inline constexpr int64_t kMaxDotRows = 16;       // see suits_dots
inline constexpr int64_t kMinRowColumns = 256;   // from which on multiply_row is the faster way

// Memory that a thread keeps for its next product.
class Scratch {
 public:
  float* get(int64_t floats) {
    if (floats > size_) {
      data_.reset();
      size_ = 0;
      data_.reset(static_cast<float*>(::operator new(floats * sizeof(float), kAlignment)));
      size_ = floats;
    }
    return data_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<float, Free> data_;
  int64_t size_ = 0;
};

inline Scratch& scratch_for_a() {
  static thread_local Scratch scratch;
  return scratch;
}
inline Scratch& scratch_for_b() {
  static thread_local Scratch scratch;
  return scratch;
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// A product whose C may have been transposed, so that bias may run along rows.
struct Product : GemmArgs {
  int64_t bias_row = 0, bias_col = 0;

  explicit Product(const GemmArgs& args) : GemmArgs(args) {
    bias_col = args.bias_stride;
    // One row, or rows that are contiguous, are what the kernels write best.
    if ((n == 1 && m != 1) || (c_col != 1 && c_row == 1 && m != 1)) transpose();
    if (n == 1) b_col = c_col = 1;
  }

  // The same sums as C' = B' * A'.
  void transpose() {
    std::swap(m, n);
    std::swap(a, b);
    std::swap(a_row, b_col);
    std::swap(a_col, b_row);
    std::swap(c_row, c_col);
    std::swap(bias_row, bias_col);
  }
  Product transposed() const {
    Product t = *this;
    t.transpose();
    return t;
  }

  // Writes C(i, j), given the sum of the products of one panel.
  void put(int64_t i, int64_t j, float sum, bool first, bool last) const {
    float& out = c[i * c_row + j * c_col];
    if (!first || accumulate) sum += out;
    if (last && bias != nullptr) sum += bias[i * bias_row + j * bias_col];
    if (last && relu && sum < 0.0f) sum = 0.0f;
    out = sum;
  }
};

inline void for_each(bool parallel, int64_t count, absl::FunctionRef<void(int64_t, int64_t)> body) {
  if (parallel) {
    parallel_for(0, count, 1, body);
  } else {
    body(0, count);
  }
}

}  // namespace lamina::kernels

#endif  // LAMINA_TENSOR_KERNELS_GEMM_PRODUCT_H_
