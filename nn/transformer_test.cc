#include "lamina/nn/transformer.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/clone.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

// Values, gradients, state keys and the printed text are compared with PyTorch's in
// //tests/differential:golden_layers_test.

using ::testing::ElementsAre;

TransformerLayerOptions small(bool norm_first = false, double dropout = 0) {
  return {.dim_feedforward = 5,
          .dropout = dropout,
          .activation = "gelu",
          .batch_first = true,
          .norm_first = norm_first,
          .dtype = float64};
}

Tensor numbers(const Shape& shape, uint64_t seed) {
  Generator generator(seed);
  return Tensor(random::normal(shape, 0, 1, float64, generator));
}

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

void set(const Parameter& parameter, double value) { parameter.get().detach().fill_(value); }

// With weights 0 attention gives its last bias, 3, and the linear maps theirs, 7, for any x.
TransformerEncoderLayer constant(bool norm_first) {
  TransformerEncoderLayer layer(2, 1, small(norm_first));
  layer.apply<MultiheadAttention>([](MultiheadAttention& attention) {
    for (const Tensor& parameter : attention.parameters()) parameter.detach().fill_(0);
    attention.get_parameter("out_proj.bias").detach().fill_(3);
  });
  set(layer.linear2->weight, 0);
  set(layer.linear2->bias, 7);
  return layer;
}

TEST(TransformerEncoderLayer, AddsItsPartsAndNormalisesAfterOrBefore) {
  const Tensor x = tensor({1.0, 5.0}, {1, 1, 2});
  EXPECT_THAT(constant(true)(x).to_vector<double>(), ElementsAre(11, 15));
  // (-2, 2) / sqrt(4 + 1e-5), and once more, of variance 4 / 4.00001.
  const double once = 2 / std::sqrt(4 + 1e-5), twice = once / std::sqrt(once * once + 1e-5);
  const std::vector<double> y = constant(false)(x).to_vector<double>();
  EXPECT_NEAR(y[0], -twice, 1e-12);
  EXPECT_NEAR(y[1], twice, 1e-12);
}

TEST(TransformerEncoderLayer, HasDerivatives) {
  for (const bool norm_first : {false, true}) {
    TransformerEncoderLayer layer(4, 2, small(norm_first));
    const TensorFunction f = [&](absl::Span<const Tensor> x) {
      return layer(x[0], {.is_causal = true});
    };
    const std::vector<Tensor> inputs{numbers({1, 2, 4}, 1).requires_grad_()};
    EXPECT_TRUE(gradcheck(f, inputs).passed) << gradcheck(f, inputs).message;
    EXPECT_TRUE(gradgradcheck(f, inputs).passed) << gradgradcheck(f, inputs).message;
  }
}

TEST(TransformerDecoderLayer, HasDerivatives) {
  TransformerDecoderLayer layer(4, 2, small());
  const TensorFunction f = [&](absl::Span<const Tensor> x) { return layer(x[0], x[1]); };
  const std::vector<Tensor> inputs{numbers({1, 2, 4}, 1).requires_grad_(),
                                   numbers({1, 3, 4}, 2).requires_grad_()};
  EXPECT_TRUE(gradcheck(f, inputs).passed) << gradcheck(f, inputs).message;
}

TEST(TransformerEncoder, LooksAtNothingLaterIfCausalAndAtNoPadding) {
  TransformerEncoder encoder(TransformerEncoderLayer(4, 2, small()), 2);
  const Tensor x = numbers({2, 5, 4}, 3);
  const Tensor other = x.clone();
  other.narrow(1, 3, 2).copy_(numbers({2, 2, 4}, 4));
  const auto of_first = [](const Tensor& y) { return y.narrow(1, 0, 3); };
  EXPECT_EQ(largest_difference(of_first(encoder(x, {.is_causal = true})),
                               of_first(encoder(other, {.is_causal = true}))),
            0);
  const Tensor padding = tensor({0, 0, 0, 1, 1, 0, 0, 0, 1, 1}, {2, 5}).to(bool_);
  EXPECT_LT(largest_difference(of_first(encoder(x, {.src_key_padding_mask = padding})),
                               of_first(encoder(other, {.src_key_padding_mask = padding}))),
            1e-14);
  EXPECT_GT(largest_difference(of_first(encoder(x)), of_first(encoder(other))), 1e-3);
}

