#include "lamina/nn/attention.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn/clone.h"
#include "lamina/nn/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using test::expect_sums;
using test::wave;

// Values, gradients and the printed text of MultiheadAttention are compared with PyTorch's in
// //tests/differential:golden_layers_test.

Tensor numbers(const Shape& shape, uint64_t seed) {
  Generator generator(seed);
  return Tensor(random::normal(shape, 0, 1, float64, generator));
}

// Written out: for one query after the other.
std::vector<double> naive_attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale,
                                    const std::vector<double>& mask) {
  const int64_t n = q.size(0), m = k.size(0), d = q.size(1), e = v.size(1);
  std::vector<double> out;
  for (int64_t i = 0; i < n; ++i) {
    std::vector<double> p;
    double total = 0;
    for (int64_t j = 0; j < m; ++j) {
      double score = mask[static_cast<size_t>(i * m + j)];
      for (int64_t c = 0; c < d; ++c) score += scale * q.at<double>({i, c}) * k.at<double>({j, c});
      p.push_back(std::exp(score));
      total += p.back();
    }
    for (int64_t c = 0; c < e; ++c) {
      double sum = 0;
      for (int64_t j = 0; j < m; ++j) sum += p[static_cast<size_t>(j)] * v.at<double>({j, c});
      out.push_back(sum / total);
    }
  }
  return out;
}

void expect_near(const Tensor& got, const std::vector<double>& wanted) {
  const std::vector<double> values = got.to_vector<double>();
  ASSERT_EQ(values.size(), wanted.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], wanted[i], 1e-12) << i;
}

TEST(ScaledDotProductAttention, IsWhatTheFormulaSays) {
  const Tensor q = numbers({2, 3}, 1), k = numbers({4, 3}, 2), v = numbers({4, 5}, 3);
  const double scale = 1 / std::sqrt(3.0), never = -1e300;
  expect_near(functional::scaled_dot_product_attention(q, k, v),
              naive_attention(q, k, v, scale, std::vector<double>(8, 0)));
  expect_near(functional::scaled_dot_product_attention(q, k, v, {.scale = 0.25}),
              naive_attention(q, k, v, 0.25, std::vector<double>(8, 0)));
  expect_near(functional::scaled_dot_product_attention(q, k, v, {.is_causal = true}),
              naive_attention(q, k, v, scale, {0, never, never, never, 0, 0, never, never}));
  // A boolean mask says where a query may look; another one is added.
  const Tensor may = tensor({true, false, true, true, false, false, true, false}, {2, 4});
  expect_near(functional::scaled_dot_product_attention(q, k, v, {.attn_mask = may}),
              naive_attention(q, k, v, scale, {0, never, 0, 0, never, never, 0, never}));
  const Tensor bias = numbers({4}, 4);
  const std::vector<double> b = bias.to_vector<double>();
  expect_near(functional::scaled_dot_product_attention(q, k, v, {.attn_mask = bias}),
              naive_attention(q, k, v, scale, {b[0], b[1], b[2], b[3], b[0], b[1], b[2], b[3]}));
}

TEST(ScaledDotProductAttention, HasFirstAndSecondDerivatives) {
  const std::vector<Tensor> inputs{numbers({2, 3}, 1).requires_grad_(),
                                   numbers({2, 3}, 2).requires_grad_(),
                                   numbers({2, 2}, 3).requires_grad_()};
  const TensorFunction f = [](absl::Span<const Tensor> x) {
    return functional::scaled_dot_product_attention(x[0], x[1], x[2], {.is_causal = true});
  };
  EXPECT_TRUE(gradcheck(f, inputs).passed) << gradcheck(f, inputs).message;
  EXPECT_TRUE(gradgradcheck(f, inputs).passed) << gradgradcheck(f, inputs).message;
}

// Mean 0, so the variance is the mean of the squares; `spread`: the variance of a square over the
// square of the variance.
void expect_variance(const Tensor& x, double variance, double spread) {
  double sum = 0, squares = 0;
  for (const double v : x.to_vector<double>()) {
    sum += v;
    squares += v * v;
  }
  const auto n = static_cast<double>(x.numel());
  EXPECT_LT(std::abs(sum / n), 5 * std::sqrt(variance / n));
  EXPECT_NEAR(squares / n, variance, 5 * variance * std::sqrt(spread / n));
}
void expect_uniform(const Tensor& x, double bound) {
  EXPECT_LE(x.abs().max().item<double>(), bound);
  expect_variance(x, bound * bound / 3, 0.8);
}

