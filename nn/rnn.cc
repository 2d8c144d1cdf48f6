#include "lamina/nn/rnn.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lamina/nn/dropout.h"
#include "lamina/nn/init.h"
#include "lamina/nn/repr.h"

namespace lamina::nn {
namespace {

using functional::LayerWeights;
using functional::RecurrentOptions;
using functional::RecurrentWeights;
using internal::RecurrentStep;
using State = internal::RecurrentState;

State next_by_tanh(const Tensor& from_input, const Tensor& from_hidden, const State&) {
  return {tanh(from_input + from_hidden)};
}
State next_by_relu(const Tensor& from_input, const Tensor& from_hidden, const State&) {
  return {relu(from_input + from_hidden)};
}
State next_of_lstm(const Tensor& from_input, const Tensor& from_hidden, const State& state) {
  const std::vector<Tensor> gates = (from_input + from_hidden).chunk(4, -1);
  const Tensor cell = sigmoid(gates[1]) * state[1] + sigmoid(gates[0]) * tanh(gates[2]);
  return {sigmoid(gates[3]) * tanh(cell), cell};
}
State next_of_gru(const Tensor& from_input, const Tensor& from_hidden, const State& state) {
  const std::vector<Tensor> x = from_input.chunk(3, -1), h = from_hidden.chunk(3, -1);
  const Tensor keep = sigmoid(x[1] + h[1]);
  const Tensor fresh = tanh(x[2] + sigmoid(x[0] + h[0]) * h[2]);
  return {fresh + keep * (state[0] - fresh)};
}
constexpr RecurrentStep kTanh = {1, next_by_tanh}, kRelu = {1, next_by_relu};
constexpr RecurrentStep kLstm = {4, next_of_lstm}, kGru = {3, next_of_gru};

// ---- What is computed

// Throws unless the weights of a layer or a cell fit each other and an input of that size.
void check_weights(const char* name, const RecurrentWeights& w, int64_t input_size,
                   const RecurrentStep& step) {
  check_defined(name, w.weight_ih.data());
  check_defined(name, w.weight_hh.data());
  const int64_t hidden = w.weight_hh.dim() == 2 ? w.weight_hh.size(1) : -1;
  const Shape rows = step.gates * hidden;
  const auto fits = [&](const Tensor& bias) { return !bias.defined() || bias.shape() == rows; };
  if (hidden < 0 || w.weight_hh.shape() != Shape{rows[0], hidden} ||
      w.weight_ih.shape() != Shape{rows[0], input_size} || !fits(w.bias_ih) || !fits(w.bias_hh)) {
    const auto shown = [](const Tensor& bias) {
      return bias.defined() ? bias.shape().str() : "none";
    };
    fail<ShapeError>(name, "expected weight_ih (", step.gates, " hidden, ", input_size,
                     "), weight_hh (", step.gates, " hidden, hidden) and biases (", step.gates,
                     " hidden), got ", w.weight_ih.shape().str(), ", ", w.weight_hh.shape().str(),
                     ", ", shown(w.bias_ih), " and ", shown(w.bias_hh));
  }
}

// The outputs (time, batch, hidden) of one direction of one layer; `state` goes in and comes out.
Tensor run_direction(const RecurrentWeights& weights, const Tensor& x, bool reverse, State& state,
                     const RecurrentStep& step) {
  // The products with the input do not wait for each other.
  const std::vector<Tensor> from_input = linear(x, weights.weight_ih, weights.bias_ih).unbind(0);
  std::vector<Tensor> outputs(from_input.size());
  for (size_t i = 0; i < from_input.size(); ++i) {
    const size_t t = reverse ? from_input.size() - 1 - i : i;
    state = step.next(from_input[t], linear(state[0], weights.weight_hh, weights.bias_hh), state);
    outputs[t] = state[0];
  }
  return stack(absl::Span<const Tensor>(outputs), 0);
}

// The output, then the states. Those given may be undefined.
std::vector<Tensor> run_layers(const char* name, const Tensor& x, const State& given,
                               LayerWeights weights, const RecurrentOptions& options,
                               const RecurrentStep& step) {
  check_defined(name, x.data());
  const size_t per_layer = options.bidirectional ? 2 : 1;
  if (weights.empty() || weights.size() % per_layer != 0) {
    fail<ValueError>(name, "expected weights of ", per_layer, " directions of each layer, got ",
                     weights.size());
  }
  internal::check_probability(name, "dropout", options.dropout);
  check_defined(name, weights[0].weight_ih.data());
  check_defined(name, weights[0].weight_hh.data());
  const int64_t input_size = weights[0].weight_ih.size(-1);
  const int64_t hidden_size = weights[0].weight_hh.size(-1);
  for (size_t d = 0; d < weights.size(); ++d) {
    const bool is_first = d < per_layer;
    check_weights(name, weights[d],
                  is_first ? input_size : hidden_size * static_cast<int64_t>(per_layer), step);
  }
  const bool batched = x.dim() == 3;
  if ((x.dim() != 2 && !batched) || x.size(-1) != input_size) {
    fail<ShapeError>(name, "expected a sequence ",
                     options.batch_first ? "(batch, time, " : "(time, batch, ", input_size,
                     ") or (time, ", input_size, "), got ", x.shape().str());
  }
  Tensor layer_input = !batched ? x.unsqueeze(1) : options.batch_first ? x.transpose(0, 1) : x;
  if (layer_input.size(0) == 0) {
    fail<ShapeError>(name, "expected at least one time step, got ", x.shape().str());
  }
  const auto count = static_cast<int64_t>(weights.size());
  const Shape wanted{count, layer_input.size(1), hidden_size};
  std::vector<State> states(weights.size(), State(given.size()));  // by direction
  for (size_t s = 0; s < given.size(); ++s) {
    Tensor start = given[s].defined() ? given[s] : zeros(wanted, x.dtype());
    if (given[s].defined() && !batched && start.dim() == 2) start = start.unsqueeze(1);
    if (start.shape() != wanted || (given[s].defined() && (given[s].dim() == 3) != batched)) {
      Shape shown = wanted;
      if (!batched) shown.erase(1);
      fail<ShapeError>(name, "expected a state of shape ", shown.str(), " for the sequence ",
                       x.shape().str(), ", got ", given[s].shape().str());
    }
    const std::vector<Tensor> parts = start.unbind(0);
    for (size_t d = 0; d < parts.size(); ++d) states[d][s] = parts[d];
  }

  for (size_t d = 0; d < weights.size(); d += per_layer) {
    if (d > 0 && options.dropout > 0) {
      layer_input = functional::dropout(layer_input, options.dropout);
    }
    Tensor output = run_direction(weights[d], layer_input, false, states[d], step);
    if (options.bidirectional) {
      const Tensor back = run_direction(weights[d + 1], layer_input, true, states[d + 1], step);
      const std::vector<Tensor> both{output, back};
      output = cat(absl::Span<const Tensor>(both), -1);
    }
    layer_input = output;
  }

  std::vector<Tensor> out{!batched              ? layer_input.squeeze(1)
                          : options.batch_first ? layer_input.transpose(0, 1)
                                                : layer_input};
  for (size_t s = 0; s < given.size(); ++s) {
    std::vector<Tensor> ends;
    ends.reserve(states.size());
    for (const State& state : states) ends.push_back(state[s]);
    const Tensor end = stack(absl::Span<const Tensor>(ends), 0);
    out.push_back(batched ? end : end.squeeze(1));
  }
  return out;
}

State run_cell(const char* name, const Tensor& x, const State& given, const RecurrentWeights& w,
               const RecurrentStep& step) {
  check_defined(name, x.data());
  check_defined(name, w.weight_ih.data());
  const int64_t input_size = w.weight_ih.size(-1);
  check_weights(name, w, input_size, step);
  if ((x.dim() != 1 && x.dim() != 2) || x.size(-1) != input_size) {
    fail<ShapeError>(name, "expected x (batch, ", input_size, ") or (", input_size, "), got ",
                     x.shape().str());
  }
  Shape wanted = x.shape();
  wanted[wanted.rank() - 1] = w.weight_hh.size(1);
  State state;
  for (const Tensor& start : given) {
    if (start.defined() && start.shape() != wanted) {
      fail<ShapeError>(name, "expected a state of shape ", wanted.str(), " for x ", x.shape().str(),
                       ", got ", start.shape().str());
    }
    state.push_back(start.defined() ? start : zeros(wanted, x.dtype()));
  }
  return step.next(linear(x, w.weight_ih, w.bias_ih), linear(state[0], w.weight_hh, w.bias_hh),
                   state);
}

bool is_relu(const char* name, const std::string& nonlinearity) {
  if (nonlinearity != "tanh" && nonlinearity != "relu") {
    fail<ValueError>(name, "expected the nonlinearity to be tanh or relu, got \"", nonlinearity,
                     "\"");
  }
  return nonlinearity == "relu";
}

void check_sizes(const char* name, int64_t input_size, int64_t hidden_size) {
  if (input_size < 1 || hidden_size < 1) {
    fail<ValueError>(name, "expected sizes of at least 1, got input_size ", input_size,
                     " and hidden_size ", hidden_size);
  }
}

}  // namespace

namespace internal {

// ---- Parameters

Recurrence::Recurrence(const char* name, Module* owner, int64_t input_size, int64_t hidden_size,
                       int64_t gates, const GRUOptions& options)
    : input_size_(input_size), hidden_size_(hidden_size), options_(options) {
  check_sizes(name, input_size, hidden_size);
  check_floating(name, options.dtype);
  if (options.num_layers < 1) {
    fail<ValueError>(name, "expected at least 1 layer, got ", options.num_layers);
  }
  internal::check_probability(name, "dropout", options.dropout);
  const int64_t rows = gates * hidden_size;
  for (int64_t layer = 0; layer < options.num_layers; ++layer) {
    const int64_t columns = layer == 0 ? input_size : hidden_size * (options.bidirectional ? 2 : 1);
    for (const char* suffix : {"", "_reverse"}) {
      if (suffix[0] != '\0' && !options.bidirectional) continue;
      const std::string end = absl::StrCat("_l", layer, suffix);
      const auto make = [&](const char* what, const Shape& shape, bool present) {
        return Parameter(owner, absl::StrCat(what, end),
                         present ? empty(shape, options.dtype) : Tensor());
      };
      // One after the other: the order of registration is that of PyTorch.
      Parameter weight_ih = make("weight_ih", {rows, columns}, true);
      Parameter weight_hh = make("weight_hh", {rows, hidden_size}, true);
      Parameter bias_ih = make("bias_ih", {rows}, options.bias);
      Parameter bias_hh = make("bias_hh", {rows}, options.bias);
      directions_.push_back(
          {std::move(weight_ih), std::move(weight_hh), std::move(bias_ih), std::move(bias_hh)});
    }
  }
  reset_parameters();
}

void Recurrence::reset_parameters() {
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_size_));
  for (const Direction& d : directions_) {
    for (const Parameter* p : {&d.weight_ih, &d.weight_hh, &d.bias_ih, &d.bias_hh}) {
      if (p->defined()) init::uniform_(*p, -bound, bound);
    }
  }
}

