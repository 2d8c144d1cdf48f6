// Indexing by lists of slices, integers, arrays and masks, and masks alone.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

NDArray integers(std::initializer_list<int64_t> values, const Shape& shape) {
  return NDArray::from(values, shape);
}
NDArray integers(std::initializer_list<int64_t> values) {
  return integers(values, static_cast<int64_t>(values.size()));
}
NDArray mask_of(std::initializer_list<int64_t> values, const Shape& shape) {
  return integers(values, shape).to(bool_);
}

// The first input with, for each index i of `shape`, the second one's broadcast element i put to or
// added at to(i).
Dense written(const Inputs& in, const Extents& shape, const Map& to, bool adds) {
  Dense x = in[0];
  for_each_index(shape, [&](const Extents& i) {
    double& place = x.at(to(i));
    place = (adds ? place : 0) + broadcast_at(in[1], i);
  });
  return x;
}
auto put_to(Extents shape, Map to) {
  return [=](const Inputs& in) { return written(in, shape, to, false); };
}
auto added_to(Extents shape, Map to) {
  return [=](const Inputs& in) { return written(in, shape, to, true); };
}

int64_t integer(double x) { return static_cast<int64_t>(x); }

// An input for masks: int64 0 and 1, which the form converts, so that it has no derivative. An
// undefined one is refused by the conversion, so it is not tried.
Input Bits(Extents shape) { return Optional(Index(std::move(shape), 2)); }

// A row of index(); `...` is the list of indices, as the first of two or more forms.
#define LAMINA_INDEX(what, shape, naive, ...)                                                \
  OpCase("index(x, indices)", {{Real shape}},                                                \
         {LAMINA_OP(index(in[0], __VA_ARGS__)), LAMINA_OP(in[0].index(__VA_ARGS__))}, naive) \
      .named(what)                                                                           \
      .takes(kAll)

