// Recurrent layers by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

Tensor optional(const Arguments<Tensor>& x, size_t i) { return x.has(i) ? x.array(i) : Tensor(); }

template <class Options>
Options sequence_options(const Settings& s) {
  Options options;
  s.read("num_layers", options.num_layers);
  s.read("bias", options.bias);
  s.read("batch_first", options.batch_first);
  s.read("dropout", options.dropout);
  s.read("bidirectional", options.bidirectional);
  s.read("dtype", options.dtype);
  return options;
}

template <class L>
Callee with_one_state(L&& layer) {
  auto shared = std::make_shared<L>(std::move(layer));
  return {shared, [shared](const Arguments<Tensor>& x) -> std::vector<Tensor> {
            auto result = (*shared)(x.array(0), optional(x, 1));
            if constexpr (std::is_same_v<decltype(result), Tensor>) {
              return {result};
            } else {
              return {result.output, result.hidden};
            }
          }};
}

}  // namespace

void add_recurrent(LayerTable& table) {
  table["RNN"] = [](const Settings& s) {
    auto options = sequence_options<nn::RNNOptions>(s);
    s.read("nonlinearity", options.nonlinearity);
    return with_one_state(nn::RNN(s.integer("input_size"), s.integer("hidden_size"), options));
  };
  table["GRU"] = [](const Settings& s) {
    return with_one_state(nn::GRU(s.integer("input_size"), s.integer("hidden_size"),
                                  sequence_options<nn::GRUOptions>(s)));
  };
  table["LSTM"] = [](const Settings& s) -> Callee {
    auto shared = std::make_shared<nn::LSTM>(s.integer("input_size"), s.integer("hidden_size"),
                                             sequence_options<nn::LSTMOptions>(s));
    return {shared, [shared](const Arguments<Tensor>& x) -> std::vector<Tensor> {
              const nn::LSTMResult r = (*shared)(x.array(0), {optional(x, 1), optional(x, 2)});
              return {r.output, r.state.hidden, r.state.cell};
            }};
  };
  table["RNNCell"] = [](const Settings& s) {
    nn::RNNCellOptions options;
    s.read("bias", options.bias);
    s.read("nonlinearity", options.nonlinearity);
    s.read("dtype", options.dtype);
    return with_one_state(nn::RNNCell(s.integer("input_size"), s.integer("hidden_size"), options));
  };
  table["GRUCell"] = [](const Settings& s) {
    nn::CellOptions options;
    s.read("bias", options.bias);
    s.read("dtype", options.dtype);
    return with_one_state(nn::GRUCell(s.integer("input_size"), s.integer("hidden_size"), options));
  };
  table["LSTMCell"] = [](const Settings& s) -> Callee {
    nn::CellOptions options;
    s.read("bias", options.bias);
    s.read("dtype", options.dtype);
    auto shared =
        std::make_shared<nn::LSTMCell>(s.integer("input_size"), s.integer("hidden_size"), options);
    return {shared, [shared](const Arguments<Tensor>& x) -> std::vector<Tensor> {
              const nn::LSTMState r = (*shared)(x.array(0), {optional(x, 1), optional(x, 2)});
              return {r.hidden, r.cell};
            }};
  };
}

}  // namespace lamina::differential
