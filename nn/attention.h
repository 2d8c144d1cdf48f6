// Attention: scaled_dot_product_attention and MultiheadAttention, and a cache for generating text
// token by token. Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.
#ifndef LAMINA_NN_ATTENTION_H_
#define LAMINA_NN_ATTENTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lamina/nn/child.h"
#include "lamina/nn/layer.h"
#include "lamina/nn/linear.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

struct AttentionOptions {
  // Floating: added to the scores; or bool: true where a query may look. Of a shape that expands to
  // (..., queries, keys).
  Tensor attn_mask = {};
  double dropout_p = 0;                        // of the weights; always, so give 0 outside training
  bool is_causal = false;                      // query i looks at keys 0 to i
  std::optional<double> scale = std::nullopt;  // of the scores; 1 / sqrt(d) by default
};

namespace functional {

// softmax(scale q k^T + mask) v: q (..., queries, d), k (..., keys, d), v (..., keys, e) ->
// (..., queries, e), with batches that broadcast. A query that may look nowhere gives NaN. Throws
// ShapeError, ValueError for a dropout outside [0, 1], DTypeError for a mask of integers.
Tensor scaled_dot_product_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                    const AttentionOptions& options = {});

}  // namespace functional

// The keys and values of what came before, for generation without gradients.
class KeyValueCache {
 public:
  int64_t length() const { return length_; }  // in tokens
  // (batch, heads, length(), d); not before the first append.
  Tensor key() const { return key_.narrow(2, 0, length_); }
  Tensor value() const { return value_.narrow(2, 0, length_); }
  // Puts (batch, heads, tokens, d) behind what is there. Throws ShapeError for another batch, other heads
  // or another d, and then nothing has changed.
  void append(const Tensor& key, const Tensor& value);
  void clear() { length_ = 0; }

 private:
  Tensor key_, value_;  // with room to grow
  int64_t length_ = 0;
};

struct MultiheadAttentionOptions {
  double dropout = 0;  // of the weights, in training
  bool bias = true;
  bool add_bias_kv = false;    // a learned key and value behind the others
  bool add_zero_attn = false;  // a key and value of zeros behind the others
  int64_t kdim = 0;            // features of keys, 0 for embed_dim
  int64_t vdim = 0;            // features of values, 0 for embed_dim
  bool batch_first = true;     // PyTorch's default is false
  DType dtype = float32;
};

// How MultiheadAttention is called. Boolean masks mean what they do in PyTorch's module: true where
// a query must NOT look (in scaled_dot_product_attention, where it may). Floating ones are added.
struct MultiheadAttentionCall {
  Tensor key_padding_mask = {};  // (batch, keys), or (keys) without a batch
  bool need_weights = true;
  Tensor attn_mask = {};  // (queries, keys), (batch heads, queries, keys) or what expands
  bool average_attn_weights = true;
  bool is_causal = false;  // query i looks at keys 0 to i, and all that the cache had before
  KeyValueCache* cache = nullptr;  // gets the keys and values, and is looked at whole
};
struct MultiheadAttentionResult {
  Tensor output;   // as the query
  Tensor weights;  // (batch, queries, keys), (batch, heads, queries, keys), or undefined
  template <class F>
  void for_each_tensor(F f) {
    f(output);
    f(weights);
  }
};

namespace functional {

// The parameters of MultiheadAttention, named as there, and its settings. Those that are undefined by
// default may stay so, but for in_proj_weight or the three that it stands for.
struct MultiheadAttentionWeights {
  int64_t num_heads;
  Tensor in_proj_weight = {};  // (3 embed_dim, embed_dim)
  Tensor q_proj_weight = {}, k_proj_weight = {}, v_proj_weight = {};
  Tensor in_proj_bias = {};         // (3 embed_dim)
  Tensor bias_k = {}, bias_v = {};  // (1, 1, embed_dim)
  Tensor out_proj_weight = {};      // (embed_dim, embed_dim)
  Tensor out_proj_bias = {};        // (embed_dim)
  bool add_zero_attn = false;
  double dropout_p = 0;  // of the attention weights; always, so give 0 outside training
  bool batch_first = true;
};

// What MultiheadAttention computes, with these parameters. Throws as it does, ValueError for heads that
// do not divide embed_dim, and ShapeError for parameters that do not fit.
MultiheadAttentionResult multi_head_attention_forward(const Tensor& query, const Tensor& key,
                                                      const Tensor& value,
                                                      const MultiheadAttentionWeights& weights,
                                                      const MultiheadAttentionCall& call = {});

}  // namespace functional

// Attention in `num_heads` parts of the features, between linear maps.
//
//   nn::MultiheadAttention attention(64, 4);
//   Tensor y = attention(x);                                 // of x (batch, time, 64) to itself
//   auto [output, weights] = attention(q, k, v, {.is_causal = true});
//
// Queries are (batch, queries, embed_dim), keys (batch, keys, kdim), values (batch, keys, vdim); with
// batch_first = false the first two change places; all may be without a batch. Parameters as in
// PyTorch: in_proj_weight (3 embed_dim, embed_dim), or q_proj_weight, k_proj_weight and v_proj_weight
// if kdim or vdim differ; in_proj_bias, bias_k, bias_v, out_proj.
class MultiheadAttention : public Callable<MultiheadAttentionResult(
                               const Tensor& query, const Tensor& key, const Tensor& value,
                               const MultiheadAttentionCall& call)> {
 public:
  // Throws ValueError for sizes below 1, heads that do not divide embed_dim, dropout outside [0, 1].
  MultiheadAttention(int64_t embed_dim, int64_t num_heads,
                     const MultiheadAttentionOptions& options = {});

  // Throws ShapeError for operands and masks that do not fit; DTypeError for a mask of integers;
  // RuntimeError for a cache while gradients are recorded.
  MultiheadAttentionResult forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const MultiheadAttentionCall& call) override;
  using Callable::operator();
  MultiheadAttentionResult operator()(const Tensor& query, const Tensor& key, const Tensor& value) {
    return (*this)(query, key, value, MultiheadAttentionCall());
  }
  // Of x to itself, without the weights.
  Tensor operator()(const Tensor& x, const Tensor& attn_mask = {});
  void reset_parameters();

 private:
  // As PyTorch calls the class that it prints.
  struct OutputProjection : Linear {
    using Linear::Linear;
    std::string name() const override { return "NonDynamicallyQuantizableLinear"; }
  };

  int64_t num_heads_;
  MultiheadAttentionOptions options_;
  std::vector<Parameter> projections_;  // one, or those of q, k and v
  Parameter in_proj_bias_;
  Child<OutputProjection> out_proj_;
  std::vector<Parameter> bias_kv_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_ATTENTION_H_
