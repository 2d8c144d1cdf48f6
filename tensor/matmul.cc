// Matrix products: our own kernel for float32, Eigen for the other dtypes.
#include <Eigen/Core>
#include <new>

#include "lamina/tensor/kernels/gemm.h"
#include "lamina/tensor/multiply_adds.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

// c (m, n) = a (m, k) b (k, n) for one pair of matrices; c is dense.
template <class T>
void eigen_product(const kernels::GemmArgs& s, const T* a, const T* b, T* c) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Step = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  const auto dense = [](const T* x, int64_t rows, int64_t columns, int64_t row,
                        int64_t column) -> Matrix {
    return Eigen::Map<const Matrix, 0, Step>(x, rows, columns, Step(row, column));
  };
  Eigen::Map<Matrix>(c, s.m, s.n).noalias() =
      dense(a, s.m, s.k, s.a_row, s.a_col) * dense(b, s.k, s.n, s.b_row, s.b_col);
}

// (..., m, k) x (..., k, n) -> (..., m, n) for operands of one dtype and rank at least 2.
NDArray batched_product(const NDArray& a, const NDArray& b) {
  const int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
  Shape a_batch = a.shape(), b_batch = b.shape();
  for (int i = 0; i < 2; ++i) {
    a_batch.erase(a_batch.rank() - 1);
    b_batch.erase(b_batch.rank() - 1);
  }
  Shape batch;
  if (!broadcast_shapes(a_batch, b_batch, &batch)) {
    fail<ShapeError>("matmul", "expected batches that broadcast together, got ", a.shape().str(),
                     " and ", b.shape().str());
  }
  const auto with = [&batch](int64_t rows, int64_t columns) {
    Shape shape = batch;
    shape.push_back(rows);
    shape.push_back(columns);
    return shape;
  };
  NDArray out = NDArray::empty(with(m, n), a.dtype());
  internal::multiply_adds += out.numel() * k;
  if (out.numel() == 0) return out;
  kernels::GemmArgs args{};
  args.m = m;
  args.n = n;
  args.k = k;
  args.a_row = a.strides()[a.dim() - 2];
  args.a_col = a.strides()[a.dim() - 1];
  args.b_row = b.strides()[b.dim() - 2];
  args.b_col = b.strides()[b.dim() - 1];
  args.c_row = n;
  args.c_col = 1;
  const NDArray x = expand(a, with(m, k)), y = expand(b, with(k, n));
  // One product if the batch of a folds into its rows and b is the same for all.
  const int64_t count = batch.numel();
  bool b_fixed = true, a_rows = count > 1;
  for (int d = 0; d < batch.rank(); ++d) {
    if (batch[d] == 1) continue;
    if (y.strides()[d] != 0) b_fixed = false;
  }
  int64_t next = m * args.a_row;
  for (int d = batch.rank() - 1; d >= 0; --d) {
    if (batch[d] == 1) continue;
    if (x.strides()[d] != next) a_rows = false;
    next *= batch[d];
  }
  if (a.dtype() == float32 && (count == 1 || (b_fixed && a_rows))) {
    args.m = m * count;
    args.a = x.data<float>();
    args.b = y.data<float>();
    args.c = out.data<float>();
    kernels::gemm(args);
    return out;
  }
  // A batch whose matrices are evenly spaced goes to the kernel whole.
  if (a.dtype() == float32) {
    int64_t a_step = 0, b_step = 0;
    int64_t inner = 1;
    bool even = true, first = true;
    for (int d = batch.rank() - 1; d >= 0; --d) {
      if (batch[d] == 1) continue;
      if (first) {
        a_step = x.strides()[d];
        b_step = y.strides()[d];
        first = false;
      } else if (x.strides()[d] != a_step * inner || y.strides()[d] != b_step * inner) {
        even = false;
      }
      inner *= batch[d];
    }
    if (even) {
      args.a = x.data<float>();
      args.b = y.data<float>();
      args.c = out.data<float>();
      kernels::gemm_batched(args, count, a_step, b_step, m * n);
      return out;
    }
  }
  Shape index = Shape::filled(batch.rank(), 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t a_offset = 0, b_offset = 0;
    for (int d = 0; d < batch.rank(); ++d) {
      a_offset += index[d] * x.strides()[d];
      b_offset += index[d] * y.strides()[d];
    }
    dispatch(a.dtype(), [&](auto type) {
      using T = typename decltype(type)::type;
      if constexpr (std::is_same_v<T, float>) {
        args.a = x.data<float>() + a_offset;
        args.b = y.data<float>() + b_offset;
        args.c = out.data<float>() + i * m * n;
        kernels::gemm(args);
      } else if constexpr (!std::is_same_v<T, bool>) {
        // Integers wrap around, as unsigned ones do.
        using Wrapping = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>,
                                                     Type<T>>::type;
        // Copies them, and operands of a few places may have any number of elements.
        try {
          eigen_product(args, reinterpret_cast<const Wrapping*>(x.data<T>() + a_offset),
                        reinterpret_cast<const Wrapping*>(y.data<T>() + b_offset),
                        reinterpret_cast<Wrapping*>(out.data<T>() + i * m * n));
        } catch (const std::bad_alloc&) {
          fail<RuntimeError>("matmul", "expected memory for copies of matrices of ", m, " x ", k,
                             " and ", k, " x ", n, " ", name_of(a.dtype()),
                             ", got none from the system");
        }
      }
    });
    for (int d = batch.rank() - 1; d >= 0 && ++index[d] == batch[d]; --d) index[d] = 0;
  }
  return out;
}

}  // namespace