std::string Recurrence::extra_repr() const {
  std::string text = absl::StrCat(input_size_, ", ", hidden_size_);
  if (options_.num_layers != 1) absl::StrAppend(&text, ", num_layers=", options_.num_layers);
  if (!options_.bias) text += ", bias=False";
  if (options_.batch_first) text += ", batch_first=True";
  if (options_.dropout != 0)
    absl::StrAppend(&text, ", dropout=", internal::python_float(options_.dropout));
  if (options_.bidirectional) text += ", bidirectional=True";
  return text;
}

std::vector<Tensor> Recurrence::run(const char* name, const Tensor& x, const RecurrentState& given,
                                    const RecurrentStep& step, bool training) const {
  std::vector<RecurrentWeights> weights;
  for (const Direction& d : directions_) {
    weights.push_back({d.weight_ih, d.weight_hh, d.bias_ih, d.bias_hh});
  }
  return run_layers(name, x, given, weights,
                    {options_.batch_first, training ? options_.dropout : 0, options_.bidirectional},
                    step);
}

namespace {
Tensor cell_weight(const char* name, int64_t input_size, int64_t hidden_size, int64_t gates,
                   DType dtype) {
  check_sizes(name, input_size, hidden_size);
  check_floating(name, dtype);
  return empty({gates * hidden_size, input_size}, dtype);
}
Tensor cell_bias(int64_t hidden_size, int64_t gates, const CellOptions& options) {
  return options.bias ? empty(gates * hidden_size, options.dtype) : Tensor();
}
}  // namespace

