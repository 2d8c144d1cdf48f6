// Parts of transformers by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

nn::RotaryPositionOptions rotary_options(const Settings& s) {
  nn::RotaryPositionOptions options;
  s.read("base", options.base);
  s.read("interleaved", options.interleaved);
  return options;
}

nn::TransformerLayerOptions layer_options(const Settings& s) {
  nn::TransformerLayerOptions options;
  s.read("dim_feedforward", options.dim_feedforward);
  s.read("dropout", options.dropout);
  s.read("activation", options.activation);
  s.read("layer_norm_eps", options.layer_norm_eps);
  s.read("batch_first", options.batch_first);
  s.read("norm_first", options.norm_first);
  s.read("dtype", options.dtype);
  return options;
}

template <class L>
std::shared_ptr<L> make_layer(const Settings& s) {
  return std::make_shared<L>(s.integer("d_model"), s.integer("nhead"), layer_options(s));
}
template <class Stack, class L>
std::shared_ptr<Stack> make_stack(const Settings& s) {
  const int64_t count = s.integer("num_layers");
  bool norm = false;
  s.read("norm", norm);
  if (!norm) return std::make_shared<Stack>(*make_layer<L>(s), count);
  return std::make_shared<Stack>(
      *make_layer<L>(s), count,
      nn::LayerNorm(Dims{s.integer("d_model")}, {.dtype = layer_options(s).dtype}));
}

Tensor or_none(const Arguments<Tensor>& x, size_t i) { return x.has(i) ? x.array(i) : Tensor(); }

// Inputs: src, the mask, src_key_padding_mask, is_causal.
template <class M, class Call>
Callee encoder(std::shared_ptr<M> shared) {
  return {shared, [shared](const Arguments<Tensor>& x) -> std::vector<Tensor> {
            return {(*shared)(x.array(0), Call{or_none(x, 1), or_none(x, 2), x.flag(3), nullptr})};
          }};
}
// Inputs: tgt, memory, their masks, their padding, tgt_is_causal, memory_is_causal.
template <class M>
Callee decoder(std::shared_ptr<M> shared) {
  return {shared, [shared](const Arguments<Tensor>& x) -> std::vector<Tensor> {
            return {(*shared)(x.array(0), x.array(1),
                              {or_none(x, 2), or_none(x, 3), or_none(x, 4), or_none(x, 5),
                               x.flag(6), x.flag(7)})};
          }};
}

}  // namespace

void add_transformers(LayerTable& table) {
  namespace F = nn::functional;
  table["SinusoidalPositionEncoding"] = [](const Settings& s) {
    double base = 10000;
    s.read("base", base);
    return layer(nn::SinusoidalPositionEncoding(base));
  };
  table["F.sinusoidal_position_encoding"] = [](const Settings& s) {
    nn::SinusoidalPositionOptions options;
    s.read("base", options.base);
    s.read("offset", options.offset);
    s.read("dtype", options.dtype);
    return Callee{
        nullptr, [options, length = s.integer("length"),
                  width = s.integer("width")](const Arguments<Tensor>&) {
          return std::vector<Tensor>{F::sinusoidal_position_encoding(length, width, options)};
        }};
  };
  table["RotaryPositionEncoding"] = [](const Settings& s) {
    return layer(nn::RotaryPositionEncoding(rotary_options(s)));
  };
  table["F.rotary_position_encoding"] = [](const Settings& s) {
    int64_t offset = 0;
    s.read("offset", offset);
    return Callee{
        nullptr, [offset, options = rotary_options(s)](const Arguments<Tensor>& x) {
          return std::vector<Tensor>{F::rotary_position_encoding(x.array(0), offset, options)};
        }};
  };
  table["GatedMLP"] = [](const Settings& s) {
    nn::GatedMLPOptions options;
    s.read("activation", options.activation);
    s.read("bias", options.bias);
    s.read("dtype", options.dtype);
    return layer(nn::GatedMLP(s.integer("features"), s.integer("hidden_features"), options));
  };
  table["TransformerEncoderLayer"] = [](const Settings& s) {
    return encoder<nn::TransformerEncoderLayer, nn::TransformerEncoderLayerCall>(
        make_layer<nn::TransformerEncoderLayer>(s));
  };
  table["TransformerEncoder"] = [](const Settings& s) {
    return encoder<nn::TransformerEncoder, nn::TransformerEncoderCall>(
        make_stack<nn::TransformerEncoder, nn::TransformerEncoderLayer>(s));
  };
  table["TransformerDecoderLayer"] = [](const Settings& s) {
    return decoder(make_layer<nn::TransformerDecoderLayer>(s));
  };
  table["TransformerDecoder"] = [](const Settings& s) {
    return decoder(make_stack<nn::TransformerDecoder, nn::TransformerDecoderLayer>(s));
  };
}

}  // namespace lamina::differential
