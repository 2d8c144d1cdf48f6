// Convolutions, pooling and resampling by name.
#include "lamina/tests/differential/layers.h"

namespace lamina::differential {
namespace {

namespace F = nn::functional;

Dims numbers(const Settings& s, const char* name) {
  Dims all;
  s.read(name, all);
  return all;
}

// A function of one tensor.
template <class Function>
Callee function(const Function& f) {
  return {nullptr, [f](const Arguments<Tensor>& x) { return std::vector<Tensor>{f(x.array(0))}; }};
}
// A function of x, weight, and perhaps a bias.
template <class Options>
Callee convolution(Tensor (*f)(const Tensor&, const Tensor&, const Tensor&, const Options&),
                   const Options& options) {
  return {nullptr, [f, options](const Arguments<Tensor>& x) {
            return std::vector<Tensor>{
                f(x.array(0), x.array(1), x.has(2) ? x.array(2) : Tensor(), options)};
          }};
}
using WithIndices = ValuesIndices<Tensor> (*)(const Tensor&, const Dims&, const MaxPoolOptions&);
Callee with_indices(WithIndices f, const Dims& kernel, const MaxPoolOptions& options) {
  return {nullptr, [f, kernel, options](const Arguments<Tensor>& x) {
            const auto y = f(x.array(0), kernel, options);
            return std::vector<Tensor>{y.values, y.indices};
          }};
}

// ---- Settings

template <class Options>
Options windows(const Settings& s) {
  Options options;
  s.read("stride", options.stride);
  s.read("padding", options.padding);
  s.read("dilation", options.dilation);
  return options;
}
ConvOptions conv_options(const Settings& s) {
  auto options = windows<ConvOptions>(s);
  s.read("groups", options.groups);
  return options;
}
ConvTransposeOptions conv_transpose_options(const Settings& s) {
  auto options = windows<ConvTransposeOptions>(s);
  s.read("groups", options.groups);
  s.read("output_padding", options.output_padding);
  return options;
}
template <class L>
Callee conv_layer(const Settings& s) {
  auto options = windows<nn::Conv2dOptions>(s);
  s.read("groups", options.groups);
  s.read("bias", options.bias);
  s.read("padding_mode", options.padding_mode);
  s.read("dtype", options.dtype);
  return layer(
      L(s.integer("in_channels"), s.integer("out_channels"), numbers(s, "kernel_size"), options));
}
Callee transposed_layer(const Settings& s) {
  auto options = windows<nn::ConvTranspose2dOptions>(s);
  s.read("groups", options.groups);
  s.read("output_padding", options.output_padding);
  s.read("bias", options.bias);
  s.read("dtype", options.dtype);
  auto module = std::make_shared<nn::ConvTranspose2d>(
      s.integer("in_channels"), s.integer("out_channels"), numbers(s, "kernel_size"), options);
  return {module, [module](const Arguments<Tensor>& x) -> std::vector<Tensor> {
            if (x.has(1)) return {module->forward(x.array(0), x.list(1))};
            return {(*module)(x.array(0))};
          }};
}

MaxPoolOptions max_options(const Settings& s) {
  auto options = windows<MaxPoolOptions>(s);
  s.read("ceil_mode", options.ceil_mode);
  return options;
}
AvgPoolOptions avg_options(const Settings& s) {
  AvgPoolOptions options;
  s.read("stride", options.stride);
  s.read("padding", options.padding);
  s.read("ceil_mode", options.ceil_mode);
  s.read("count_include_pad", options.count_include_pad);
  return options;
}
nn::UpsampleOptions upsample_options(const Settings& s) {
  nn::UpsampleOptions options;
  s.read("size", options.size);
  for (const char* name : {"scale_factor", "column_factor"}) {
    double factor = 0;
    s.read(name, factor);
    if (factor != 0) options.scale_factor.push_back(factor);
  }
  s.read("mode", options.mode);
  s.read("align_corners", options.align_corners);
  return options;
}

// A pooling as a module and as a function.
template <class L, class Options>
void add_pool(LayerTable& table, const std::string& name, const std::string& function_name,
              Options (*read)(const Settings&),
              Tensor (*f)(const Tensor&, const Dims&, const Options&)) {
  table[name] = [read](const Settings& s) { return layer(L(numbers(s, "kernel_size"), read(s))); };
  table["F." + function_name] = [read, f](const Settings& s) {
    return function([f, kernel = numbers(s, "kernel_size"), options = read(s)](const Tensor& x) {
      return f(x, kernel, options);
    });
  };
}

}  // namespace

void add_convs(LayerTable& table) {
  table["Conv1d"] = conv_layer<nn::Conv1d>;
  table["Conv2d"] = conv_layer<nn::Conv2d>;
  table["ConvTranspose2d"] = transposed_layer;
  table["F.conv1d"] = [](const Settings& s) {
    return convolution<ConvOptions>(F::conv1d, conv_options(s));
  };
  table["F.conv2d"] = [](const Settings& s) {
    return convolution<ConvOptions>(F::conv2d, conv_options(s));
  };
  table["F.conv_transpose2d"] = [](const Settings& s) {
    return convolution<ConvTransposeOptions>(F::conv_transpose2d, conv_transpose_options(s));
  };

  add_pool<nn::MaxPool1d>(table, "MaxPool1d", "max_pool1d", max_options, F::max_pool1d);
  add_pool<nn::MaxPool2d>(table, "MaxPool2d", "max_pool2d", max_options, F::max_pool2d);
  add_pool<nn::AvgPool1d>(table, "AvgPool1d", "avg_pool1d", avg_options, F::avg_pool1d);
  add_pool<nn::AvgPool2d>(table, "AvgPool2d", "avg_pool2d", avg_options, F::avg_pool2d);
  table["F.max_pool1d_with_indices"] = [](const Settings& s) {
    return with_indices(F::max_pool1d_with_indices, numbers(s, "kernel_size"), max_options(s));
  };
  table["F.max_pool2d_with_indices"] = [](const Settings& s) {
    return with_indices(F::max_pool2d_with_indices, numbers(s, "kernel_size"), max_options(s));
  };

  table["AdaptiveAvgPool2d"] = [](const Settings& s) {
    return layer(nn::AdaptiveAvgPool2d(numbers(s, "output_size")));
  };
  table["F.adaptive_avg_pool2d"] = [](const Settings& s) {
    return function([size = numbers(s, "output_size")](const Tensor& x) {
      return F::adaptive_avg_pool2d(x, size);
    });
  };
  table["Upsample"] = [](const Settings& s) { return layer(nn::Upsample(upsample_options(s))); };
  table["F.interpolate"] = [](const Settings& s) {
    return function(
        [options = upsample_options(s)](const Tensor& x) { return F::interpolate(x, options); });
  };

  table["F.unfold"] = [](const Settings& s) {
    return function([kernel = numbers(s, "kernel_size"), o = windows<UnfoldOptions>(s)](
                        const Tensor& x) { return F::unfold(x, kernel, o); });
  };
  table["F.fold"] = [](const Settings& s) {
    return function(
        [size = numbers(s, "output_size"), kernel = numbers(s, "kernel_size"),
         o = windows<UnfoldOptions>(s)](const Tensor& x) { return F::fold(x, size, kernel, o); });
  };
}

}  // namespace lamina::differential