void add_index(Table& table) {
  table.push_back(
      LAMINA_INDEX("by slices and integers", ({3, 4, 5}),
                   mapped({2, 1, 2},
                          [](Extents i) {
                            return Extents{2, 1 + 2 * i[0], 3 * i[2]};
                          }),
                   {-1, Slice(1, None, 2), None, Slice(None, None, 3)})
          .is_view()
          .LAMINA_FAILS(
              IndexError,
              "[index] expected an index from -3 to 2 for dimension 1 of shape (2, 3), got 3",
              {zeros_of({2, 3})}, LAMINA_OP(index(in[0], {Slice(), 3})))
          .LAMINA_FAILS(IndexError, "[index] expected at most 1 indices for shape (2,), got 2",
                        {zeros_of({2})}, LAMINA_OP(index(in[0], {0, 0})))
          .LAMINA_FAILS(IndexError,
                        "[index] expected no indices beyond the 2 dimensions of shape (2, 3), got "
                        "one behind a second Ellipsis",
                        {zeros_of({2, 3})}, LAMINA_OP(index(in[0], {Ellipsis, Ellipsis, 0})))
          .LAMINA_FAILS(ValueError, "[index] expected a slice's step above 0, got -1",
                        {zeros_of({2})}, LAMINA_OP(index(in[0], {Slice(None, None, -1)})))
          .LAMINA_FAILS(IndexError,
                        "[index] expected no index, for dimension 0 of shape (0,) is empty, got 0",
                        {zeros_of({0})}, LAMINA_OP(index(in[0], {0}))));
  table.push_back(LAMINA_INDEX("with an ellipsis", ({2, 3, 4}),
                               mapped({3, 2},
                                      [](Extents i) {
                                        return Extents{1, i[0], i[1]};
                                      }),
                               {1, Ellipsis, Slice(0, 2)})
                      .is_view());
  table.push_back(
      LAMINA_INDEX("by nothing", ({2, 3}), mapped({2, 3}, [](Extents i) { return i; }), {Ellipsis})
          .is_view());
  static const auto& two = *new NDArray(integers({2, -3}));
  static const auto& grid = *new NDArray(integers({0, 1, 1, -1, 0, 1}, {3, 2}));
  table.push_back(
      LAMINA_INDEX("by an array", ({2, 3, 2}),
                   mapped({2, 2, 2},
                          [](Extents i) {
                            return Extents{i[0], i[1] ? 0 : 2, i[2]};
                          }),
                   {Slice(), two})
          .LAMINA_FAILS(
              IndexError,
              "[index] expected an index from -3 to 2 for dimension 0 of shape (3,), got -4",
              {zeros_of({3}), integers({0, -4})}, LAMINA_OP(index(in[0], {in[1]})))
          .LAMINA_FAILS(IndexError,
                        "[index] expected no index, for dimension 0 of shape (0, 2) is empty",
                        {zeros_of({0, 2}), integers({0})}, LAMINA_OP(index(in[0], {in[1]})))
          .LAMINA_FAILS(DTypeError, "[index] expected indices of dtype int64 or bool, got float32",
                        {zeros_of({3}), zeros_of({2})}, LAMINA_OP(index(in[0], {in[1]})))
          .LAMINA_FAILS(RuntimeError, "[index] expected a defined array",
                        {zeros_of({3}), NDArray()}, LAMINA_OP(index(in[0], {in[1]})))
          .LAMINA_FAILS(ShapeError,
                        "[index] expected shapes that broadcast together, got (2,) and (3,)",
                        {zeros_of({3, 3}), integers({0, 1}), integers({0, 1, 2})},
                        LAMINA_OP(index(in[0], {in[1], in[2]}))));
  table.push_back(LAMINA_INDEX("by a 2-d array", ({2, 3}),
                               mapped({3, 2, 3},
                                      [](Extents i) {
                                        const int64_t row[3][2] = {{0, 1}, {1, 1}, {0, 1}};
                                        return Extents{row[i[0]][i[1]], i[2]};
                                      }),
                               {grid}));
  table.push_back(LAMINA_INDEX("by neighbouring arrays", ({2, 3, 2, 2}),
                               mapped({2, 3, 2, 2},
                                      [](Extents i) {
                                        const int64_t row[3][2] = {{0, 1}, {1, 1}, {0, 1}};
                                        return Extents{i[0], i[2] ? 0 : 2, row[i[1]][i[2]], i[3]};
                                      }),
                               {Slice(), two, grid}));
  table.push_back(LAMINA_INDEX("by separated arrays", ({3, 2, 4}),
                               mapped({2, 2},
                                      [](Extents i) {
                                        return Extents{i[0] ? 0 : 2, i[1], i[0] ? 1 : 3};
                                      }),
                               {two, Slice(), integers({3, 1})}));
  table.push_back(LAMINA_INDEX("by an array and integers, 0-d ones too", ({3, 2, 4}),
                               mapped({2, 1},
                                      [](Extents i) {
                                        return Extents{i[0] ? 0 : 2, 1, 3};
                                      }),
                               {two, integers({-1}, {}), Slice(3, 4)}));
  table.push_back(LAMINA_INDEX("by an array without elements", ({3, 2}),
                               mapped({0, 2}, [](Extents i) { return i; }), {integers({})}));
  table.push_back(
      LAMINA_INDEX("by a mask", ({2, 3, 2}),
                   mapped({3, 2},
                          [](Extents i) {
                            const int64_t at[] = {1, 3, 5};
                            return Extents{at[i[0]] / 3, at[i[0]] % 3, i[1]};
                          }),
                   {mask_of({0, 1, 0, 1, 0, 1}, {2, 3})})
          .LAMINA_FAILS(
              ShapeError,
              "[index] expected a mask of the extents of shape (2, 3) from dimension 1 on, "
              "got (2,)",
              {zeros_of({2, 3}), zeros_of({2}, bool_)}, LAMINA_OP(index(in[0], {Slice(), in[1]}))));
  table.push_back(LAMINA_INDEX("by a mask and an array", ({3, 2, 2}),
                               mapped({2, 2},
                                      [](Extents i) {
                                        return Extents{2 * i[0], i[1], i[0] ? 0 : 1};
                                      }),
                               {mask_of({1, 0, 1}, 3), Slice(), integers({1, 0})}));
  table.push_back(LAMINA_INDEX("by a 0-d mask", ({2, 3}),
                               mapped({1, 2, 3},
                                      [](Extents i) {
                                        return Extents{i[1], i[2]};
                                      }),
                               {mask_of({1}, {})}));
  table.push_back(LAMINA_INDEX("by a mask that is false", ({2, 3}),
                               mapped({0}, [](Extents i) { return i; }),
                               {mask_of({0, 0, 0, 0, 0, 0}, {2, 3})}));
  table.push_back(OpCase("index(x, indices)", {{Real({4, 3}), Index({5}, 4)}},
                         {LAMINA_OP(index(in[0], {in[1]}))},
                         [](const Inputs& in) {
                           return make({in[1].shape[0], in[0].shape[1]}, [&](const Extents& i) {
                             return in[0].at({integer(in[1].at({i[0]})), i[1]});
                           });
                         })
                      .takes(kAll)
                      .named("by any array")
                      .values_at({Real({500, 90}), Index({700}, 500)}));
}