RecurrentCell::RecurrentCell(const char* name, Module* owner, int64_t input_size,
                             int64_t hidden_size, int64_t gates, const CellOptions& options)
    : weight_ih_(owner, "weight_ih",
                 cell_weight(name, input_size, hidden_size, gates, options.dtype)),
      weight_hh_(owner, "weight_hh", empty({gates * hidden_size, hidden_size}, options.dtype)),
      bias_ih_(owner, "bias_ih", cell_bias(hidden_size, gates, options)),
      bias_hh_(owner, "bias_hh", cell_bias(hidden_size, gates, options)) {
  reset_parameters();
}

void RecurrentCell::reset_parameters() {
  const double bound = 1 / std::sqrt(static_cast<double>(weight_hh_.size(1)));
  for (const Parameter* p : {&weight_ih_, &weight_hh_, &bias_ih_, &bias_hh_}) {
    if (p->defined()) init::uniform_(*p, -bound, bound);
  }
}

std::string RecurrentCell::extra_repr() const {
  return absl::StrCat(weight_ih_.size(1), ", ", weight_hh_.size(1),
                      bias_ih_.defined() ? "" : ", bias=False");
}

RecurrentState RecurrentCell::run(const char* name, const Tensor& x, const RecurrentState& given,
                                  const RecurrentStep& step) const {
  return run_cell(name, x, given, {weight_ih_, weight_hh_, bias_ih_, bias_hh_}, step);
}

}  // namespace internal

