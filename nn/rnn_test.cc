#include "lamina/nn/rnn.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn/child.h"
#include "lamina/nn/clone.h"
#include "lamina/nn/optim/sgd.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::expect_sums;
using test::wave;

// Values, gradients, printed text and the names of parameters are compared with PyTorch's in
// //tests/differential:golden_layers_test.

TEST(RNN, RefusesImpossibleSettings) {
  EXPECT_THROWS(ValueError,
                "[LSTM] expected sizes of at least 1, got input_size 0 and hidden_size 2",
                LSTM(0, 2));
  EXPECT_THROWS(ValueError,
                "[GRUCell] expected sizes of at least 1, got input_size 2 and hidden_size -1",
                GRUCell(2, -1));
  EXPECT_THROWS(ValueError, "[RNN] expected sizes of at least 1", RNN(2, 0));
  EXPECT_THROWS(ValueError, "[RNNCell] expected sizes of at least 1", RNNCell(0, 2));
  EXPECT_THROWS(ValueError, "[LSTMCell] expected sizes of at least 1", LSTMCell(2, 0));
  EXPECT_THROWS(ValueError, "[GRU] expected at least 1 layer, got 0", GRU(2, 2, {.num_layers = 0}));
  EXPECT_THROWS(ValueError, "[LSTM] expected dropout in [0, 1], got 1.5",
                LSTM(2, 2, {.dropout = 1.5}));
  EXPECT_THROWS(ValueError, "[RNN] expected the nonlinearity to be tanh or relu, got \"gelu\"",
                RNN(2, 2, {.nonlinearity = "gelu"}));
  EXPECT_THROWS(ValueError, "[RNNCell] expected the nonlinearity",
                RNNCell(2, 2, {.nonlinearity = ""}));
  EXPECT_THROWS(DTypeError, "[LSTM] expected a floating dtype, got int64",
                LSTM(2, 2, {.dtype = int64}));
  EXPECT_THROWS(DTypeError, "[GRUCell] expected a floating dtype, got int64",
                GRUCell(2, 2, {.dtype = int64}));
}

// As torch.nn.RNN and the others draw: uniform in -1 / sqrt(hidden) to 1 / sqrt(hidden), weights and
// biases, whatever the number of inputs.
template <class M>
void expect_starts_uniform(M&& module, double bound) {
  for (int draw = 0; draw < 2; ++draw) {
    for (const auto& [name, parameter] : module.named_parameters()) {
      const std::vector<double> values = parameter.template to_vector<double>();
      const auto n = static_cast<double>(values.size());
      double sum = 0, squares = 0;
      for (const double v : values) {
        EXPECT_LE(std::abs(v), bound) << name;
        sum += v;
        squares += v * v;
      }
      const double variance = bound * bound / 3;
      EXPECT_LT(std::abs(sum / n), 5 * std::sqrt(variance / n)) << name;
      EXPECT_NEAR(squares / n, variance, 5 * variance * std::sqrt(0.8 / n)) << name;
    }
    module.reset_parameters();
  }
}

TEST(RNN, StartsUniformWithinOneOverTheRootOfItsHiddenSize) {
  manual_seed(1);
  expect_starts_uniform(RNN(9, 256), 1. / 16);
  expect_starts_uniform(LSTM(9, 64, {.num_layers = 2, .bidirectional = true}), 1. / 8);
  expect_starts_uniform(GRU(100, 64), 1. / 8);
  expect_starts_uniform(RNNCell(9, 256), 1. / 16);
  expect_starts_uniform(LSTMCell(9, 64), 1. / 8);
  expect_starts_uniform(GRUCell(100, 64), 1. / 8);
}

