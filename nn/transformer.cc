#include "lamina/nn/transformer.h"

#include "lamina/nn/clone.h"

namespace lamina::nn {
namespace {

TransformerLayerOptions checked(const char* name, int64_t d_model, int64_t nhead,
                                const TransformerLayerOptions& options) {
  if (d_model < 1 || nhead < 1 || d_model % nhead != 0) {
    fail<ValueError>(name, "expected heads that divide d_model, both at least 1, got d_model ",
                     d_model, " and nhead ", nhead);
  }
  if (options.dim_feedforward < 1) {
    fail<ValueError>(name, "expected a dim_feedforward of at least 1, got ",
                     options.dim_feedforward);
  }
  internal::check_probability(name, "dropout", options.dropout);
  if (options.activation != "relu" && options.activation != "gelu") {
    fail<ValueError>(name, "expected the activation to be relu or gelu, got \"", options.activation,
                     "\"");
  }
  if (!(options.layer_norm_eps >= 0)) {
    fail<ValueError>(name, "expected a layer_norm_eps of at least 0, got ", options.layer_norm_eps);
  }
  check_floating(name, options.dtype);
  return options;
}

MultiheadAttentionOptions attention_options(const TransformerLayerOptions& options) {
  return {.dropout = options.dropout, .batch_first = options.batch_first, .dtype = options.dtype};
}
LayerNormOptions norm_options(const TransformerLayerOptions& options) {
  return {.eps = options.layer_norm_eps, .dtype = options.dtype};
}

void check_sequence(const char* name, const char* what, const Tensor& x, const Linear& linear1,
                    bool batch_first) {
  check_defined(name, x.data());
  const int64_t d_model = linear1.weight.shape()[1];
  if ((x.dim() == 2 || x.dim() == 3) && x.size(-1) == d_model) return;
  fail<ShapeError>(name, "expected ", what, batch_first ? " (batch, time, " : " (time, batch, ",
                   d_model, ") or (time, ", d_model, "), got shape ", x.shape().str());
}

// x + part(norm(x)), or norm(x + part(x)).
template <class Part>
Tensor added(const Tensor& x, bool norm_first, const Child<LayerNorm>& norm, const Part& part) {
  return norm_first ? x + part(norm(x)) : norm(x + part(x));
}

// The two linear maps of either layer.
template <class TheLayer>
Tensor feed_forward(const TheLayer& layer, const std::string& activation, const Tensor& x) {
  const Tensor hidden = layer.linear1(x);
  return layer.linear2(layer.dropout(activation == "gelu" ? gelu(hidden) : relu(hidden)));
}

template <class TheLayer>
void add_copies(const char* name, ModuleList<TheLayer>& list, const TheLayer& layer,
                int64_t num_layers) {
  if (num_layers < 1) {
    fail<ValueError>(name, "expected num_layers of at least 1, got ", num_layers);
  }
  for (int64_t i = 0; i < num_layers; ++i) list.push_back(clone(layer));
}

}  // namespace

// ---- Encoder

TransformerEncoderLayer::TransformerEncoderLayer(int64_t d_model, int64_t nhead,
                                                 const TransformerLayerOptions& options)
    : self_attn(this, "self_attn", d_model, nhead,
                attention_options(checked("TransformerEncoderLayer", d_model, nhead, options))),
      linear1(this, "linear1", d_model, options.dim_feedforward,
              LinearOptions{.dtype = options.dtype}),
      dropout(this, "dropout", options.dropout),
      linear2(this, "linear2", options.dim_feedforward, d_model,
              LinearOptions{.dtype = options.dtype}),
      norm1(this, "norm1", Dims{d_model}, norm_options(options)),
      norm2(this, "norm2", Dims{d_model}, norm_options(options)),
      dropout1(this, "dropout1", options.dropout),
      dropout2(this, "dropout2", options.dropout),
      options_(options) {}

Tensor TransformerEncoderLayer::forward(const Tensor& src,
                                        const TransformerEncoderLayerCall& call) {
  check_sequence("TransformerEncoderLayer", "src", src, *linear1, options_.batch_first);
  const auto attention = [&](const Tensor& x) {
    return dropout1(self_attn(x, x, x,
                              MultiheadAttentionCall{.key_padding_mask = call.src_key_padding_mask,
                                                     .need_weights = false,
                                                     .attn_mask = call.src_mask,
                                                     .is_causal = call.is_causal,
                                                     .cache = call.cache})
                        .output);
  };
  const auto linear_maps = [&](const Tensor& x) {
    return dropout2(feed_forward(*this, options_.activation, x));
  };
  const Tensor x = added(src, options_.norm_first, norm1, attention);
  return added(x, options_.norm_first, norm2, linear_maps);
}

void TransformerEncoderLayer::reset_parameters() {
  self_attn->reset_parameters();
  linear1->reset_parameters();
  linear2->reset_parameters();
  norm1->reset_parameters();
  norm2->reset_parameters();
}

TransformerEncoder::TransformerEncoder(const TransformerEncoderLayer& layer, int64_t num_layers) {
  add_copies("TransformerEncoder", *layers, layer, num_layers);
}

Tensor TransformerEncoder::forward(const Tensor& src, const TransformerEncoderCall& call) {
  if (call.caches != nullptr) {
    const auto count = static_cast<size_t>(layers->size());
    if (call.caches->empty()) call.caches->resize(count);
    if (call.caches->size() != count) {
      fail<ValueError>("TransformerEncoder", "expected ", count, " caches, one per layer, got ",
                       call.caches->size());
    }
    for (const KeyValueCache& cache : *call.caches) {
      if (cache.length() == call.caches->front().length()) continue;
      fail<ValueError>("TransformerEncoder", "expected caches of one length, got ",
                       call.caches->front().length(), " and ", cache.length());
    }
  }
  Tensor x = src;
  for (int64_t i = 0; i < layers->size(); ++i) {
    KeyValueCache* cache = call.caches ? &(*call.caches)[static_cast<size_t>(i)] : nullptr;
    x = (*layers)[i](x, {call.mask, call.src_key_padding_mask, call.is_causal, cache});
  }
  return norm ? (*norm)(x) : x;
}

// ---- Decoder

TransformerDecoderLayer::TransformerDecoderLayer(int64_t d_model, int64_t nhead,
                                                 const TransformerLayerOptions& options)
    : self_attn(this, "self_attn", d_model, nhead,
                attention_options(checked("TransformerDecoderLayer", d_model, nhead, options))),
      multihead_attn(this, "multihead_attn", d_model, nhead, attention_options(options)),
      linear1(this, "linear1", d_model, options.dim_feedforward,
              LinearOptions{.dtype = options.dtype}),
      dropout(this, "dropout", options.dropout),
      linear2(this, "linear2", options.dim_feedforward, d_model,
              LinearOptions{.dtype = options.dtype}),
      norm1(this, "norm1", Dims{d_model}, norm_options(options)),
      norm2(this, "norm2", Dims{d_model}, norm_options(options)),
      norm3(this, "norm3", Dims{d_model}, norm_options(options)),
      dropout1(this, "dropout1", options.dropout),
      dropout2(this, "dropout2", options.dropout),
      dropout3(this, "dropout3", options.dropout),
      options_(options) {}

Tensor TransformerDecoderLayer::forward(const Tensor& tgt, const Tensor& memory,
                                        const TransformerDecoderCall& call) {
  constexpr const char* kName = "TransformerDecoderLayer";
  check_sequence(kName, "tgt", tgt, *linear1, options_.batch_first);
  check_sequence(kName, "memory", memory, *linear1, options_.batch_first);
  const auto to_itself = [&](const Tensor& x) {
    return dropout1(self_attn(x, x, x,
                              MultiheadAttentionCall{.key_padding_mask = call.tgt_key_padding_mask,
                                                     .need_weights = false,
                                                     .attn_mask = call.tgt_mask,
                                                     .is_causal = call.tgt_is_causal})
                        .output);
  };
  const auto to_memory = [&](const Tensor& x) {
    return dropout2(
        multihead_attn(x, memory, memory,
                       MultiheadAttentionCall{.key_padding_mask = call.memory_key_padding_mask,
                                              .need_weights = false,
                                              .attn_mask = call.memory_mask,
                                              .is_causal = call.memory_is_causal})
            .output);
  };
  const auto linear_maps = [&](const Tensor& x) {
    return dropout3(feed_forward(*this, options_.activation, x));
  };
  Tensor x = added(tgt, options_.norm_first, norm1, to_itself);
  x = added(x, options_.norm_first, norm2, to_memory);
  return added(x, options_.norm_first, norm3, linear_maps);
}

void TransformerDecoderLayer::reset_parameters() {
  self_attn->reset_parameters();
  multihead_attn->reset_parameters();
  linear1->reset_parameters();
  linear2->reset_parameters();
  norm1->reset_parameters();
  norm2->reset_parameters();
  norm3->reset_parameters();
}

TransformerDecoder::TransformerDecoder(const TransformerDecoderLayer& layer, int64_t num_layers) {
  add_copies("TransformerDecoder", *layers, layer, num_layers);
}

Tensor TransformerDecoder::forward(const Tensor& tgt, const Tensor& memory,
                                   const TransformerDecoderCall& call) {
  Tensor x = tgt;
  for (TransformerDecoderLayer& layer : *layers) x = layer(x, memory, call);
  return norm ? (*norm)(x) : x;
}

}  // namespace lamina::nn