// ---- Functions

namespace functional {

RNNResult rnn_tanh(const Tensor& x, const Tensor& hidden, LayerWeights weights,
                   const RecurrentOptions& options) {
  const std::vector<Tensor> r = run_layers("rnn_tanh", x, {hidden}, weights, options, kTanh);
  return {r[0], r[1]};
}
RNNResult rnn_relu(const Tensor& x, const Tensor& hidden, LayerWeights weights,
                   const RecurrentOptions& options) {
  const std::vector<Tensor> r = run_layers("rnn_relu", x, {hidden}, weights, options, kRelu);
  return {r[0], r[1]};
}
LSTMResult lstm(const Tensor& x, const LSTMState& state, LayerWeights weights,
                const RecurrentOptions& options) {
  const std::vector<Tensor> r =
      run_layers("lstm", x, {state.hidden, state.cell}, weights, options, kLstm);
  return {r[0], {r[1], r[2]}};
}
RNNResult gru(const Tensor& x, const Tensor& hidden, LayerWeights weights,
              const RecurrentOptions& options) {
  const std::vector<Tensor> r = run_layers("gru", x, {hidden}, weights, options, kGru);
  return {r[0], r[1]};
}

Tensor rnn_tanh_cell(const Tensor& x, const Tensor& hidden, const RecurrentWeights& weights) {
  return run_cell("rnn_tanh_cell", x, {hidden}, weights, kTanh)[0];
}
Tensor rnn_relu_cell(const Tensor& x, const Tensor& hidden, const RecurrentWeights& weights) {
  return run_cell("rnn_relu_cell", x, {hidden}, weights, kRelu)[0];
}
LSTMState lstm_cell(const Tensor& x, const LSTMState& state, const RecurrentWeights& weights) {
  const State next = run_cell("lstm_cell", x, {state.hidden, state.cell}, weights, kLstm);
  return {next[0], next[1]};
}
Tensor gru_cell(const Tensor& x, const Tensor& hidden, const RecurrentWeights& weights) {
  return run_cell("gru_cell", x, {hidden}, weights, kGru)[0];
}

}  // namespace functional