void add_index_put(Table& table) {
  const std::string put = "index_put(x, indices, value, accumulate)";
  static const auto& once = *new NDArray(integers({2, -3}));
  static const auto& twice = *new NDArray(integers({1, 0, 1}));
  const auto middle = [](Extents i) { return Extents{i[0], 1 + i[1]}; };
  const auto at_once = [](Extents i) { return Extents{i[0] ? 0 : 2, i[1]}; };
  const auto at_twice = [](Extents i) { return Extents{i[0] == 1 ? 0 : 1, i[1]}; };
  const Form by_array = LAMINA_OP(index_put(in[0], {once}, in[1]));
  table.push_back(
      OpCase(put,
             {{Real({2, 4}), Real({2, 2})}, {Real({2, 4}), Real({2})}, {Real({2, 4}), Real({})}},
             {LAMINA_OP(index_put(in[0], {Slice(), Slice(1, 3)}, in[1])),
              LAMINA_OP(in[0].index_put({Ellipsis, Slice(-3, -1)}, in[1]))},
             put_to({2, 2}, middle))
          .takes(kAll)
          .named("to a slice"));
  table.push_back(OpCase(put, {{Real({2, 4}), Real({2, 2})}, {Real({2, 4}), Real({2, 1})}},
                         {LAMINA_OP(index_put(in[0], {Slice(), Slice(1, 3)}, in[1], true))},
                         added_to({2, 2}, middle))
                      .takes(kNumbers)
                      .named("added to a slice"));
  table.push_back(
      OpCase(put,
             {{Real({3, 2}), Real({2, 2})}, {Real({3, 2}), Real({2, 1})}, {Real({3, 2}), Real({})}},
             {by_array, LAMINA_OP(in[0].index_put({once}, in[1]))}, put_to({2, 2}, at_once))
          .takes(kAll)
          .named("by an array")
          .LAMINA_FAILS(ShapeError,
                        "[index_put] expected a source that broadcasts to (2, 2), got (3,)",
                        {zeros_of({3, 2}), zeros_of({3})}, by_array)
          .LAMINA_FAILS(DTypeError, "[index_put] expected a value of dtype float32, got int64",
                        {zeros_of({3, 2}), zeros_of({2}, int64)}, by_array)
          .LAMINA_FAILS(
              IndexError,
              "[index_put] expected an index from -2 to 1 for dimension 0 of shape (2,), got 2",
              {zeros_of({2}), zeros_of({})}, by_array));
  table.push_back(OpCase(put, {{Real({2, 2}), Real({3, 2})}, {Real({2, 2}), Real({2})}},
                         {LAMINA_OP(index_put(in[0], {twice}, in[1], true)),
                          LAMINA_OP(in[0].index_put({twice}, in[1], true))},
                         added_to({3, 2}, at_twice))
                      .takes(kNumbers)
                      .named("added by an array"));
  table.push_back(
      OpCase(put, {{Real({2, 3, 2}), Real({3, 2})}},
             {LAMINA_OP(index_put(in[0], {mask_of({0, 1, 0, 1, 0, 1}, {2, 3})}, in[1]))},
             put_to({3, 2},
                    [](Extents i) {
                      const int64_t at[] = {1, 3, 5};
                      return Extents{at[i[0]] / 3, at[i[0]] % 3, i[1]};
                    }))
          .takes(kAll)
          .named("by a mask"));
  table.push_back(
      OpCase(put, {{Real({3, 2})}},
             {LAMINA_OP(index_put(in[0], {once}, 1)), LAMINA_OP(in[0].index_put({once}, 1))},
             [at_once](const Inputs& in) {
               return written({in[0], Dense{{}, {1}}}, {2, 2}, at_once, false);
             })
          .takes(kAll)
          .named("of a Scalar"));
}