TEST(TransformerEncoder, WithCachesGivesTokenByTokenWhatTheWholeSequenceGives) {
  const NoGradGuard no_grad;
  for (const bool norm_first : {false, true}) {
    TransformerEncoder encoder(TransformerEncoderLayer(4, 2, small(norm_first)), 3,
                               LayerNorm(Dims{4}, {.dtype = float64}));
    const Tensor x = numbers({2, 9, 4}, 5);
    const Tensor whole = encoder(x, {.is_causal = true});
    std::vector<KeyValueCache> caches;
    int64_t at = 0;
    for (const int64_t tokens : {3, 1, 4, 1}) {
      const Tensor y = encoder(x.narrow(1, at, tokens), {.is_causal = true, .caches = &caches});
      EXPECT_LT(largest_difference(y, whole.narrow(1, at, tokens)), 1e-13) << at;
      at += tokens;
    }
    ASSERT_EQ(caches.size(), 3u);
    EXPECT_EQ(caches[2].length(), 9);
    caches[1].clear();
    EXPECT_THROWS(ValueError, "[TransformerEncoder] expected caches of one length, got 9 and 0",
                  encoder(x, {.caches = &caches}));
    caches.pop_back();
    EXPECT_THROWS(ValueError, "[TransformerEncoder] expected 3 caches, one per layer, got 2",
                  encoder(x, {.caches = &caches}));
  }
}

TEST(TransformerEncoder, StartsWithCopiesOfTheLayer) {
  const TransformerEncoderLayer layer(4, 2, small());
  TransformerEncoder encoder(layer, 2);
  const Tensor first = (*encoder.layers)[0].linear1->weight,
               second = encoder.get_parameter("layers.1.linear1.weight");
  EXPECT_EQ(first.to_vector<double>(), layer.linear1->weight.to_vector<double>());
  EXPECT_EQ(second.to_vector<double>(), first.to_vector<double>());
  first.detach().fill_(0);
  EXPECT_NE(second.to_vector<double>(), first.to_vector<double>());
  EXPECT_NE(layer.linear1->weight.to_vector<double>(), first.to_vector<double>());
}

TEST(TransformerEncoder, CanBeClonedWithItsNorm) {
  TransformerEncoder encoder(TransformerEncoderLayer(4, 2, small()), 2,
                             RMSNorm(Dims{4}, {.dtype = float64}));
  TransformerEncoder copy = clone(encoder);
  const Tensor x = numbers({1, 3, 4}, 6);
  EXPECT_EQ(copy(x).to_vector<double>(), encoder(x).to_vector<double>());
  copy.get_parameter("norm.weight").detach().fill_(0);
  EXPECT_EQ(copy(x).abs().max().item<double>(), 0);
  EXPECT_GT(encoder(x).abs().max().item<double>(), 0.1);
  EXPECT_EQ(TransformerEncoder(TransformerEncoderLayer(4, 2, small()), 1).children().size(), 1u);
}

TEST(TransformerDecoder, OfOneMemoryTokenGivesTheSameForAnyMask) {
  TransformerDecoder decoder(TransformerDecoderLayer(4, 2, small()), 2);
  const Tensor x = numbers({2, 3, 4}, 7), memory = numbers({2, 1, 4}, 8);
  const Tensor shifted = decoder(x, memory, {.memory_mask = tensor({5.0})});
  EXPECT_LT(largest_difference(shifted, decoder(x, memory)), 1e-14);
  // But what the memory is does matter.
  EXPECT_GT(largest_difference(decoder(x, memory * 2), decoder(x, memory)), 1e-3);
}

TEST(TransformerLayers, DropInTrainingOnly) {
  TransformerEncoderLayer layer(4, 2, small(false, 0.5));
  TransformerDecoderLayer decoder(4, 2, small(false, 0.5));
  const Tensor x = numbers({2, 3, 4}, 9);
  EXPECT_GT(largest_difference(layer(x), layer(x)), 0);
  EXPECT_GT(largest_difference(decoder(x, x), decoder(x, x)), 0);
  layer.eval();
  decoder.eval();
  EXPECT_EQ(largest_difference(layer(x), layer(x)), 0);
  EXPECT_EQ(largest_difference(decoder(x, x), decoder(x, x)), 0);
}

