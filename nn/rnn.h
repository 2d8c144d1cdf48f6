// Recurrent layers: RNN, LSTM, GRU, and one step of each as a cell.
//
//   nn::LSTM lstm(28, 64, {.num_layers = 2});
//   auto [output, state] = lstm(x);        // x (time, batch, 28) -> output (time, batch, 64)
//   lstm(more, state);                     // goes on from there
//
// Parameters are named and laid out as in PyTorch: weight_ih_l0 (gates hidden, input), weight_hh_l0
// (gates hidden, hidden), bias_ih_l0, bias_hh_l0, then those of the reverse direction with the suffix
// _reverse, then layer 1. All start uniform within 1 / sqrt(hidden) of 0.
//
// A sequence is (time, batch, input), (batch, time, input) with batch_first, or (time, input) without
// a batch; its output has hidden in place of input, twice that if bidirectional: forward, then
// reverse. A state is (layers directions, batch, hidden), without the batch if the sequence has none,
// and zero if it is undefined. Throw ShapeError for other shapes.
#ifndef LAMINA_NN_RNN_H_
#define LAMINA_NN_RNN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

struct GRUOptions {
  int64_t num_layers = 1;
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;  // of the outputs of all layers but the last, in training
  bool bidirectional = false;
  DType dtype = float32;
};
using LSTMOptions = GRUOptions;
struct RNNOptions {
  int64_t num_layers = 1;
  std::string nonlinearity = "tanh";  // or "relu"
  bool bias = true;
  bool batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  DType dtype = float32;
};

struct RNNResult {
  Tensor output;  // of the last layer at each time
  Tensor hidden;  // the state after the last time
  template <class F>
  void for_each_tensor(F f) {
    f(output);
    f(hidden);
  }
};
struct LSTMState {
  Tensor hidden, cell;
  template <class F>
  void for_each_tensor(F f) {
    f(hidden);
    f(cell);
  }
};
struct LSTMResult {
  Tensor output;
  LSTMState state;
  template <class F>
  void for_each_tensor(F f) {
    f(output);
    state.for_each_tensor(f);
  }
};

struct CellOptions {
  bool bias = true;
  DType dtype = float32;
};
struct RNNCellOptions {
  bool bias = true;
  std::string nonlinearity = "tanh";  // or "relu"
  DType dtype = float32;
};

namespace functional {

// The parameters of one direction of one layer, or of a cell: (gates hidden, input), (gates hidden,
// hidden) and twice (gates hidden), which may be undefined. An RNN has one gate, an LSTM four, a GRU
// three.
struct RecurrentWeights {
  Tensor weight_ih, weight_hh, bias_ih = {}, bias_hh = {};
};
struct RecurrentOptions {
  bool batch_first = false;
  double dropout =
      0;  // of the outputs of all layers but the last; always, so give 0 outside training
  bool bidirectional = false;
};

// What the layers below compute, with these parameters: layer by layer, and of a layer forward, then
// reverse. Throw ValueError for no weights, or an odd number of them where there are two directions,
// ShapeError for those that do not fit.
using LayerWeights = absl::Span<const RecurrentWeights>;
RNNResult rnn_tanh(const Tensor& x, const Tensor& hidden, LayerWeights weights,
                   const RecurrentOptions& options = {});
RNNResult rnn_relu(const Tensor& x, const Tensor& hidden, LayerWeights weights,
                   const RecurrentOptions& options = {});
LSTMResult lstm(const Tensor& x, const LSTMState& state, LayerWeights weights,
                const RecurrentOptions& options = {});
RNNResult gru(const Tensor& x, const Tensor& hidden, LayerWeights weights,
              const RecurrentOptions& options = {});

// One step.
Tensor rnn_tanh_cell(const Tensor& x, const Tensor& hidden, const RecurrentWeights& weights);
Tensor rnn_relu_cell(const Tensor& x, const Tensor& hidden, const RecurrentWeights& weights);
LSTMState lstm_cell(const Tensor& x, const LSTMState& state, const RecurrentWeights& weights);
Tensor gru_cell(const Tensor& x, const Tensor& hidden, const RecurrentWeights& weights);

}  // namespace functional

namespace internal {

// A step of one of the three: how it is called, its number of gates, and the state after it, from the
// products with the input and with the hidden state (batch, gates hidden). The first of the state is the
// hidden one.
using RecurrentState = std::vector<Tensor>;
struct RecurrentStep {
  int64_t gates;
  RecurrentState (*next)(const Tensor& from_input, const Tensor& from_hidden,
                         const RecurrentState& state);
};

// What the three have in common: `gates` products of hidden size per step, `states` tensors of state.
class Recurrence {
 public:
  // Throws ValueError, in the name of the layer, for sizes or layers below 1, or dropout outside
  // [0, 1].
  Recurrence(const char* name, Module* owner, int64_t input_size, int64_t hidden_size,
             int64_t gates, const GRUOptions& options);
  void reset_parameters();
  std::string extra_repr() const;

