// Attention by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {

void add_attention(LayerTable& table) {
  // Inputs: query, key, value, attn_mask.
  table["F.scaled_dot_product_attention"] = [](const Settings& s) -> Callee {
    nn::AttentionOptions options;
    s.read("is_causal", options.is_causal);
    double scale = 0;  // none
    s.read("scale", scale);
    if (scale != 0) options.scale = scale;
    return {nullptr, [options](const Arguments<Tensor>& x) mutable -> std::vector<Tensor> {
              if (x.has(3)) options.attn_mask = x.array(3);
              return {nn::functional::scaled_dot_product_attention(x.array(0), x.array(1),
                                                                   x.array(2), options)};
            }};
  };
  // Inputs: query, key, value, key_padding_mask, attn_mask, need_weights, average_attn_weights,
  // is_causal.
  table["MultiheadAttention"] = [](const Settings& s) -> Callee {
    nn::MultiheadAttentionOptions options;
    s.read("dropout", options.dropout);
    s.read("bias", options.bias);
    s.read("add_bias_kv", options.add_bias_kv);
    s.read("add_zero_attn", options.add_zero_attn);
    s.read("kdim", options.kdim);
    s.read("vdim", options.vdim);
    s.read("batch_first", options.batch_first);
    s.read("dtype", options.dtype);
    auto shared = std::make_shared<nn::MultiheadAttention>(s.integer("embed_dim"),
                                                           s.integer("num_heads"), options);
    return {shared, [shared](const Arguments<Tensor>& x) -> std::vector<Tensor> {
              nn::MultiheadAttentionCall call;
              if (x.has(3)) call.key_padding_mask = x.array(3);
              if (x.has(4)) call.attn_mask = x.array(4);
              call.need_weights = x.flag(5);
              call.average_attn_weights = x.flag(6);
              call.is_causal = x.flag(7);
              const nn::MultiheadAttentionResult r =
                  (*shared)(x.array(0), x.array(1), x.array(2), call);
              return {r.output, r.weights};
            }};
  };
}

}  // namespace lamina::differential
