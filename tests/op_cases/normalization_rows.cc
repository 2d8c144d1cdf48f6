// Normalisation. What buffers get in training is in nn/batch_norm_test.cc and tests/differential.
#include <cmath>
#include <functional>
#include <map>

#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {
namespace {

constexpr double kEps = 0.1;  // well above 0: equal elements have derivatives that differences see

// (x - mean) / sqrt(var + eps) weight + bias; elements whose indices `group` maps to the same share
// mean and variance, and `parameter` gives the index into weight and bias.
using Key = std::function<Extents(const Extents&)>;
Dense naive_normalize(const Dense& x, const Key& group, const Dense& weight, const Dense& bias,
                      const Key& parameter, bool centered = true) {
  std::map<Extents, double> count, mean, variance;
  for_each_index(x.shape, [&](const Extents& i) { count[group(i)] += 1; });
  for_each_index(x.shape, [&](const Extents& i) {
    if (centered) mean[group(i)] += x.at(i) / count[group(i)];
  });
  for_each_index(x.shape, [&](const Extents& i) {
    variance[group(i)] += std::pow(x.at(i) - mean[group(i)], 2) / count[group(i)];
  });
  return make(x.shape, [&](const Extents& i) {
    const double h = (x.at(i) - mean[group(i)]) / std::sqrt(variance[group(i)] + kEps);
    return h * weight.at(parameter(i)) + bias.at(parameter(i));
  });
}

Key leading(size_t count) {
  return [count](const Extents& i) {
    return Extents(i.begin(), i.begin() + static_cast<int64_t>(count));
  };
}
Key trailing(size_t count) {
  return
      [count](const Extents& i) { return Extents(i.end() - static_cast<int64_t>(count), i.end()); };
}
Extents channel(const Extents& i) { return {i[1]}; }

Sample with_parameters(const Extents& x, const Extents& parameters) {
  return {Real(x), Optional(Real(parameters)), Optional(Real(parameters))};
}
Form on_tensors(Call<Tensor> call) { return Form(nullptr, std::move(call)); }

void add_rows(Table& table) {
  const Form layer = on_tensors([](const std::vector<Tensor>& in) {
    return as_list(layer_norm(in[0], in[1].shape(), in[1], in[2], kEps));
  });
  table.push_back(
      OpCase(
          "layer_norm(x, normalized_shape, weight, bias, eps)",
          {with_parameters({4, 3}, {3}), with_parameters({2, 2, 3}, {2, 3}),
           with_parameters({3}, {3}), with_parameters({0, 3}, {3}), with_parameters({2, 0}, {0})},
          {layer},
          [](const std::vector<Dense>& in) {
            const size_t n = in[1].shape.size();
            return naive_normalize(in[0], leading(in[0].shape.size() - n), in[1], in[2],
                                   trailing(n));
          })
          .tolerance(1e-5)
          .values_at(with_parameters({70, 130}, {130}))
          .values_at(with_parameters({3, 4999}, {4999}))
          .values_at(with_parameters({500, 9}, {9}))
          .LAMINA_FAILS(ShapeError, "[layer_norm] expected x of shape (..., 4, 5), got (4, 4)",
                        {zeros_of({4, 4}), zeros_of({4, 5}), zeros_of({4, 5})}, layer)
          .LAMINA_FAILS(ShapeError, "[layer_norm] expected a bias of shape (3,), got (2,)",
                        {zeros_of({4, 3}), zeros_of({3}), zeros_of({2})}, layer)
          .LAMINA_FAILS(DTypeError,
                        "[layer_norm] expected a weight of x's dtype float32, got float64",
                        {zeros_of({3}), zeros_of({3}, float64), zeros_of({3})}, layer)
          .LAMINA_FAILS(ValueError,
                        "[layer_norm] expected a normalized_shape of at least one extent, got ()",
                        {zeros_of({3}), zeros_of({}), zeros_of({})}, layer));
  const Form rms = on_tensors([](const std::vector<Tensor>& in) {
    return as_list(rms_norm(in[0], in[1].shape(), in[1], kEps));
  });
  table.push_back(OpCase("rms_norm(x, normalized_shape, weight, eps)",
                         {{Real({4, 3}), Optional(Real({3}))},
                          {Real({2, 2, 3}), Optional(Real({2, 3}))},
                          {Real({0, 3}), Optional(Real({3}))}},
                         {rms},
                         [](const std::vector<Dense>& in) {
                           const size_t n = in[1].shape.size();
                           const Dense none = make(in[1].shape, [](const Extents&) { return 0.0; });
                           return naive_normalize(in[0], leading(in[0].shape.size() - n), in[1],
                                                  none, trailing(n), false);
                         })
                      .tolerance(1e-5)
                      .values_at({Real({70, 130}), Optional(Real({130}))})
                      .LAMINA_FAILS(ShapeError,
                                    "[rms_norm] expected x of shape (..., 5), got (4, 4)",
                                    {zeros_of({4, 4}), zeros_of({5})}, rms));
}

void add_channels(Table& table) {
  constexpr int64_t kGroups = 2;
  const Form group = on_tensors([](const std::vector<Tensor>& in) {
    return as_list(group_norm(in[0], kGroups, in[1], in[2], kEps));
  });
  table.push_back(
      OpCase("group_norm(x, groups, weight, bias, eps)",
             {with_parameters({2, 4, 3}, {4}), with_parameters({3, 4}, {4}),
              with_parameters({2, 2, 2, 2}, {2}), with_parameters({0, 4, 2}, {4})},
             {group},
             [](const std::vector<Dense>& in) {
               const int64_t each = in[0].shape[1] / kGroups;
               return naive_normalize(
                   in[0],
                   [each](const Extents& i) {
                     return Extents{i[0], i[1] / each};
                   },
                   in[1], in[2], channel);
             })
          .tolerance(1e-5)
          .values_at(with_parameters({5, 6, 17, 9}, {6}))
          .values_at(with_parameters({2, 2, 5001}, {2}))
          .LAMINA_FAILS(ValueError,
                        "[group_norm] expected groups that divide the 3 channels of x, got 2",
                        {zeros_of({2, 3}), zeros_of({3}), zeros_of({3})}, group)
          .LAMINA_FAILS(ShapeError, "[group_norm] expected x (n, channels, ...), got shape (4,)",
                        {zeros_of({4}), zeros_of({4}), zeros_of({4})}, group));
  const std::vector<Sample> batches = {
      with_parameters({4, 3}, {3}), with_parameters({2, 3, 4}, {3}),
      with_parameters({2, 2, 2, 2}, {2}), with_parameters({0, 3}, {3})};
  const Form batch = on_tensors([](const std::vector<Tensor>& in) {
    return as_list(batch_norm(in[0], {}, {}, in[1], in[2], {.training = true, .eps = kEps}));
  });
  table.push_back(
      OpCase("batch_norm(x, running_mean, running_var, weight, bias, call)", batches, {batch},
             [](const std::vector<Dense>& in) {
               return naive_normalize(in[0], channel, in[1], in[2], channel);
             })
          .named("by the batch")
          .tolerance(1e-5)
          .values_at(with_parameters({50, 70}, {70}))
          .values_at(with_parameters({20, 3, 17, 9}, {3}))
          .values_at(with_parameters({2, 2, 5001}, {2}))
          .LAMINA_FAILS(ShapeError, "[batch_norm] expected a weight of shape (3,), got (2,)",
                        {zeros_of({4, 3}), zeros_of({2}), zeros_of({3})}, batch)
          .LAMINA_FAILS(ValueError,
                        "[batch_norm] expected more than 1 value per channel when training, got "
                        "shape (1, 3)",
                        {zeros_of({1, 3}), zeros_of({3}), zeros_of({3})}, batch));
  const Form running = on_tensors([](const std::vector<Tensor>& in) {
    const int64_t channels = in[1].numel();
    return as_list(batch_norm(in[0], full(channels, 0.5, in[1].dtype()),
                              full(channels, 3.9, in[1].dtype()), in[1], in[2], {.eps = kEps}));
  });
  table.push_back(OpCase("batch_norm(x, running_mean, running_var, weight, bias, call)", batches,
                         {running},
                         [](const std::vector<Dense>& in) {
                           return make(in[0].shape, [&](const Extents& i) {
                             return (in[0].at(i) - 0.5) / 2 * in[1].at({i[1]}) + in[2].at({i[1]});
                           });
                         })
                      .named("by running statistics")
                      .tolerance(1e-5)
                      .values_at(with_parameters({20, 3, 17, 9}, {3})));
}

}  // namespace

void add_normalization_rows(Table& table) {
  add_rows(table);
  add_channels(table);
}

}  // namespace lamina::op_cases
