// Matrix products, and the losses that fuse one step more.
#include <cmath>

#include "lamina/tensor/fused.h"
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

// (..., m, k) (..., k, n) over broadcast leading dimensions; vectors as numpy and PyTorch take
// them.
Dense naive_matmul(Dense a, Dense b) {
  const bool a_vector = a.rank() == 1, b_vector = b.rank() == 1;
  if (a_vector) a.shape.insert(a.shape.begin(), 1);
  if (b_vector) b.shape.push_back(1);
  const Extents a_batch(a.shape.begin(), a.shape.end() - 2),
      b_batch(b.shape.begin(), b.shape.end() - 2);
  const int64_t k = a.shape.back();
  Extents shape = broadcast(a_batch, b_batch);
  const size_t batch = shape.size();
  shape.push_back(a.shape[a.shape.size() - 2]);
  shape.push_back(b.shape.back());
  // The index of x for batch index i, clipped to x's own rank and extents, then row and column.
  const auto entry = [batch](const Dense& x, const Extents& i, int64_t row, int64_t column) {
    Extents j;
    for (size_t d = 0; d + 2 < x.shape.size(); ++d)
      j.push_back(x.shape[d] == 1 ? 0 : i[batch - (x.shape.size() - 2) + d]);
    j.push_back(row);
    j.push_back(column);
    return x.at(j);
  };
  Dense out = make(shape, [&](const Extents& i) {
    double sum = 0;
    for (int64_t p = 0; p < k; ++p) sum += entry(a, i, i[batch], p) * entry(b, i, p, i[batch + 1]);
    return sum;
  });
  if (b_vector) out.shape.erase(out.shape.end() - 1);
  if (a_vector) out.shape.erase(out.shape.end() - (b_vector ? 1 : 2));
  return out;
}

Dense naive_linear(const Dense& x, const Dense& weight) {
  const Dense w_t = make({weight.shape[1], weight.shape[0]}, [&](const Extents& i) {
    return weight.at({i[1], i[0]});
  });
  return naive_matmul(x, w_t);
}

Dense naive_nll(const Dense& log_probabilities, const Dense& labels) {
  return make(labels.shape, [&](const Extents& i) {
    return -log_probabilities.at({i[0], static_cast<int64_t>(labels.at(i))});
  });
}

void add_matmul(Table& table) {
  const Form form = LAMINA_OP(matmul(in[0], in[1]));
  table.push_back(
      OpCase("matmul(a, b)",
             {
                 {Real({2, 3}), Real({3, 4})},
                 {Real({3}), Real({3})},
                 {Real({2, 3}), Real({3})},
                 {Real({3}), Real({3, 2})},
                 {Real({2, 2, 3}), Real({3, 2})},  // one matrix for a batch
                 {Real({2, 3}), Real({2, 3, 2})},  // a batch of second matrices
                 {Real({2, 1, 2, 3}), Real({3, 3, 2})},
                 {Real({2, 2, 3}), Real({3})},
                 {Real({3}), Real({2, 3, 2})},
                 {Real({1, 1}), Real({1, 1})},
                 {Real({0, 3}), Real({3, 2})},
                 {Real({2, 0}), Real({0, 3})},  // no terms: zeros
                 {Real({0, 2, 3}), Real({3, 2})},
                 {Real({0}), Real({0})},
             },
             {form, LAMINA_OP(in[0].matmul(in[1]))},
             [](const std::vector<Dense>& in) { return naive_matmul(in[0], in[1]); })
          .takes(kNumbers)
          .tolerance(1e-5)
          .values_at({Real({65, 70}), Real({70, 33})})
          .values_at({Real({3, 17, 19}), Real({3, 19, 18})})
          .values_at({Real({130}), Real({130, 90})})
          .LAMINA_FAILS(ShapeError,
                        "[matmul] expected a.shape[-1] == b.shape[-2], got (2, 3) and (4, 5)",
                        {zeros_of({2, 3}), zeros_of({4, 5})}, form)
          .LAMINA_FAILS(ShapeError,
                        "[matmul] expected a.shape[-1] == b.shape[0], got (2, 3) and (2,)",
                        {zeros_of({2, 3}), zeros_of({2})}, form)
          .LAMINA_FAILS(ShapeError,
                        "[matmul] expected a.shape[-1] == b.shape[0], got (3,) and (2,)",
                        {zeros_of({3}), zeros_of({2})}, form)
          .LAMINA_FAILS(ShapeError,
                        "[matmul] expected a.shape[-1] == b.shape[-2], got () and (2, 2)",
                        {zeros_of({}), zeros_of({2, 2})}, form)
          .LAMINA_FAILS(
              ShapeError,
              "[matmul] expected batches that broadcast together, got (2, 2, 2) and (3, 2, 2)",
              {zeros_of({2, 2, 2}), zeros_of({3, 2, 2})}, form)
          .LAMINA_FAILS(
              DTypeError,
              "[matmul] expected two operands of one numeric dtype, got float32 and float64",
              {zeros_of({2, 2}), zeros_of({2, 2}, float64)}, form));
}