// ---- The layers

namespace {
GRUOptions without_nonlinearity(const RNNOptions& o) {
  return {o.num_layers, o.bias, o.batch_first, o.dropout, o.bidirectional, o.dtype};
}
CellOptions without_nonlinearity(const RNNCellOptions& o) { return {o.bias, o.dtype}; }
}  // namespace

RNN::RNN(int64_t input_size, int64_t hidden_size, const RNNOptions& options)
    : Recurrent("RNN", input_size, hidden_size, 1, without_nonlinearity(options)),
      relu_(is_relu("RNN", options.nonlinearity)) {}
RNNResult RNN::forward(const Tensor& x, const Tensor& hidden) {
  const std::vector<Tensor> r =
      weights_.run("RNN", x, {hidden}, relu_ ? kRelu : kTanh, is_training());
  return {r[0], r[1]};
}

LSTM::LSTM(int64_t input_size, int64_t hidden_size, const LSTMOptions& options)
    : Recurrent("LSTM", input_size, hidden_size, 4, options) {}
LSTMResult LSTM::forward(const Tensor& x, const LSTMState& state) {
  const std::vector<Tensor> r =
      weights_.run("LSTM", x, {state.hidden, state.cell}, kLstm, is_training());
  return {r[0], {r[1], r[2]}};
}

GRU::GRU(int64_t input_size, int64_t hidden_size, const GRUOptions& options)
    : Recurrent("GRU", input_size, hidden_size, 3, options) {}
RNNResult GRU::forward(const Tensor& x, const Tensor& hidden) {
  const std::vector<Tensor> r = weights_.run("GRU", x, {hidden}, kGru, is_training());
  return {r[0], r[1]};
}

RNNCell::RNNCell(int64_t input_size, int64_t hidden_size, const RNNCellOptions& options)
    : Recurrent("RNNCell", input_size, hidden_size, 1, without_nonlinearity(options)),
      relu_(is_relu("RNNCell", options.nonlinearity)) {}
std::string RNNCell::extra_repr() const {
  return absl::StrCat(Recurrent::extra_repr(), relu_ ? ", nonlinearity=relu" : "");
}
Tensor RNNCell::forward(const Tensor& x, const Tensor& hidden) {
  return weights_.run("RNNCell", x, {hidden}, relu_ ? kRelu : kTanh)[0];
}

LSTMCell::LSTMCell(int64_t input_size, int64_t hidden_size, const CellOptions& options)
    : Recurrent("LSTMCell", input_size, hidden_size, 4, options) {}
LSTMState LSTMCell::forward(const Tensor& x, const LSTMState& state) {
  const State next = weights_.run("LSTMCell", x, {state.hidden, state.cell}, kLstm);
  return {next[0], next[1]};
}

GRUCell::GRUCell(int64_t input_size, int64_t hidden_size, const CellOptions& options)
    : Recurrent("GRUCell", input_size, hidden_size, 3, options) {}
Tensor GRUCell::forward(const Tensor& x, const Tensor& hidden) {
  return weights_.run("GRUCell", x, {hidden}, kGru)[0];
}

}  // namespace lamina::nn