  // The output, then the states. Those given may be undefined.
  std::vector<Tensor> run(const char* name, const Tensor& x, const RecurrentState& given,
                          const RecurrentStep& step, bool training) const;

 private:
  struct Direction {
    Parameter weight_ih, weight_hh, bias_ih, bias_hh;
  };

  int64_t input_size_, hidden_size_;
  GRUOptions options_;
  std::vector<Direction> directions_;  // of each layer one, or two
};

// One step: the parameters weight_ih, weight_hh, bias_ih, bias_hh.
class RecurrentCell {
 public:
  RecurrentCell(const char* name, Module* owner, int64_t input_size, int64_t hidden_size,
                int64_t gates, const CellOptions& options);
  void reset_parameters();
  std::string extra_repr() const;
  // x (batch, input) or (input); the states likewise, zero if undefined.
  RecurrentState run(const char* name, const Tensor& x, const RecurrentState& given,
                     const RecurrentStep& step) const;

 private:
  Parameter weight_ih_, weight_hh_, bias_ih_, bias_hh_;
};

// The module around a Recurrence or a RecurrentCell: (x, state) -> R, where the state may be left out.
template <class Weights, class R, class State>
class Recurrent : public Callable<R(const Tensor& x, const State& state)> {
 public:
  std::string extra_repr() const override { return weights_.extra_repr(); }
  using Callable<R(const Tensor&, const State&)>::operator();
  R operator()(const Tensor& x) { return (*this)(x, State()); }
  void reset_parameters() { weights_.reset_parameters(); }

 protected:
  template <class Options>
  Recurrent(const char* name, int64_t input_size, int64_t hidden_size, int64_t gates,
            const Options& options)
      : weights_(name, this, input_size, hidden_size, gates, options) {}

  Weights weights_;
};

}  // namespace internal

// The second argument of each may be left out, for a state of zeros: lstm(x). So may it in a
// SequentialOf, where a module that takes an RNNResult or LSTMResult comes next.

// h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it.
class RNN : public internal::Recurrent<internal::Recurrence, RNNResult, Tensor> {
 public:
  // Throws ValueError for impossible sizes or options, or an unknown nonlinearity.
  RNN(int64_t input_size, int64_t hidden_size, const RNNOptions& options = {});
  RNNResult forward(const Tensor& x, const Tensor& hidden) override;

 private:
  bool relu_;
};

// i, f, g, o = W_ih x + b_ih + W_hh h + b_hh; c' = sigmoid(f) c + sigmoid(i) tanh(g);
// h' = sigmoid(o) tanh(c'). Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997, with
// the forget gate of Gers et al., 2000.
class LSTM : public internal::Recurrent<internal::Recurrence, LSTMResult, LSTMState> {
 public:
  LSTM(int64_t input_size, int64_t hidden_size, const LSTMOptions& options = {});
  LSTMResult forward(const Tensor& x, const LSTMState& state) override;
};

// r, z, n of W_ih x + b_ih and of W_hh h + b_hh: n = tanh(n_x + sigmoid(r_x + r_h) n_h);
// h' = (1 - z) n + z h with z = sigmoid(z_x + z_h). Source: Cho et al., EMNLP 2014.
class GRU : public internal::Recurrent<internal::Recurrence, RNNResult, Tensor> {
 public:
  GRU(int64_t input_size, int64_t hidden_size, const GRUOptions& options = {});
  RNNResult forward(const Tensor& x, const Tensor& hidden) override;
};

// x (batch, input) or (input), hidden (batch, hidden) or (hidden) -> the next hidden.
class RNNCell : public internal::Recurrent<internal::RecurrentCell, Tensor, Tensor> {
 public:
  RNNCell(int64_t input_size, int64_t hidden_size, const RNNCellOptions& options = {});
  std::string extra_repr() const override;
  Tensor forward(const Tensor& x, const Tensor& hidden) override;

 private:
  bool relu_;
};
class LSTMCell : public internal::Recurrent<internal::RecurrentCell, LSTMState, LSTMState> {
 public:
  LSTMCell(int64_t input_size, int64_t hidden_size, const CellOptions& options = {});
  LSTMState forward(const Tensor& x, const LSTMState& state) override;
};
class GRUCell : public internal::Recurrent<internal::RecurrentCell, Tensor, Tensor> {
 public:
  GRUCell(int64_t input_size, int64_t hidden_size, const CellOptions& options = {});
  Tensor forward(const Tensor& x, const Tensor& hidden) override;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_RNN_H_