TEST(RNN, NamesTheShapeThatItWants) {
  LSTM lstm(3, 4);
  EXPECT_THROWS(ShapeError,
                "[LSTM] expected a sequence (time, batch, 3) or (time, 3), got (5, 2, 4)",
                lstm(ones({5, 2, 4})));
  EXPECT_THROWS(ShapeError, "[GRU] expected a sequence (batch, time, 3) or (time, 3), got (3,)",
                GRU(3, 4, {.batch_first = true})(ones(3)));
  EXPECT_THROWS(
      ShapeError,
      "[LSTM] expected a state of shape (1, 2, 4) for the sequence (5, 2, 3), got (1, 3, 4)",
      lstm(ones({5, 2, 3}), {zeros({1, 3, 4}), zeros({1, 3, 4})}));
  EXPECT_THROWS(ShapeError,
                "expected a state of shape (1, 4) for the sequence (5, 3), got (1, 1, 4)",
                lstm(ones({5, 3}), {zeros({1, 1, 4}), zeros({1, 1, 4})}));
  EXPECT_THROWS(ShapeError, "[RNN] expected at least one time step, got (0, 2, 3)",
                RNN(3, 4)(ones({0, 2, 3})));
  EXPECT_THROWS(ShapeError, "[LSTMCell] expected x (batch, 3) or (3), got (2, 4)",
                LSTMCell(3, 4)(ones({2, 4})));
  EXPECT_THROWS(ShapeError, "[GRUCell] expected a state of shape (2, 4) for x (2, 3), got (1, 4)",
                GRUCell(3, 4)(ones({2, 3}), ones({1, 4})));
}

TEST(RNN, StepByStepIsTheWholeSequence) {
  GRU gru(3, 4, {.num_layers = 2});
  const Tensor x = randn({5, 2, 3});
  const RNNResult whole = gru(x);
  Tensor state;
  for (int64_t t = 0; t < 5; ++t) {
    const RNNResult step = gru(x.narrow(0, t, 1), state);
    EXPECT_LT((step.output[0] - whole.output[t]).abs().max().item<float>(), 1e-6f);
    state = step.hidden;
  }
  EXPECT_LT((state - whole.hidden).abs().max().item<float>(), 1e-6f);
}

TEST(RNN, DropsOutBetweenLayersInTrainingOnly) {
  LSTM lstm(3, 8, {.num_layers = 2, .dropout = 0.5});
  const Tensor x = randn({4, 2, 3});
  EXPECT_NE(lstm(x).output.to_vector<float>(), lstm(x).output.to_vector<float>());
  lstm.eval();
  EXPECT_EQ(lstm(x).output.to_vector<float>(), lstm(x).output.to_vector<float>());
}

TEST(RNN, ACloneHasParametersOfItsOwn) {
  LSTM lstm(3, 4, {.bidirectional = true});
  LSTM copy = clone(lstm);
  const Tensor x = randn({2, 1, 3});
  EXPECT_EQ(copy(x).output.to_vector<float>(), lstm(x).output.to_vector<float>());
  for (const Tensor& p : copy.parameters()) {
    NDArray values = p.data();
    values.fill_(0);
  }
  EXPECT_EQ(copy(x).output.abs().sum().item<float>(), 0);
  EXPECT_NE(lstm(x).output.abs().sum().item<float>(), 0);
}

TEST(RNN, AnLstmLearnsToRepeatWhatCameTwoStepsBefore) {
  manual_seed(1);
  constexpr int64_t kTime = 8, kBatch = 32, kDelay = 2;
  struct Memory : Layer {
    Tensor forward(const Tensor& x) override { return linear(lstm(x).output, weight, Tensor()); }
    Child<LSTM> lstm{this, "lstm", 1, 16};
    Parameter weight{this, "weight", randn({1, 16}) * 0.25};
  };
  Memory model;
  optim::SGD sgd(model.parameters(), {.lr = 2});
  double error = 0;
  for (int step = 0; step < 300; ++step) {
    const Tensor x = randint(0, 2, {kTime, kBatch, 1}).to(float32) * 2 - 1;
    const Tensor y = model(x).narrow(0, kDelay, kTime - kDelay);
    const Tensor loss = square(y - x.narrow(0, 0, kTime - kDelay)).mean();
    error = loss.item<double>();
    sgd.zero_grad();
    loss.backward();
    sgd.step();
  }
  EXPECT_LT(error, 0.02);  // 1 for a constant answer
}

// ---- Functions

functional::RecurrentWeights weights_of(int64_t gates, int64_t inputs, double start) {
  const int64_t rows = 2 * gates;
  return {wave({rows, inputs}, start), wave({rows, 2}, start + 1), wave({rows}, start + 2),
          wave({rows}, start + 3)};
}
// Of two layers in both directions, of 2 inputs and 2 hidden.
std::vector<functional::RecurrentWeights> layers_of(int64_t gates) {
  return {weights_of(gates, 2, 0), weights_of(gates, 2, 1), weights_of(gates, 4, 2),
          weights_of(gates, 4, 3)};
}