void add_linear(Table& table) {
  const Form with_bias = LAMINA_OP(linear(in[0], in[1], in[2]));
  table.push_back(
      OpCase("linear(x, weight, bias)",
             {
                 {Real({4, 3}), Real({2, 3}), Optional(Real({2}))},
                 {Real({3}), Real({2, 3}), Optional(Real({2}))},
                 {Real({2, 2, 3}), Real({1, 3}), Optional(Real({1}))},
                 {Real({0, 3}), Real({2, 3}), Optional(Real({2}))},
                 {Real({2, 0}), Real({3, 0}), Optional(Real({3}))},
                 {Real({2, 3}), Real({0, 3}), Optional(Real({0}))},
             },
             {with_bias},
             [](const std::vector<Dense>& in) {
               return elementwise(naive_linear(in[0], in[1]), in[2],
                                  [](double a, double b) { return a + b; });
             })
          .tolerance(1e-5)
          .values_at({Real({70, 65}), Real({40, 65}), Real({40})})
          .values_at({Real({7, 9, 20}), Real({33, 20}), Real({33})})
          .LAMINA_FAILS(ShapeError,
                        "[linear] expected x (..., in), weight (out, in) and bias (out), got "
                        "(2, 3), (4, 5) and (4,)",
                        {zeros_of({2, 3}), zeros_of({4, 5}), zeros_of(4)}, with_bias)
          .LAMINA_FAILS(ShapeError,
                        "[linear] expected x (..., in), weight (out, in) and bias (out), got "
                        "(2, 3), (4, 3) and (3,)",
                        {zeros_of({2, 3}), zeros_of({4, 3}), zeros_of(3)}, with_bias)
          .LAMINA_FAILS(DTypeError,
                        "[linear] expected one dtype, got x float32, weight float32, bias float64",
                        {zeros_of({2, 3}), zeros_of({4, 3}), zeros_of(4, float64)}, with_bias));
  const Form without = LAMINA_OP(linear(in[0], in[1]));
  table.push_back(
      OpCase("linear(x, weight)",
             {{Real({4, 3}), Real({2, 3})},
              {Real({3}), Real({2, 3})},
              {Real({2, 2, 3}), Real({2, 3})}},
             {without}, [](const std::vector<Dense>& in) { return naive_linear(in[0], in[1]); })
          .tolerance(1e-5)
          .LAMINA_FAILS(ShapeError, "got (), (4, 5) and no bias", {zeros_of({}), zeros_of({4, 5})},
                        without)
          .LAMINA_FAILS(DTypeError, "[linear] expected one dtype, got x float64, weight float32",
                        {zeros_of({2, 3}, float64), zeros_of({4, 3})}, without));
}

