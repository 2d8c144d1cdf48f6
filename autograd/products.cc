// Matrix products and the cross-entropy loss, with their gradients.
#include "lamina/autograd/function.h"
#include "lamina/tensor/fused.h"

namespace lamina {
namespace {

Tensor transposed(const Tensor& x) { return x.transpose(-1, -2); }
// All leading dimensions as rows: (..., n) -> (rows, n).
Tensor as_rows(const Tensor& x) {
  Shape leading = x.shape();
  leading.erase(x.dim() - 1);
  return x.reshape({leading.numel(), x.size(-1)});
}

struct Matmul : Function<Matmul> {
  static constexpr const char* kName = "matmul";
  static NDArray forward(Context& ctx, const NDArray& a, const NDArray& b) {
    ctx.save_input(a, ctx.needs_grad(1));
    ctx.save_input(b, ctx.needs_grad(0));
    return matmul(a, b);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    Tensor a = ctx.saved(0), b = ctx.saved(1), dc = dy, da, db;
    const int a_rank = a.defined() ? a.dim() : ctx.input_shape(0).rank();
    const int b_rank = b.defined() ? b.dim() : ctx.input_shape(1).rank();
    // A vector a is a row, and a vector b a column.
    if (b_rank == 1) dc = dc.unsqueeze(-1);
    if (a_rank == 1) dc = dc.unsqueeze(-2);
    if (b.defined()) {
      if (b_rank == 1) b = b.unsqueeze(1);
      da = ctx.to_input(0, matmul(dc, transposed(b)));
    }
    if (a.defined()) {
      if (a_rank == 1) a = a.unsqueeze(0);
      if (b_rank <= 2) {
        // One matrix b for a whole batch: one product over all rows instead of a sum over products.
        db = matmul(transposed(as_rows(a)), as_rows(dc));
        if (b_rank == 1) db = db.squeeze(1);
      } else {
        db = ctx.to_input(1, matmul(transposed(a), dc));
      }
    }
    return {da, db};
  }
};

struct Linear : Function<Linear> {
  static constexpr const char* kName = "linear";
  static NDArray forward(Context& ctx, const NDArray& x, const NDArray& weight,
                         const NDArray& bias) {
    ctx.save_input(x, ctx.needs_grad(1));
    ctx.save_input(weight, ctx.needs_grad(0));
    return linear(x, weight, bias);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor rows = as_rows(dy);
    return {ctx.needs_grad(0) ? matmul(dy, ctx.saved(1)) : Tensor(),
            ctx.needs_grad(1) ? matmul(transposed(rows), as_rows(ctx.saved(0))) : Tensor(),
            ctx.needs_grad(2) ? rows.sum(0) : Tensor()};
  }
};

struct CrossEntropyBackward : Function<CrossEntropyBackward> {
  static constexpr const char* kName = "cross_entropy_backward";
  static NDArray forward(Context& ctx, const NDArray& logits, const NDArray& log_probabilities,
                         const NDArray& labels, const NDArray& dy) {
    ctx.save_input(logits);
    ctx.save_values(labels);
    ctx.save_input(dy);
    return cross_entropy_backward(log_probabilities, labels, dy, Labels::kChecked);
  }
  // y = dy (p - one_hot), row by row; v is the gradient of y.
  static Gradients backward(Context& ctx, const Tensor& v) {
    const Tensor labels = ctx.saved(1), dy = ctx.saved(2);
    const Tensor p = exp(log_softmax(ctx.saved(0), 1)), pv = (p * v).sum(1, true);
    Tensor dlogits, ddy;
    if (ctx.needs_grad(0)) dlogits = dy.unsqueeze(1) * p * (v - pv);
    if (ctx.needs_grad(3)) ddy = (pv - v.gather(1, labels.unsqueeze(1))).squeeze(1);
    return {dlogits, Tensor(), Tensor(), ddy};
  }
};

struct CrossEntropy : Function<CrossEntropy> {
  static constexpr const char* kName = "cross_entropy";
  static NDArray forward(Context& ctx, const NDArray& logits, const NDArray& labels) {
    check_labels(kName, logits, labels);
    const NDArray log_probabilities = log_softmax(logits, 1);
    ctx.save_input(logits);
    ctx.save_values(log_probabilities);
    ctx.save_values(labels);
    return nll(log_probabilities, labels, Labels::kChecked);
  }
  static Gradients backward(Context& ctx, const Tensor& dy) {
    return {CrossEntropyBackward::apply(ctx.saved(0), ctx.saved(1).data(), ctx.saved(2).data(), dy),
            Tensor()};
  }
};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) { return Matmul::apply(a, b); }
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return Linear::apply(x, weight, bias);
}
Tensor linear(const Tensor& x, const Tensor& weight) { return Linear::apply(x, weight, Tensor()); }

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) {
  return CrossEntropy::apply(logits, labels);
}

}  // namespace lamina