// The sums are those of torch.rnn_tanh, torch.lstm_cell and so on, of PyTorch 1.13, on the same waves.
TEST(RecurrentFunctions, SequencesGiveWhatPyTorchGives) {
  const Tensor x = wave({3, 2, 2}, 0.5), h = wave({4, 2, 2}, 0.25), c = wave({4, 2, 2}, 0.75);
  const functional::RecurrentOptions options = {.bidirectional = true};
  const RNNResult by_tanh = functional::rnn_tanh(x, h, layers_of(1), options);
  expect_sums(by_tanh.output, {3, 2, 4}, -0.86185290263, 0.348843035298);
  expect_sums(by_tanh.hidden, {4, 2, 2}, -1.51243827997, 3.12849996064);
  const RNNResult by_relu = functional::rnn_relu(x, h, layers_of(1), options);
  expect_sums(by_relu.output, {3, 2, 4}, 29.2596088882, 0.873909579312);
  expect_sums(by_relu.hidden, {4, 2, 2}, 19.8081494418, 8.56903816022);
  const RNNResult gru = functional::gru(x, h, layers_of(3), options);
  expect_sums(gru.output, {3, 2, 4}, 3.95935292734, 1.19427146063);
  expect_sums(gru.hidden, {4, 2, 2}, 4.7795407664, 1.42364318468);
  const LSTMResult lstm = functional::lstm(x, {h, c}, layers_of(4), options);
  expect_sums(lstm.output, {3, 2, 4}, -1.43978588023, -0.0351265701595);
  expect_sums(lstm.state.hidden, {4, 2, 2}, 0.504173813232, -0.405749490215);
  expect_sums(lstm.state.cell, {4, 2, 2}, 0.133470294313, -0.0263770701733);
}

TEST(RecurrentFunctions, CellsGiveWhatPyTorchGives) {
  const Tensor x = wave({2, 2}, 0.5), h = wave({2, 2}, 0.25), c = wave({2, 2}, 0.75);
  expect_sums(functional::rnn_tanh_cell(x, h, weights_of(1, 2, 0)), {2, 2}, 1.31159598088,
              0.275921751645);
  expect_sums(functional::rnn_relu_cell(x, h, weights_of(1, 2, 0)), {2, 2}, 4.34314924306,
              1.2025991032);
  expect_sums(functional::gru_cell(x, h, weights_of(3, 2, 0)), {2, 2}, 2.296798585, 1.0694070544);
  const LSTMState lstm = functional::lstm_cell(x, {h, c}, weights_of(4, 2, 0));
  expect_sums(lstm.hidden, {2, 2}, 1.48040497127, 0.695900697721);
  expect_sums(lstm.cell, {2, 2}, 2.08553722651, 1.05481976495);
}

TEST(RecurrentFunctions, RefuseWeightsThatDoNotFit) {
  const Tensor x = ones({3, 1, 2}, float64);
  EXPECT_THROWS(ValueError, "[gru] expected weights of 1 directions of each layer, got 0",
                functional::gru(x, {}, {}));
  const std::vector<functional::RecurrentWeights> three = {weights_of(3, 2, 0), weights_of(3, 2, 0),
                                                           weights_of(3, 4, 0)};
  EXPECT_THROWS(ValueError, "[gru] expected weights of 2 directions of each layer, got 3",
                functional::gru(x, {}, three, {.bidirectional = true}));
  EXPECT_THROWS(
      ShapeError,
      "[lstm] expected weight_ih (4 hidden, 2), weight_hh (4 hidden, hidden) and biases (4 "
      "hidden), got (6, 2), (6, 2), (6,) and (6,)",
      functional::lstm(x, {}, {weights_of(3, 2, 0)}));
  functional::RecurrentWeights bad = weights_of(1, 2, 0);
  bad.bias_hh = ones(3, float64);
  EXPECT_THROWS(ShapeError, "(2,) and (3,)", functional::rnn_relu_cell(ones(2, float64), {}, bad));
  bad.weight_hh = Tensor();
  EXPECT_THROWS(RuntimeError, "[rnn_tanh_cell] expected a defined array",
                functional::rnn_tanh_cell(ones(2, float64), {}, bad));
}

}  // namespace
}  // namespace lamina::nn