void add_losses(Table& table) {
  // On Tensors only: NDArrays have log_softmax and nll.
  const Form form(
      nullptr, [](const std::vector<Tensor>& in) { return as_list(cross_entropy(in[0], in[1])); });
  table.push_back(
      OpCase("cross_entropy(logits, labels)",
             {{Real({4, 3}), Index({4}, 3)},
              {Real({1, 1}), Index({1}, 1)},
              {Real({0, 3}), Index({0}, 3)}},
             {form},
             [](const std::vector<Dense>& in) {
               return naive_nll(naive_log_softmax(in[0], 1), in[1]);
             })
          .values_at({Real({200, 90}), Index({200}, 90)})
          .LAMINA_FAILS(IndexError,
                        "[cross_entropy] expected labels from 0 to 2, got 3 at position 1",
                        {zeros_of({2, 3}), NDArray::from<int64_t>({0, 3}, {2})}, form)
          .LAMINA_FAILS(IndexError,
                        "[cross_entropy] expected labels from 0 to 2, got -1 at position 0",
                        {zeros_of({2, 3}), NDArray::from<int64_t>({-1, 0}, {2})}, form)
          .LAMINA_FAILS(DTypeError, "[cross_entropy] expected labels of dtype int64, got float32",
                        {zeros_of({2, 3}), zeros_of({2})}, form)
          .LAMINA_FAILS(ShapeError,
                        "[cross_entropy] expected (n, classes) and labels (n), got (2, 3) and (3,)",
                        {zeros_of({2, 3}), zeros_of({3}, int64)}, form)
          .LAMINA_FAILS(ShapeError,
                        "[cross_entropy] expected (n, classes) and labels (n), got (3,) and (1,)",
                        {zeros_of({3}), zeros_of({1}, int64)}, form));

  // Fused steps on NDArrays; their derivatives are those of the operations that use them.
  const auto arrays_only = [](Call<NDArray> call) { return Form(std::move(call), nullptr); };
  const Form nll_form =
      arrays_only([](const std::vector<NDArray>& in) { return as_list(nll(in[0], in[1])); });
  table.push_back(
      OpCase("nll(log_probabilities, labels, checked)",
             {{Real({4, 3}), Index({4}, 3)}, {Real({0, 3}), Index({0}, 3)}}, {nll_form},
             [](const std::vector<Dense>& in) { return naive_nll(in[0], in[1]); })
          .not_differentiable()
          .LAMINA_FAILS(ShapeError,
                        "[nll] expected (n, classes) and labels (n), got (2, 3, 1) and (2,)",
                        {zeros_of({2, 3, 1}), zeros_of({2}, int64)}, nll_form));
  const Form relu_form = arrays_only(
      [](const std::vector<NDArray>& in) { return as_list(relu_backward(in[0], in[1])); });
  table.push_back(
      OpCase("relu_backward(dy, y)",
             {{Real({2, 3}), Small({2, 3})}, {Real({}), Real({})}, {Real({0}), Real({0})}},
             {relu_form},
             [](const std::vector<Dense>& in) {
               return elementwise(in[0], in[1], [](double dy, double y) { return y > 0 ? dy : 0; });
             })
          .not_differentiable()
          .values_at({Real({300, 301}), Real({300, 301})})
          .LAMINA_FAILS(
              ShapeError,
              "[relu_backward] expected dy and y of one shape and dtype, got (2,) float32 "
              "and (3,) float32",
              {zeros_of({2}), zeros_of({3})}, relu_form));
  const Form back_form = arrays_only([](const std::vector<NDArray>& in) {
    return as_list(cross_entropy_backward(in[0], in[1], in[2]));
  });
  table.push_back(
      OpCase("cross_entropy_backward(log_probabilities, labels, dy, checked)",
             {{Real({4, 3}), Index({4}, 3), Real({4})}, {Real({0, 3}), Index({0}, 3), Real({0})}},
             {back_form},
             [](const std::vector<Dense>& in) {
               return make(in[0].shape, [&](const Extents& i) {
                 const bool label = static_cast<int64_t>(in[1].at({i[0]})) == i[1];
                 return in[2].at({i[0]}) * (std::exp(in[0].at(i)) - (label ? 1 : 0));
               });
             })
          .not_differentiable()
          .values_at({Real({200, 90}), Index({200}, 90), Real({200})})
          .LAMINA_FAILS(ShapeError,
                        "[cross_entropy_backward] expected dy of shape (2,) and dtype float32, got "
                        "(1,) and float32",
                        {zeros_of({2, 3}), zeros_of({2}, int64), zeros_of({1})}, back_form));
}

}  // namespace

void add_product_rows(Table& table) {
  add_matmul(table);
  add_linear(table);
  add_losses(table);
}

}  // namespace lamina::op_cases
