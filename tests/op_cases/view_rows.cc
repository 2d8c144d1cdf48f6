// Views, and operations that copy.
#include <cmath>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

auto reshaped(Extents shape) {
  return [shape](const std::vector<Dense>& in) { return with_shape(in[0], shape); };
}

Dense naive_permute(const Dense& x, const Extents& dims) {
  Extents shape;
  for (int64_t d : dims) shape.push_back(x.shape[x.dim(d)]);
  return make(shape, [&](const Extents& i) {
    Extents j(i.size());
    for (size_t k = 0; k < i.size(); ++k) j[x.dim(dims[k])] = i[k];
    return x.at(j);
  });
}
auto permuted(Extents dims) {
  return [dims](const std::vector<Dense>& in) { return naive_permute(in[0], dims); };
}

auto expanded(Extents shape) {
  return [shape](const std::vector<Dense>& in) {
    return make(shape, [&](const Extents& i) { return broadcast_at(in[0], i); });
  };
}

auto narrowed(int64_t dim, int64_t start, int64_t length) {
  return [=](const std::vector<Dense>& in) {
    Extents shape = in[0].shape;
    shape[dim] = length;
    return make(shape, [&](Extents i) {
      i[dim] += start;
      return in[0].at(i);
    });
  };
}

auto selected(int64_t dim, int64_t index) {
  return [=](const std::vector<Dense>& in) {
    Extents shape = in[0].shape;
    shape.erase(shape.begin() + dim);
    return make(shape, [&](Extents i) {
      i.insert(i.begin() + dim, index);
      return in[0].at(i);
    });
  };
}

auto summed_to(Extents shape) {
  return [shape](const std::vector<Dense>& in) {
    Dense out = make(shape, [](const Extents&) { return 0.0; });
    for_each_index(in[0].shape, [&](const Extents& i) {
      Extents j(i.end() - static_cast<int64_t>(shape.size()), i.end());
      for (size_t d = 0; d < j.size(); ++d) j[d] = shape[d] == 1 ? 0 : j[d];
      out.at(j) += in[0].at(i);
    });
    return out;
  };
}

// A row of a view; every dtype.
#define LAMINA_VIEW(declaration, what, samples, naive, ...) \
  OpCase(declaration, samples, {__VA_ARGS__}, naive).named(what).takes(kAll)
#define LAMINA_SAMPLES(...) (std::vector<Sample>{__VA_ARGS__})