// As torch.nn.MultiheadAttention: xavier_uniform_ of the projections, sqrt(6 / (fan_in + fan_out)),
// xavier_normal_ of bias_k and bias_v (1, 1, embed_dim), whose fans are both embed_dim, the output's
// weight as in Linear, other biases 0.
TEST(MultiheadAttention, StartsAsPyTorchs) {
  manual_seed(1);
  MultiheadAttention attention(256, 2, {.add_bias_kv = true, .dtype = float64});
  MultiheadAttention other(256, 2, {.kdim = 512, .vdim = 1024, .dtype = float64});
  for (int draw = 0; draw < 2; ++draw) {
    const auto at = [&](const char* name) { return attention.state_dict().at(name); };
    expect_uniform(at("in_proj_weight"), std::sqrt(6. / (256 + 768)));
    expect_uniform(at("out_proj.weight"), 1. / 16);
    for (const char* bias : {"in_proj_bias", "out_proj.bias"}) {
      EXPECT_EQ(at(bias).abs().max().item<double>(), 0) << bias;
    }
    for (const char* bias : {"bias_k", "bias_v"}) expect_variance(at(bias), 1. / 256, 2);
    attention.reset_parameters();
    expect_uniform(other.state_dict().at("q_proj_weight"), std::sqrt(6. / (256 + 256)));
    expect_uniform(other.state_dict().at("k_proj_weight"), std::sqrt(6. / (256 + 512)));
    expect_uniform(other.state_dict().at("v_proj_weight"), std::sqrt(6. / (256 + 1024)));
    other.reset_parameters();
  }
}

void expect_first_derivatives(const TensorFunction& f, const std::vector<Tensor>& inputs) {
  const GradcheckReport report = gradcheck(f, inputs);
  EXPECT_TRUE(report.passed) << report.message;
}

TEST(Attention, HasAGradientForAMaskThatIsAdded) {
  const Tensor q = numbers({2, 3}, 1), k = numbers({4, 3}, 2), v = numbers({4, 2}, 3);
  expect_first_derivatives(
      [&](absl::Span<const Tensor> mask) {
        return functional::scaled_dot_product_attention(q, k, v, {.attn_mask = mask[0]});
      },
      {numbers({2, 4}, 4).requires_grad_()});
  MultiheadAttention attention(4, 2, {.dtype = float64});
  const Tensor x = numbers({2, 3, 4}, 5);
  expect_first_derivatives(
      [&](absl::Span<const Tensor> masks) {
        return attention(x, x, x, {.key_padding_mask = masks[0], .attn_mask = masks[1]}).output;
      },
      {numbers({2, 3}, 6).requires_grad_(), numbers({3, 3}, 7).requires_grad_()});
}

TEST(MultiheadAttention, AddsAFloatingKeyPaddingMaskForEveryHeadAndQuery) {
  MultiheadAttention attention(6, 2, {.dtype = float64});
  const Tensor x = numbers({2, 3, 6}, 1), padding = numbers({2, 3}, 2);
  // (batch heads, queries, keys): the padding of a sample in each of its heads and queries.
  const Tensor written_out = padding.view({2, 1, 1, 3}).expand({2, 2, 3, 3}).reshape({4, 3, 3});
  const MultiheadAttentionResult with_padding = attention(x, x, x, {.key_padding_mask = padding}),
                                 with_mask = attention(x, x, x, {.attn_mask = written_out}),
                                 without = attention(x, x, x);
  EXPECT_LT((with_padding.output - with_mask.output).abs().max().item<double>(), 1e-12);
  EXPECT_LT((with_padding.weights - with_mask.weights).abs().max().item<double>(), 1e-12);
  EXPECT_GT((with_padding.weights - without.weights).abs().max().item<double>(), 1e-2);
}

TEST(MultiheadAttention, OfOneOperandIsSelfAttentionInOneProduct) {
  MultiheadAttention attention(6, 2);
  const Tensor x = randn({2, 5, 6});
  const Tensor y = attention(x);
  const Tensor other = attention(x, x.clone(), x.clone()).output;  // three products
  EXPECT_LT((y - other).abs().max().item<float>(), 1e-6f);
  // True blocks, as in PyTorch's module.
  const Tensor later = triu(ones({5, 5}), 1).to(bool_);
  EXPECT_LT((attention(x, later) - attention(x, x, x, {.is_causal = true}).output)
                .abs()
                .max()
                .item<float>(),
            1e-6f);
}