NDArray matmul(const NDArray& a, const NDArray& b) {
  const OpScope scope("matmul");
  check_defined("matmul", a);
  check_defined("matmul", b);
  if (a.dtype() != b.dtype() || a.dtype() == bool_) {
    fail<DTypeError>("matmul", "expected two operands of one numeric dtype, got ",
                     name_of(a.dtype()), " and ", name_of(b.dtype()));
  }
  const bool a_vector = a.dim() == 1, b_vector = b.dim() == 1;
  if (a.dim() == 0 || b.dim() == 0 || a.size(-1) != b.size(b_vector ? 0 : -2)) {
    fail<ShapeError>("matmul", "expected a.shape[-1] == b.shape[", b_vector ? "0" : "-2", "], got ",
                     a.shape().str(), " and ", b.shape().str());
  }
  if (is_half(a.dtype())) return to(matmul(to(a, float32), to(b, float32)), a.dtype());
  NDArray out = batched_product(a_vector ? unsqueeze(a, 0) : a, b_vector ? unsqueeze(b, 1) : b);
  if (b_vector) out = squeeze(out, -1);
  if (a_vector) out = squeeze(out, b_vector ? -1 : -2);
  return out;
}

NDArray linear(const NDArray& x, const NDArray& weight, const NDArray& bias) {
  const OpScope scope("linear");
  check_defined("linear", x);
  check_defined("linear", weight);
  check_floating("linear", x.dtype());
  const bool same_dtype =
      x.dtype() == weight.dtype() && (!bias.defined() || bias.dtype() == x.dtype());
  if (!same_dtype) {
    fail<DTypeError>("linear", "expected one dtype, got x ", name_of(x.dtype()), ", weight ",
                     name_of(weight.dtype()), bias.defined() ? ", bias " : "",
                     bias.defined() ? name_of(bias.dtype()) : "");
  }
  const bool fits = x.dim() >= 1 && weight.dim() == 2 && x.size(-1) == weight.shape()[1] &&
                    (!bias.defined() || bias.shape() == Shape{weight.shape()[0]});
  if (!fits) {
    fail<ShapeError>("linear", "expected x (..., in), weight (out, in) and bias (out), got ",
                     x.shape().str(), ", ", weight.shape().str(), " and ",
                     bias.defined() ? bias.shape().str() : "no bias");
  }
  if (is_half(x.dtype())) {
    const NDArray wide = bias.defined() ? to(bias, float32) : bias;
    return to(linear(to(x, float32), to(weight, float32), wide), x.dtype());
  }
  Shape shape = x.shape();
  shape[x.dim() - 1] = weight.shape()[0];
  if (x.dtype() != float32) {
    NDArray y = matmul(x, t(weight));
    if (bias.defined()) y.add_(bias);
    return y;
  }
  NDArray out = NDArray::empty(shape, x.dtype());
  Shape leading = x.shape();
  leading.erase(x.dim() - 1);
  const NDArray rows = x.dim() == 2 ? x : reshape(x, {leading.numel(), x.size(-1)});
  kernels::GemmArgs args{};
  args.m = rows.shape()[0];
  args.n = weight.shape()[0];
  args.k = weight.shape()[1];
  args.a = rows.data<float>();
  args.a_row = rows.strides()[0];
  args.a_col = rows.strides()[1];
  args.b = weight.data<float>();
  args.b_row = weight.strides()[1];
  args.b_col = weight.strides()[0];
  args.c = out.data<float>();
  args.c_row = args.n;
  args.c_col = 1;
  if (bias.defined()) {
    args.bias = bias.data<float>();
    args.bias_stride = bias.strides()[0];
  }
  internal::multiply_adds += out.numel() * args.k;
  if (out.numel() > 0) kernels::gemm(args);
  return out;
}

NDArray linear(const NDArray& x, const NDArray& weight) { return linear(x, weight, NDArray()); }

}  // namespace lamina
