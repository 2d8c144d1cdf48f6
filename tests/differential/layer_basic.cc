// Simple layers by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

UnfoldOptions windows(const Settings& s) {
  UnfoldOptions options;
  s.read("dilation", options.dilation);
  s.read("padding", options.padding);
  s.read("stride", options.stride);
  return options;
}
Dims numbers(const Settings& s, const char* name) {
  Dims all;
  s.read(name, all);
  return all;
}
double probability(const Settings& s) {
  double p = 0.5;
  s.read("p", p);
  return p;
}
nn::LinearOptions linear_options(const Settings& s) {
  nn::LinearOptions options;
  s.read("bias", options.bias);
  s.read("dtype", options.dtype);
  return options;
}
nn::EmbeddingOptions embedding_options(const Settings& s) {
  nn::EmbeddingOptions options;
  int64_t row = -1000;
  s.read("padding_idx", row);
  if (row != -1000) options.padding_idx = row;
  s.read("dtype", options.dtype);
  return options;
}

}  // namespace

void add_basic(LayerTable& table) {
  namespace F = nn::functional;
  table["Identity"] = [](const Settings&) { return layer(nn::Identity()); };
  table["Flatten"] = [](const Settings& s) {
    nn::FlattenOptions o;
    s.read("start_dim", o.start_dim);
    s.read("end_dim", o.end_dim);
    return layer(nn::Flatten(o));
  };
  table["Unflatten"] = [](const Settings& s) {
    return layer(nn::Unflatten(s.integer("dim"), numbers(s, "unflattened_size")));
  };
  table["PixelShuffle"] = [](const Settings& s) {
    return layer(nn::PixelShuffle(s.integer("upscale_factor")));
  };
  table["F.pixel_shuffle"] = [](const Settings& s) {
    return Callee{nullptr, [r = s.integer("upscale_factor")](const Arguments<Tensor>& x) {
                    return std::vector<Tensor>{F::pixel_shuffle(x.array(0), r)};
                  }};
  };
  table["ZeroPad2d"] = [](const Settings& s) {
    return layer(nn::ZeroPad2d(numbers(s, "padding")));
  };
  table["ReflectionPad2d"] = [](const Settings& s) {
    return layer(nn::ReflectionPad2d(numbers(s, "padding")));
  };
  table["Unfold"] = [](const Settings& s) {
    return layer(nn::Unfold(numbers(s, "kernel_size"), windows(s)));
  };
  table["Fold"] = [](const Settings& s) {
    return layer(nn::Fold(numbers(s, "output_size"), numbers(s, "kernel_size"), windows(s)));
  };
  table["Dropout"] = [](const Settings& s) { return layer(nn::Dropout(probability(s))); };
  table["Dropout2d"] = [](const Settings& s) { return layer(nn::Dropout2d(probability(s))); };
  table["Embedding"] = [](const Settings& s) {
    return layer(nn::Embedding(s.integer("num_embeddings"), s.integer("embedding_dim"),
                               embedding_options(s)));
  };
  table["F.embedding"] = [](const Settings& s) {
    return Callee{nullptr, [row = embedding_options(s).padding_idx](const Arguments<Tensor>& x) {
                    return std::vector<Tensor>{F::embedding(x.array(0), x.array(1), row)};
                  }};
  };
  table["Linear"] = [](const Settings& s) {
    return layer(
        nn::Linear(s.integer("in_features"), s.integer("out_features"), linear_options(s)));
  };
  table["F.linear"] = [](const Settings&) {
    return Callee{nullptr, [](const Arguments<Tensor>& x) {
                    return std::vector<Tensor>{
                        linear(x.array(0), x.array(1), x.has(2) ? x.array(2) : Tensor())};
                  }};
  };
  table["Residual"] = [](const Settings& s) {  // around a Linear
    const int64_t features = s.integer("features");
    return layer(nn::Residual(nn::Linear(features, features, linear_options(s))));
  };
  table["Bilinear"] = [](const Settings& s) {
    nn::BilinearOptions o;
    s.read("bias", o.bias);
    s.read("dtype", o.dtype);
    return layer<2>(nn::Bilinear(s.integer("in1_features"), s.integer("in2_features"),
                                 s.integer("out_features"), o));
  };
  table["F.bilinear"] = [](const Settings&) {
    return Callee{nullptr, [](const Arguments<Tensor>& x) {
                    return std::vector<Tensor>{F::bilinear(x.array(0), x.array(1), x.array(2),
                                                           x.has(3) ? x.array(3) : Tensor())};
                  }};
  };
}

}  // namespace lamina::differential