TEST(MultiheadAttention, WithACacheGivesTokenByTokenWhatTheWholeSequenceGives) {
  const NoGradGuard no_grad;
  MultiheadAttention attention(6, 2);
  const Tensor x = randn({2, 40, 6});
  const Tensor whole = attention(x, x, x, {.is_causal = true}).output;
  KeyValueCache cache;
  int64_t at = 0;
  for (const int64_t tokens : {3, 1, 1, 20, 1, 14}) {
    const Tensor part = x.narrow(1, at, tokens);
    const Tensor y = attention(part, part, part, {.is_causal = true, .cache = &cache}).output;
    EXPECT_LT((y - whole.narrow(1, at, tokens)).abs().max().item<float>(), 1e-5f) << at;
    at += tokens;
    EXPECT_EQ(cache.length(), at);
  }
  cache.clear();
  const Tensor part = x.narrow(1, 0, 2);
  const Tensor y = attention(part, part, part, {.is_causal = true, .cache = &cache}).output;
  EXPECT_LT((y - whole.narrow(1, 0, 2)).abs().max().item<float>(), 1e-5f);
  const Tensor one = x.narrow(0, 0, 1).narrow(1, 0, 1);
  EXPECT_THROWS(ShapeError, "[KeyValueCache] expected keys and values of one batch",
                attention(one, one, one, {.cache = &cache}));
  const int64_t length = cache.length();
  const Tensor short_mask = zeros({1, 1}, bool_);  // of the new tokens alone
  EXPECT_THROWS(ShapeError, "expected a key_padding_mask of shape (1, 3), got (1, 1)",
                attention(one, one, one, {.key_padding_mask = short_mask, .cache = &cache}));
  EXPECT_EQ(cache.length(), length);  // as before
}

TEST(MultiheadAttention, DropsWeightsInTrainingOnly) {
  MultiheadAttention attention(4, 1, {.dropout = 0.5});
  const Tensor x = randn({1, 6, 4});
  EXPECT_NE(attention(x).to_vector<float>(), attention(x).to_vector<float>());
  attention.eval();
  EXPECT_EQ(attention(x).to_vector<float>(), attention(x).to_vector<float>());
  MultiheadAttention copy = clone(attention);
  EXPECT_EQ(copy(x).to_vector<float>(), attention(x).to_vector<float>());
}

TEST(MultiheadAttention, RefusesWhatDoesNotFit) {
  EXPECT_THROWS(ValueError,
                "[MultiheadAttention] expected heads that divide embed_dim, both at least 1, got "
                "embed_dim 6 and num_heads 4",
                MultiheadAttention(6, 4));
  EXPECT_THROWS(ValueError, "got embed_dim 6 and num_heads 0", MultiheadAttention(6, 0));
  EXPECT_THROWS(ValueError, "got embed_dim -6 and num_heads 2", MultiheadAttention(-6, 2));
  EXPECT_THROWS(ValueError, "got embed_dim 6 and num_heads -2", MultiheadAttention(6, -2));
  EXPECT_THROWS(ValueError,
                "[MultiheadAttention] expected kdim and vdim of at least 0, got -3 and 0",
                MultiheadAttention(6, 2, {.kdim = -3}));
  EXPECT_THROWS(ValueError, "of at least 0, got 0 and -1", MultiheadAttention(6, 2, {.vdim = -1}));
  EXPECT_THROWS(ValueError, "expected dropout in [0, 1], got -0.1",
                MultiheadAttention(6, 2, {.dropout = -0.1}));
  MultiheadAttention attention(6, 2);
  const Tensor x = ones({2, 5, 6});
  EXPECT_THROWS(ShapeError,
                "expected query (batch, time, 6), key (..., 6) and value (..., 6), all with or all "
                "without a batch, got (2, 5, 4), (2, 5, 4) and (2, 5, 4)",
                attention(ones({2, 5, 4})));
  EXPECT_THROWS(ShapeError, "expected one batch, and as many values as keys",
                attention(x, x, ones({2, 4, 6})));
  EXPECT_THROWS(ShapeError, "expected an attn_mask that expands to (2, 2, 5, 5), got (4, 4)",
                attention(x, ones({4, 4})));
  EXPECT_THROWS(ShapeError, "expected a key_padding_mask of shape (2, 5), got (5, 2)",
                attention(x, x, x, {.key_padding_mask = ones({5, 2})}));
  EXPECT_THROWS(DTypeError, "[MultiheadAttention] expected a bool or floating mask, got int64",
                attention(x, zeros({5, 5}, int64)));
  EXPECT_THROWS(DTypeError, "[MultiheadAttention] expected a bool or floating mask, got uint8",
                attention(x, x, x, {.key_padding_mask = zeros({2, 5}, uint8)}));
  EXPECT_THROWS(
      DTypeError, "[scaled_dot_product_attention] expected a bool or floating mask, got int64",
      functional::scaled_dot_product_attention(x, x, x, {.attn_mask = zeros({5, 5}, int64)}));
  KeyValueCache cache;
  EXPECT_THROWS(RuntimeError,
                "[MultiheadAttention] expected a call with a cache to record no gradients: use it "
                "under NoGradGuard",
                attention(x, x, x, {.cache = &cache}));
  EXPECT_THROWS(RuntimeError, "NoGradGuard",  // before anything is looked at or computed
                attention(Tensor(), Tensor(), Tensor(), {.cache = &cache}));
  EXPECT_THROWS(
      ShapeError,
      "[scaled_dot_product_attention] expected query (..., queries, d), key (..., keys, d) "
      "and value (..., keys, e), got (2, 3), (4, 2) and (4, 5)",
      functional::scaled_dot_product_attention(ones({2, 3}), ones({4, 2}), ones({4, 5})));
}