void add_masks(Table& table) {
  const auto filled = [](const Inputs& in, double value) {
    return elementwise(in[0], in[1], [=](double x, double m) { return m != 0 ? value : x; });
  };
  table.push_back(
      OpCase("masked_fill(x, mask, value)",
             {{Real({2, 3}), Bits({2, 3})},
              {Real({3}), Bits({2, 1})},
              {Real({}), Bits({})},
              {Real({0, 3}), Bits({3})}},
             {LAMINA_OP(masked_fill(in[0], in[1].to(bool_), 1)),
              LAMINA_OP(in[0].masked_fill(in[1].to(bool_), 1))},
             [filled](const Inputs& in) { return filled(in, 1); })
          .takes(kAll)
          .values_at({Real({120, 130}), Bits({120, 130})})
          .LAMINA_FAILS(DTypeError, "[masked_fill] expected a mask of dtype bool, got uint8",
                        {zeros_of({2}), zeros_of({2}, uint8)},
                        LAMINA_OP(masked_fill(in[0], in[1], 1)))
          .LAMINA_FAILS(RuntimeError, "[masked_fill] expected a defined array",
                        {zeros_of({2}), NDArray()}, LAMINA_OP(masked_fill(in[0], in[1], 1)))
          .LAMINA_FAILS(ShapeError,
                        "[masked_fill] expected shapes that broadcast together, got (2,) and (3,)",
                        {zeros_of({2}), zeros_of({3}, bool_)},
                        LAMINA_OP(masked_fill(in[0], in[1], 1))));
  table.push_back(OpCase("masked_fill(x, mask, value)", {{Real({2, 3}), Bits({3}), Real({})}},
                         {LAMINA_OP(masked_fill(in[0], in[1].to(bool_), in[2])),
                          LAMINA_OP(in[0].masked_fill(in[1].to(bool_), in[2]))},
                         [filled](const Inputs& in) { return filled(in, in[2].values[0]); })
                      .takes(kAll)
                      .named("of an array")
                      .LAMINA_FAILS(ShapeError,
                                    "[masked_fill] expected a 0-d value, got shape (1,)",
                                    {zeros_of({2}), zeros_of({2}, bool_), zeros_of({1})},
                                    LAMINA_OP(masked_fill(in[0], in[1], in[2]))));
  table.push_back(
      OpCase("masked_select(x, mask)",
             {{Real({2, 3}), Bits({2, 3})},
              {Real({3}), Bits({2, 1})},
              {Real({}), Bits({})},
              {Real({0, 3}), Bits({3})}},
             {LAMINA_OP(masked_select(in[0], in[1].to(bool_))),
              LAMINA_OP(in[0].masked_select(in[1].to(bool_)))},
             [](const Inputs& in) {
               Dense out{{0}, {}};
               for_each_index(broadcast(in[0].shape, in[1].shape), [&](const Extents& i) {
                 if (broadcast_at(in[1], i) != 0) out.values.push_back(broadcast_at(in[0], i));
               });
               out.shape[0] = static_cast<int64_t>(out.values.size());
               return out;
             })
          .takes(kAll)
          .values_at({Real({120, 130}), Bits({120, 130})})
          .LAMINA_FAILS(DTypeError, "[masked_select] expected a mask of dtype bool, got float32",
                        {zeros_of({2}), zeros_of({2})}, LAMINA_OP(masked_select(in[0], in[1]))));
  const auto chosen = [](const Inputs& in) {
    const Extents shape = broadcast(in[0].shape, broadcast(in[1].shape, in[2].shape));
    return make(shape, [&](const Extents& i) {
      return broadcast_at(in[broadcast_at(in[0], i) != 0 ? 1 : 2], i);
    });
  };
  const Form three = LAMINA_OP(where(in[0], in[1], in[2]));
  table.push_back(
      OpCase("where(condition, a, b)",
             {{Bits({2, 3}), Real({2, 3}), Real({2, 3})},
              {Bits({3}), Real({2, 1}), Real({})},
              {Bits({2, 1, 1}), Real({3}), Real({2, 1})},
              {Bits({}), Real({}), Real({})},
              {Bits({0, 1}), Real({3}), Real({})}},
             {LAMINA_OP(where(in[0].to(bool_), in[1], in[2]))}, chosen)
          .takes(kAll)
          .values_at({Bits({170, 200}), Real({170, 200}), Real({200})})
          .LAMINA_FAILS(DTypeError, "[where] expected a condition of dtype bool, got int64",
                        {zeros_of({2}, int64), zeros_of({2}), zeros_of({2})}, three)
          .LAMINA_FAILS(RuntimeError, "[where] expected a defined array",
                        {NDArray(), zeros_of({2}), zeros_of({2})}, three)
          .LAMINA_FAILS(ShapeError,
                        "[where] expected shapes that broadcast together, got (2,) and (3,)",
                        {zeros_of({2}, bool_), zeros_of({3}), zeros_of({})}, three));
  table.push_back(OpCase("where(condition, a, b)", {{Bits({2, 3}), Real({3})}},
                         {LAMINA_OP(where(in[0].to(bool_), in[1], true)),
                          LAMINA_OP(where(in[0].eq(0), true, in[1]))},
                         [chosen](const Inputs& in) {
                           return chosen({in[0], in[1], Dense{{}, {1}}});
                         })
                      .takes(kAll)
                      .named("with a Scalar")
                      .LAMINA_FAILS(RuntimeError, "[where] expected a defined array", {NDArray()},
                                    LAMINA_OP(where(in[0], 1, 2))));
  table.push_back(OpCase("nonzero(x)",
                         {{Small({2, 3})}, {Small({7})}, {Small({})}, {Small({0, 2})}},
                         {LAMINA_OP(nonzero(in[0])), LAMINA_OP(in[0].nonzero())},
                         [](const Inputs& in) {
                           Dense out{{0, in[0].rank()}, {}};
                           for_each_index(in[0].shape, [&](const Extents& i) {
                             if (in[0].at(i) == 0) return;
                             ++out.shape[0];
                             out.values.insert(out.values.end(), i.begin(), i.end());
                           });
                           return out;
                         })
                      .takes(kAll)
                      .gives(int64_result)
                      .not_differentiable());
}

}  // namespace

void add_indexing_rows(Table& table) {
  add_index(table);
  add_index_put(table);
  add_masks(table);
}

}  // namespace lamina::op_cases
