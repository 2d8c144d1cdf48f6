// The encoder and the decoder of the transformer, as in PyTorch. Source: Vaswani et al., "Attention
// is all you need", NeurIPS 2017; norm_first: Xiong et al., "On layer normalization in the
// transformer architecture", ICML 2020.
//
//   nn::TransformerEncoderLayer layer(64, 4, {.dim_feedforward = 256, .batch_first = true});
//   nn::TransformerEncoder encoder(layer, 2, nn::LayerNorm(Dims{64}));
//   Tensor y = encoder(x, {.is_causal = true});  // x (batch, time, 64)
//
// Sequences are (time, batch, d_model), with batch_first (batch, time, d_model), or without a batch
// (time, d_model); outputs are as the inputs. Masks are those of MultiheadAttention: a bool mask is
// true where a query must not look, a floating one is added to the scores. What padding tokens
// themselves come out as is of no meaning.
#ifndef LAMINA_NN_TRANSFORMER_H_
#define LAMINA_NN_TRANSFORMER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/nn/attention.h"
#include "lamina/nn/child.h"
#include "lamina/nn/dropout.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/module_list.h"
#include "lamina/nn/norm.h"

namespace lamina::nn {

struct TransformerLayerOptions {
  int64_t dim_feedforward = 2048;
  double dropout = 0.1;             // of each part's result and of attention weights, in training
  std::string activation = "relu";  // or "gelu"
  double layer_norm_eps = 1e-5;
  bool batch_first = false;
  bool norm_first = false;  // x + part(norm(x)) instead of norm(x + part(x))
  DType dtype = float32;
};

// ---- Encoder

struct TransformerEncoderLayerCall {
  Tensor src_mask = {};              // (time, time), or (batch nhead, time, time)
  Tensor src_key_padding_mask = {};  // (batch, time), or (time) without a batch
  bool is_causal = false;            // no token looks at later ones
  // For generation under NoGradGuard: src is what follows the tokens that it has, and looks at them
  // too; masks then count them among the keys.
  KeyValueCache* cache = nullptr;
};
struct TransformerEncoderCall {
  Tensor mask = {};  // as src_mask above, for every layer
  Tensor src_key_padding_mask = {};
  bool is_causal = false;
  std::vector<KeyValueCache>* caches = nullptr;  // one per layer; empty before the first call
};

// Self-attention and two linear maps, each added to what comes in.
class TransformerEncoderLayer
    : public Callable<Tensor(const Tensor& src, const TransformerEncoderLayerCall& call)> {
 public:
  // Throws ValueError for sizes below 1, heads that do not divide d_model, dropout outside [0, 1],
  // an unknown activation and a negative layer_norm_eps.
  TransformerEncoderLayer(int64_t d_model, int64_t nhead,
                          const TransformerLayerOptions& options = {});

  // Throws ShapeError for operands and masks that do not fit.
  Tensor forward(const Tensor& src, const TransformerEncoderLayerCall& call) override;
  using Callable::operator();
  Tensor operator()(const Tensor& src) { return (*this)(src, TransformerEncoderLayerCall()); }
  void reset_parameters();  // draws new starting values

  Child<MultiheadAttention> self_attn;
  Child<Linear> linear1;
  Child<Dropout> dropout;
  Child<Linear> linear2;
  Child<LayerNorm> norm1, norm2;
  Child<Dropout> dropout1, dropout2;

 private:
  TransformerLayerOptions options_;
};

// Layers one after the other, then a norm if there is one.
class TransformerEncoder
    : public Callable<Tensor(const Tensor& src, const TransformerEncoderCall& call)> {
 public:
  // All layers start as copies of `layer`, with its values. Throws ValueError for num_layers below 1.
  TransformerEncoder(const TransformerEncoderLayer& layer, int64_t num_layers);
  // Moves in the norm, a Layer of any kind.
  template <class Norm, class = std::enable_if_t<std::is_base_of_v<Layer, Norm>>>
  TransformerEncoder(const TransformerEncoderLayer& layer, int64_t num_layers, Norm&& last)
      : TransformerEncoder(layer, num_layers) {
    norm.emplace(this, "norm", std::forward<Norm>(last));
  }

  Tensor forward(const Tensor& src, const TransformerEncoderCall& call) override;
  using Callable::operator();
  Tensor operator()(const Tensor& src) { return (*this)(src, TransformerEncoderCall()); }

  Child<ModuleList<TransformerEncoderLayer>> layers{this, "layers"};
  std::optional<Child<Layer>> norm;  // if it was made with one: assign to *norm, never reset()
};

// ---- Decoder

struct TransformerDecoderCall {
  Tensor tgt_mask = {};                 // (time, time), or (batch nhead, time, time)
  Tensor memory_mask = {};              // (time, source time), likewise
  Tensor tgt_key_padding_mask = {};     // (batch, time), or (time) without a batch
  Tensor memory_key_padding_mask = {};  // (batch, source time), likewise
  bool tgt_is_causal = false;           // token i of tgt looks at tokens 0 to i
  bool memory_is_causal = false;        // and at tokens 0 to i of memory
};

// As an encoder layer; between its two parts comes attention to `memory`, the encoder's result.
class TransformerDecoderLayer : public Callable<Tensor(const Tensor& tgt, const Tensor& memory,
                                                       const TransformerDecoderCall& call)> {
 public:
  // Throws as TransformerEncoderLayer.
  TransformerDecoderLayer(int64_t d_model, int64_t nhead,
                          const TransformerLayerOptions& options = {});

  // tgt and memory have one batch. Throws ShapeError for operands and masks that do not fit.
  Tensor forward(const Tensor& tgt, const Tensor& memory,
                 const TransformerDecoderCall& call) override;
  using Callable::operator();
  Tensor operator()(const Tensor& tgt, const Tensor& memory) {
    return (*this)(tgt, memory, TransformerDecoderCall());
  }
  void reset_parameters();  // draws new starting values

  Child<MultiheadAttention> self_attn, multihead_attn;
  Child<Linear> linear1;
  Child<Dropout> dropout;
  Child<Linear> linear2;
  Child<LayerNorm> norm1, norm2, norm3;
  Child<Dropout> dropout1, dropout2, dropout3;

 private:
  TransformerLayerOptions options_;
};

// Layers one after the other, each with the same memory, then a norm if there is one.
class TransformerDecoder : public Callable<Tensor(const Tensor& tgt, const Tensor& memory,
                                                  const TransformerDecoderCall& call)> {
 public:
  // As TransformerEncoder.
  TransformerDecoder(const TransformerDecoderLayer& layer, int64_t num_layers);
  template <class Norm, class = std::enable_if_t<std::is_base_of_v<Layer, Norm>>>
  TransformerDecoder(const TransformerDecoderLayer& layer, int64_t num_layers, Norm&& last)
      : TransformerDecoder(layer, num_layers) {
    norm.emplace(this, "norm", std::forward<Norm>(last));
  }

  Tensor forward(const Tensor& tgt, const Tensor& memory,
                 const TransformerDecoderCall& call) override;
  using Callable::operator();
  Tensor operator()(const Tensor& tgt, const Tensor& memory) {
    return (*this)(tgt, memory, TransformerDecoderCall());
  }

  Child<ModuleList<TransformerDecoderLayer>> layers{this, "layers"};
  std::optional<Child<Layer>> norm;  // if it was made with one: assign to *norm, never reset()
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_TRANSFORMER_H_