TEST(MultiHeadAttentionForward, GivesWhatPyTorchGives) {
  // torch.nn.functional.multi_head_attention_forward of PyTorch 1.13 on the same waves.
  functional::MultiheadAttentionWeights weights = {.num_heads = 2};
  weights.in_proj_bias = wave({12}, 3);
  weights.out_proj_weight = wave({4, 4}, 1);
  weights.out_proj_bias = wave({4}, 2);
  functional::MultiheadAttentionWeights three = weights;
  three.q_proj_weight = wave({4, 4}, 4);
  three.k_proj_weight = wave({4, 6}, 5);
  three.v_proj_weight = wave({4, 3}, 6);
  three.bias_k = wave({1, 1, 4}, 7);
  three.bias_v = wave({1, 1, 4}, 8);
  three.add_zero_attn = true;
  const Tensor q = wave({2, 3, 4}, 0.5);
  const MultiheadAttentionResult cross = functional::multi_head_attention_forward(
      q, wave({2, 5, 6}, 0.25), wave({2, 5, 3}, 0.75), three);
  expect_sums(cross.output, {2, 3, 4}, -7.98446136229, 0.17512199545);
  expect_sums(cross.weights, {2, 3, 7}, 6, 1.47263250803);
  weights.in_proj_weight = wave({12, 4}, 9);
  const MultiheadAttentionResult self =
      functional::multi_head_attention_forward(q, q, q, weights, {.is_causal = true});
  expect_sums(self.output, {2, 3, 4}, -8.82608255793, 1.9287939077);
  expect_sums(self.weights, {2, 3, 3}, 6, 0.550962158034);
}

TEST(MultiHeadAttentionForward, RefusesParametersThatDoNotFit) {
  const Tensor x = ones({2, 3, 4}, float64);
  functional::MultiheadAttentionWeights weights = {.num_heads = 3};
  const auto call = [&] { return functional::multi_head_attention_forward(x, x, x, weights); };
  EXPECT_THROWS(RuntimeError, "[multi_head_attention_forward] expected a defined array", call());
  weights.out_proj_weight = ones({4, 4}, float64);
  EXPECT_THROWS(ValueError, "got embed_dim 4 and num_heads 3", call());
  weights.num_heads = 2;
  EXPECT_THROWS(ShapeError, "expected q_proj_weight (4, 4), got none", call());
  weights.in_proj_weight = ones({4, 4}, float64);
  EXPECT_THROWS(ShapeError, "expected in_proj_weight (12, 4), got (4, 4)", call());
  weights.in_proj_weight = ones({12, 4}, float64);
  weights.bias_k = ones({1, 1, 4}, float64);
  EXPECT_THROWS(ShapeError, "expected bias_v (1, 1, 4), got none", call());
}

}  // namespace
}  // namespace lamina::nn
