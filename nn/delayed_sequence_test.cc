// That an LSTM can be trained to remember: it gives bits back three steps later.
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn.h"

namespace lamina::nn {
namespace {

constexpr int64_t kTime = 16, kDelay = 3;

Tensor random_bits(int64_t sequences) { return gt(rand({kTime, sequences, 1}), 0.5).to(float32); }

// One logit per step, from the step on that has something to give back.
Tensor logits_of(LSTM& lstm, Linear& head, const Tensor& bits) {
  return head(lstm(bits).output).slice(0, kDelay, kTime);
}

TEST(DelayedSequence, IsLearntByAnLstm) {
  manual_seed(1);
  LSTM lstm(1, 32);
  Linear head(32, 1);
  std::vector<Tensor> parameters = lstm.parameters();
  for (const Tensor& parameter : head.parameters()) parameters.push_back(parameter);
  optim::Adam adam(parameters, {.lr = 0.01});
  BCEWithLogitsLoss loss;
  const auto wrong = [&](const Tensor& bits) {
    const NoGradGuard no_grad;
    const Tensor answers = gt(logits_of(lstm, head, bits), 0).to(float32);
    return (answers - bits.slice(0, 0, kTime - kDelay)).abs().mean().item<float>();
  };
  const Tensor unseen = random_bits(500);
  EXPECT_GT(wrong(unseen), 0.4);  // guessing
  for (int step = 0; step < 400; ++step) {
    const Tensor bits = random_bits(32);
    adam.zero_grad();
    loss(logits_of(lstm, head, bits), bits.slice(0, 0, kTime - kDelay)).backward();
    adam.step();
  }
  EXPECT_LT(wrong(unseen), 0.01);
}

}  // namespace
}  // namespace lamina::nn