void add_reshaping(Table& table) {
  const std::string view_of = "view(x, shape)", reshape_of = "reshape(x, shape)",
                    flatten_of = "flatten(x, start, end)";
  table.push_back(LAMINA_VIEW(view_of, "with new extents of 1", LAMINA_SAMPLES({Real({2, 3})}),
                              reshaped({2, 1, 3, 1}), LAMINA_OP(view(in[0], {2, 1, 3, 1})),
                              LAMINA_OP(in[0].view({2, -1, 3, 1})))
                      .is_view());
  table.push_back(
      LAMINA_VIEW(view_of, "that merges", LAMINA_SAMPLES({Real({2, 3, 2})}, {Real({12})}),
                  reshaped({4, 3}), LAMINA_OP(view(in[0], {4, 3})), LAMINA_OP(in[0].view({-1, 3})))
          .is_view()
          .only_contiguous()
          .LAMINA_FAILS(ShapeError, "[view] expected a shape of 6 elements, got (4,)",
                        {zeros_of({2, 3})}, LAMINA_OP(view(in[0], 4)))
          .LAMINA_FAILS(ShapeError, "[view] expected a shape that divides 6 elements, got (-1, 4)",
                        {zeros_of({2, 3})}, LAMINA_OP(view(in[0], {-1, 4})))
          .LAMINA_FAILS(ShapeError,
                        "[view] expected extents of at least 0 and at most one -1, got (-1, -1)",
                        {zeros_of({2, 3})}, LAMINA_OP(view(in[0], {-1, -1})))
          .LAMINA_FAILS(ShapeError,
                        "[view] expected strides that allow shape (6,), got shape (3, 2) with "
                        "strides (1, 3); use reshape",
                        {zeros_of({2, 3}).t()}, LAMINA_OP(view(in[0], 6))));
  table.push_back(LAMINA_VIEW(view_of, "of rank 0", LAMINA_SAMPLES({Real({})}, {Real({1, 1})}),
                              reshaped({1}), LAMINA_OP(view(in[0], 1)), LAMINA_OP(in[0].view(-1)))
                      .is_view());
  table.push_back(LAMINA_VIEW(view_of, "of nothing", LAMINA_SAMPLES({Real({0, 3})}),
                              reshaped({5, 0}), LAMINA_OP(view(in[0], {5, 0})),
                              LAMINA_OP(in[0].view({5, -1}))));
  table.push_back(
      LAMINA_VIEW(reshape_of, "", LAMINA_SAMPLES({Real({2, 3, 2})}, {Real({12})}, {Real({3, 4})}),
                  reshaped({4, 3}), LAMINA_OP(reshape(in[0], {4, 3})),
                  LAMINA_OP(in[0].reshape({-1, 3})))
          .LAMINA_FAILS(ShapeError, "[reshape] expected a shape of 6 elements, got (5,)",
                        {zeros_of({2, 3})}, LAMINA_OP(reshape(in[0], 5)))
          .LAMINA_FAILS(ShapeError,
                        "[reshape] expected a shape that divides 0 elements, got (-1, 0)",
                        {zeros_of({0, 3})}, LAMINA_OP(reshape(in[0], {-1, 0}))));
  table.push_back(
      LAMINA_VIEW(flatten_of, "of everything", LAMINA_SAMPLES({Real({2, 3, 2})}, {Real({12})}),
                  reshaped({12}), LAMINA_OP(flatten(in[0])), LAMINA_OP(in[0].flatten()),
                  LAMINA_OP(flatten(in[0], 0, -1)))
          .LAMINA_FAILS(IndexError, "[flatten] expected start <= end, got 1 and 0 for shape (2, 3)",
                        {zeros_of({2, 3})}, LAMINA_OP(flatten(in[0], 1, 0)))
          .LAMINA_FAILS(IndexError, "[flatten] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 3})}, LAMINA_OP(flatten(in[0], 2))));
  table.push_back(LAMINA_VIEW(flatten_of, "of rank 0", LAMINA_SAMPLES({Real({})}), reshaped({1}),
                              LAMINA_OP(flatten(in[0])), LAMINA_OP(in[0].flatten(0, 0))));
  table.push_back(LAMINA_VIEW(flatten_of, "from the second on", LAMINA_SAMPLES({Real({2, 3, 2})}),
                              reshaped({2, 6}), LAMINA_OP(flatten(in[0], 1)),
                              LAMINA_OP(in[0].flatten(1, 2))));
  table.push_back(
      LAMINA_VIEW("squeeze(x)", "", LAMINA_SAMPLES({Real({1, 3, 1, 2})}, {Real({3, 2})}),
                  reshaped({3, 2}), LAMINA_OP(squeeze(in[0])), LAMINA_OP(in[0].squeeze()))
          .is_view());
  table.push_back(LAMINA_VIEW("squeeze(x)", "to rank 0", LAMINA_SAMPLES({Real({1, 1})}, {Real({})}),
                              reshaped({}), LAMINA_OP(squeeze(in[0])), LAMINA_OP(in[0].squeeze()))
                      .is_view());
  table.push_back(
      LAMINA_VIEW("squeeze(x, dim)", "", LAMINA_SAMPLES({Real({3, 1, 2})}, {Real({3, 2})}),
                  reshaped({3, 2}), LAMINA_OP(squeeze(in[0], 1)), LAMINA_OP(in[0].squeeze(1)))
          .is_view()
          .LAMINA_FAILS(IndexError, "[squeeze] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 1})}, LAMINA_OP(squeeze(in[0], 2))));
  table.push_back(LAMINA_VIEW("squeeze(x, dim)", "of rank 0", LAMINA_SAMPLES({Real({})}),
                              reshaped({}), LAMINA_OP(squeeze(in[0], 0)),
                              LAMINA_OP(in[0].squeeze(-1)))
                      .is_view());
  table.push_back(LAMINA_VIEW("unsqueeze(x, dim)", "in the middle", LAMINA_SAMPLES({Real({3, 2})}),
                              reshaped({3, 1, 2}), LAMINA_OP(unsqueeze(in[0], 1)),
                              LAMINA_OP(in[0].unsqueeze(-2)))
                      .is_view()
                      .LAMINA_FAILS(IndexError,
                                    "[unsqueeze] expected a dimension from -3 to 2, got 3",
                                    {zeros_of({2, 3})}, LAMINA_OP(unsqueeze(in[0], 3))));
  table.push_back(LAMINA_VIEW("unsqueeze(x, dim)", "at the end", LAMINA_SAMPLES({Real({0})}),
                              reshaped({0, 1}), LAMINA_OP(unsqueeze(in[0], 1)),
                              LAMINA_OP(in[0].unsqueeze(-1))));
  table.push_back(LAMINA_VIEW("unsqueeze(x, dim)", "of rank 0", LAMINA_SAMPLES({Real({})}),
                              reshaped({1}), LAMINA_OP(unsqueeze(in[0], 0)),
                              LAMINA_OP(in[0].unsqueeze(-1)))
                      .is_view());
}

void add_moving(Table& table) {
  table.push_back(
      LAMINA_VIEW("permute(x, dims)", "", LAMINA_SAMPLES({Real({2, 3, 4})}, {Real({0, 1, 2})}),
                  permuted({2, 0, 1}), LAMINA_OP(permute(in[0], {2, 0, 1})),
                  LAMINA_OP(in[0].permute({-1, 0, -2})))
          .is_view()
          .LAMINA_FAILS(ShapeError, "[permute] expected 2 dimensions for shape (2, 3), got (0,)",
                        {zeros_of({2, 3})}, LAMINA_OP(permute(in[0], 0)))
          .LAMINA_FAILS(IndexError, "[permute] expected different dimensions, got (0, -2)",
                        {zeros_of({2, 3})}, LAMINA_OP(permute(in[0], {0, -2}))));
  table.push_back(LAMINA_VIEW("permute(x, dims)", "of rank 0", LAMINA_SAMPLES({Real({})}),
                              reshaped({}), LAMINA_OP(permute(in[0], {})),
                              LAMINA_OP(in[0].permute({})))
                      .is_view());
  table.push_back(LAMINA_VIEW("transpose(x, dim0, dim1)", "", LAMINA_SAMPLES({Real({2, 3, 4})}),
                              permuted({2, 1, 0}), LAMINA_OP(transpose(in[0], 0, 2)),
                              LAMINA_OP(in[0].transpose(-1, 0)))
                      .is_view()
                      .LAMINA_FAILS(IndexError,
                                    "[transpose] expected a dimension from -2 to 1, got 2",
                                    {zeros_of({2, 3})}, LAMINA_OP(transpose(in[0], 0, 2))));
  table.push_back(LAMINA_VIEW("t(x)", "", LAMINA_SAMPLES({Real({2, 3})}, {Real({1, 0})}),
                              permuted({1, 0}), LAMINA_OP(t(in[0])), LAMINA_OP(in[0].t()))
                      .is_view()
                      .LAMINA_FAILS(ShapeError,
                                    "[t] expected a rank of at most 2, got shape (2, 3, 4)",
                                    {zeros_of({2, 3, 4})}, LAMINA_OP(t(in[0]))));
  table.push_back(LAMINA_VIEW("t(x)", "of rank 1", LAMINA_SAMPLES({Real({3})}), reshaped({3}),
                              LAMINA_OP(t(in[0])), LAMINA_OP(in[0].t()))
                      .is_view());
  table.push_back(
      LAMINA_VIEW("expand(x, shape)", "",
                  LAMINA_SAMPLES({Real({3, 1})}, {Real({2, 3, 4})}, {Real({})}, {Real({4})}),
                  expanded({2, 3, 4}), LAMINA_OP(expand(in[0], {2, 3, 4})),
                  LAMINA_OP(in[0].expand({2, 3, 4})))
          .is_view()
          .LAMINA_FAILS(ShapeError,
                        "[expand] expected a shape that (2, 3) broadcasts to, got (3, 3)",
                        {zeros_of({2, 3})}, LAMINA_OP(expand(in[0], {3, 3})))
          .LAMINA_FAILS(ShapeError, "[expand] expected a shape that (2, 3) broadcasts to, got (3,)",
                        {zeros_of({2, 3})}, LAMINA_OP(expand(in[0], 3)))
          .LAMINA_FAILS(ShapeError,
                        "[expand] expected a shape that (3,) broadcasts to, got (-1, 3)",
                        {zeros_of({3})}, LAMINA_OP(expand(in[0], {-1, 3}))));
  table.push_back(LAMINA_VIEW("expand(x, shape)", "that keeps an extent",
                              LAMINA_SAMPLES({Real({3, 1})}), expanded({2, 3, 2}),
                              LAMINA_OP(expand(in[0], {2, -1, 2})),
                              LAMINA_OP(in[0].expand({2, -1, 2})))
                      .is_view());
  table.push_back(LAMINA_VIEW("expand(x, shape)", "to nothing", LAMINA_SAMPLES({Real({1, 3})}),
                              expanded({0, 3}), LAMINA_OP(expand(in[0], {0, 3})),
                              LAMINA_OP(in[0].expand({0, -1}))));
  table.push_back(LAMINA_VIEW("narrow(x, dim, start, length)", "",
                              LAMINA_SAMPLES({Real({2, 5})}, {Real({0, 4})}), narrowed(1, 1, 3),
                              LAMINA_OP(narrow(in[0], 1, 1, 3)), LAMINA_OP(in[0].narrow(-1, 1, 3)))
                      .LAMINA_FAILS(IndexError,
                                    "[narrow] expected a range inside dimension 1 of shape (2, 3), "
                                    "got start 1 and length 3",
                                    {zeros_of({2, 3})}, LAMINA_OP(narrow(in[0], 1, 1, 3)))
                      .LAMINA_FAILS(IndexError,
                                    "[narrow] expected a range inside dimension 0 of shape (2, 3), "
                                    "got start -3 and length 1",
                                    {zeros_of({2, 3})}, LAMINA_OP(narrow(in[0], 0, -3, 1)))
                      .LAMINA_FAILS(IndexError,
                                    "[narrow] expected a range inside dimension 0 of shape (2, 3), "
                                    "got start 0 and length -1",
                                    {zeros_of({2, 3})}, LAMINA_OP(narrow(in[0], 0, 0, -1)))
                      .LAMINA_FAILS(ShapeError, "[narrow] expected a rank of at least 1",
                                    {zeros_of({})}, LAMINA_OP(narrow(in[0], 0, 0, 1))));
  table.push_back(LAMINA_VIEW("narrow(x, dim, start, length)", "from the end",
                              LAMINA_SAMPLES({Real({5, 2})}), narrowed(0, 3, 2),
                              LAMINA_OP(narrow(in[0], 0, -2, 2)), LAMINA_OP(in[0].narrow(-2, 3, 2)))
                      .is_view());
  table.push_back(LAMINA_VIEW("narrow(x, dim, start, length)", "to nothing",
                              LAMINA_SAMPLES({Real({3, 2})}), narrowed(0, 3, 0),
                              LAMINA_OP(narrow(in[0], 0, 3, 0)), LAMINA_OP(in[0].narrow(0, 3, 0))));
  table.push_back(
      LAMINA_VIEW("select(x, dim, index)", "", LAMINA_SAMPLES({Real({2, 3})}, {Real({2, 3, 2})}),
                  selected(1, 2), LAMINA_OP(select(in[0], 1, 2)), LAMINA_OP(in[0].select(1, -1)))
          .is_view()
          .LAMINA_FAILS(
              IndexError,
              "[select] expected an index from -3 to 2 for dimension 1 of shape (2, 3), got 3",
              {zeros_of({2, 3})}, LAMINA_OP(select(in[0], 1, 3)))
          .LAMINA_FAILS(IndexError, "[select] expected a dimension from -2 to 1, got 2",
                        {zeros_of({2, 3})}, LAMINA_OP(select(in[0], 2, 0)))
          .LAMINA_FAILS(ShapeError, "[select] expected a rank of at least 1", {zeros_of({})},
                        LAMINA_OP(select(in[0], 0, 0))));
  table.push_back(LAMINA_VIEW("select(x, dim, index)", "to rank 0",
                              LAMINA_SAMPLES({Real({3})}, {Real({2})}), selected(0, 1),
                              LAMINA_OP(select(in[0], 0, 1)), LAMINA_OP(in[0].select(-1, 1)))
                      .is_view());
}

void add_copies(Table& table) {
  const auto same = [](const std::vector<Dense>& in) { return in[0]; };
  const auto samples =
      LAMINA_SAMPLES({Real({2, 3})}, {Real({})}, {Real({0, 2})}, {Real({3, 1, 4})});
  table.push_back(LAMINA_VIEW("contiguous(x)", "", samples, same, LAMINA_OP(contiguous(in[0])),
                              LAMINA_OP(in[0].contiguous()))
                      .values_at({Real({120, 130})}));
  table.push_back(
      LAMINA_VIEW("clone(x)", "", samples, same, LAMINA_OP(clone(in[0])), LAMINA_OP(in[0].clone()))
          .values_at({Real({120, 130})}));
  // From float32 to float64 and back the values of float32 survive.
  table.push_back(LAMINA_VIEW("to(x, dtype)", "float64", samples, same,
                              LAMINA_OP(to(in[0], float64)), LAMINA_OP(in[0].to(float64)))
                      .gives([](DType) { return float64; })
                      .tolerance(1e-7));
  table.push_back(LAMINA_VIEW(
                      "to(x, dtype)", "int32", samples,
                      [](const std::vector<Dense>& in) {
                        return elementwise(in[0], [](double x) { return std::trunc(x); });
                      },
                      LAMINA_OP(to(in[0], int32)), LAMINA_OP(in[0].to(int32)))
                      .gives([](DType) { return int32; })
                      .not_differentiable());
  table.push_back(LAMINA_VIEW(
                      "to(x, dtype)", "bool", LAMINA_SAMPLES({Small({2, 5})}, {Real({3})}),
                      [](const std::vector<Dense>& in) {
                        return elementwise(in[0], [](double x) { return x != 0 ? 1.0 : 0.0; });
                      },
                      LAMINA_OP(to(in[0], bool_)), LAMINA_OP(in[0].to(bool_)))
                      .gives(bool_result)
                      .not_differentiable());
  table.push_back(
      LAMINA_VIEW(
          "sum_to(x, shape)", "",
          LAMINA_SAMPLES({Real({2, 3, 4})}, {Real({3, 4})}, {Real({3, 1})}, {Real({0, 3, 2})}),
          summed_to({3, 1}), LAMINA_OP(sum_to(in[0], {3, 1})), LAMINA_OP(in[0].sum_to({3, 1})))
          .LAMINA_FAILS(ShapeError, "[sum_to] expected a shape that broadcasts to (2, 3), got (2,)",
                        {zeros_of({2, 3})}, LAMINA_OP(sum_to(in[0], 2)))
          .LAMINA_FAILS(ShapeError, "[sum_to] expected a shape that broadcasts to (3,), got (1, 3)",
                        {zeros_of(3)}, LAMINA_OP(sum_to(in[0], {1, 3}))));
  table.push_back(LAMINA_VIEW(
      "sum_to(x, shape)", "rank 0", LAMINA_SAMPLES({Real({2, 3})}, {Real({})}, {Real({0})}),
      summed_to({}), LAMINA_OP(sum_to(in[0], {})), LAMINA_OP(in[0].sum_to({}))));
}

}  // namespace

void add_view_rows(Table& table) {
  add_reshaping(table);
  add_moving(table);
  add_copies(table);
}

}  // namespace lamina::op_cases