TEST(TransformerLayers, DrawNewValuesForAllWeights) {
  TransformerEncoderLayer encoder(4, 2, small());
  TransformerDecoderLayer decoder(4, 2, small());
  const TransformerEncoderLayer encoder_before = clone(encoder);
  const TransformerDecoderLayer decoder_before = clone(decoder);
  set(encoder.norm2->weight, 2);
  set(decoder.norm3->weight, 2);
  encoder.reset_parameters();
  decoder.reset_parameters();
  EXPECT_THAT(encoder.norm2->weight.to_vector<double>(), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(decoder.norm3->weight.to_vector<double>(), ElementsAre(1, 1, 1, 1));
  const auto expect_new = [](const Module& module, const Module& before) {
    for (const auto& [name, value] : module.named_parameters()) {
      if (value.dim() < 2) continue;  // most of them start at 0 or 1
      EXPECT_NE(value.to_vector<double>(), before.get_parameter(name).to_vector<double>()) << name;
    }
  };
  expect_new(encoder, encoder_before);
  expect_new(decoder, decoder_before);
}

TEST(TransformerLayers, RefuseWhatDoesNotFit) {
  EXPECT_THROWS(ValueError,
                "[TransformerEncoderLayer] expected heads that divide d_model, both at least 1, "
                "got d_model 6 and nhead 4",
                TransformerEncoderLayer(6, 4));
  EXPECT_THROWS(ValueError, "[TransformerDecoderLayer] expected heads that divide d_model",
                TransformerDecoderLayer(6, 0));
  EXPECT_THROWS(ValueError,
                "[TransformerEncoderLayer] expected a dim_feedforward of at least 1, got 0",
                TransformerEncoderLayer(4, 2, {.dim_feedforward = 0}));
  EXPECT_THROWS(ValueError, "[TransformerEncoderLayer] expected dropout in [0, 1], got 1.5",
                TransformerEncoderLayer(4, 2, {.dropout = 1.5}));
  EXPECT_THROWS(ValueError,
                "[TransformerDecoderLayer] expected the activation to be relu or gelu, got "
                "\"tanh\"",
                TransformerDecoderLayer(4, 2, {.activation = "tanh"}));
  EXPECT_THROWS(ValueError,
                "[TransformerEncoderLayer] expected a layer_norm_eps of at least 0, got -1",
                TransformerEncoderLayer(4, 2, {.layer_norm_eps = -1}));
  EXPECT_THROWS(ValueError, "[TransformerDecoderLayer] expected a layer_norm_eps of at least 0",
                TransformerDecoderLayer(4, 2, {.layer_norm_eps = NAN}));
  EXPECT_THROWS(DTypeError, "[TransformerDecoderLayer] expected a floating dtype, got int64",
                TransformerDecoderLayer(4, 2, {.dtype = int64}));
  TransformerEncoderLayer layer(4, 2, small());
  TransformerDecoderLayer decoder(4, 2, {.dim_feedforward = 3});
  EXPECT_THROWS(ShapeError,
                "[TransformerEncoderLayer] expected src (batch, time, 4) or (time, 4), got shape "
                "(2, 3, 5)",
                layer(ones({2, 3, 5})));
  EXPECT_THROWS(ShapeError,
                "[TransformerDecoderLayer] expected memory (time, batch, 4) or (time, 4), got "
                "shape (4,)",
                decoder(ones({2, 3, 4}), ones(4)));
  EXPECT_THROWS(ShapeError, "[MultiheadAttention] expected one batch",
                decoder(ones({2, 3, 4}), ones({2, 2, 4})));
  EXPECT_THROWS(ValueError, "[TransformerEncoder] expected num_layers of at least 1, got 0",
                TransformerEncoder(layer, 0));
  EXPECT_THROWS(ValueError, "[TransformerDecoder] expected num_layers of at least 1, got -1",
                TransformerDecoder(decoder, -1));
}

}  // namespace
}  // namespace lamina::nn
