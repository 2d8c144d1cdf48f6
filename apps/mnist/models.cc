#include "lamina/apps/mnist/models.h"

#include <utility>

#include "lamina/apps/flags.h"
#include "lamina/apps/mnist/patch_transformer.h"

namespace lamina::apps::mnist {
namespace {

struct Entry {
  ModelKind value;
  const char* name;
  Recipe recipe;
};
constexpr Entry kModels[] = {
    {ModelKind::kLinear, "linear", {20, 0.2, false}},
    {ModelKind::kTwoLayer, "two_layer", {20, 0.3, false}},
    {ModelKind::kMultiLayer, "multi_layer", {20, 0.2, false}},
    {ModelKind::kMlpResnet, "mlp_resnet", {10, 0.01, true}},
    {ModelKind::kCnn, "cnn", {5, 0.01, true}},
    {ModelKind::kPatchTransformer, "patch_transformer", {10, 0.003, true}},
};

const Entry& entry(ModelKind kind) { return kModels[static_cast<int>(kind)]; }

nn::Linear make_linear(int64_t in, int64_t out) {
  nn::LinearOptions options;
  options.bias = false;
  nn::Linear linear(in, out, options);
  nn::init::kaiming_normal_(linear.weight);
  return linear;
}

}  // namespace

TwoLayer::TwoLayer(int64_t hidden)
    : linear1(this, "linear1", make_linear(kPixels, hidden)),
      linear2(this, "linear2", make_linear(hidden, kClasses)) {}

MultiLayer::MultiLayer(const std::vector<int64_t>& hidden) {
  int64_t in = kPixels;
  for (int64_t width : hidden) {
    linears->push_back(make_linear(in, width));
    in = width;
  }
  linears->push_back(make_linear(in, kClasses));
}

Tensor MultiLayer::forward(const Tensor& x) {
  Tensor y = x;
  for (int64_t i = 0; i < linears->size(); ++i) y = (*linears)[i](i == 0 ? y : relu(y));
  return y;
}

nn::Sequential mlp_resnet(int64_t width, int64_t blocks, double dropout) {
  nn::Sequential model{nn::Linear(kPixels, width), nn::ReLU()};
  for (int64_t i = 0; i < blocks; ++i) {
    nn::Residual sum(nn::Sequential{nn::Linear(width, width / 2), nn::BatchNorm1d(width / 2),
                                    nn::ReLU(), nn::Dropout(dropout), nn::Linear(width / 2, width),
                                    nn::BatchNorm1d(width)});
    model.push_back(nn::Sequential{std::move(sum), nn::ReLU()});
  }
  model.push_back(nn::Linear(width, kClasses));
  return model;
}

nn::Sequential cnn(int64_t width) {
  nn::Sequential model{nn::Unflatten(1, {1, kSide, kSide})};
  int64_t in = 1, out = width;
  for (int i = 0; i < 3; ++i) {
    model.push_back(nn::Conv2d(in, out, 3, {.padding = 1, .bias = false}));
    model.push_back(nn::BatchNorm2d(out));
    model.push_back(nn::ReLU());
    if (i < 2) model.push_back(nn::MaxPool2d(2));
    in = out;
    out *= 2;
  }
  model.push_back(nn::Flatten());
  model.push_back(nn::Linear(in * (kSide / 4) * (kSide / 4), kClasses));
  return model;
}

bool AbslParseFlag(absl::string_view text, ModelKind* kind, std::string* error) {
  return parse_choice(text, kModels, kind, error);
}

std::string AbslUnparseFlag(ModelKind kind) { return entry(kind).name; }

const Recipe& recipe_of(ModelKind kind) { return entry(kind).recipe; }

std::unique_ptr<nn::Layer> make_model(ModelKind kind, const ModelSizes& sizes) {
  switch (kind) {
    case ModelKind::kLinear:
      return std::make_unique<nn::Linear>(make_linear(kPixels, kClasses));
    case ModelKind::kTwoLayer:
      return std::make_unique<TwoLayer>();
    case ModelKind::kMlpResnet:
      return std::make_unique<nn::Sequential>(mlp_resnet());
    case ModelKind::kCnn:
      return std::make_unique<nn::Sequential>(cnn(sizes.width));
    case ModelKind::kPatchTransformer:
      return std::make_unique<PatchTransformer>();
    case ModelKind::kMultiLayer:
      break;
  }
  return std::make_unique<MultiLayer>(sizes.hidden);
}

int64_t parameters_by_size(ModelKind kind, const ModelSizes& sizes) {
  int64_t count = 0;
  if (kind == ModelKind::kMultiLayer) {
    int64_t in = kPixels;
    for (const int64_t width : sizes.hidden) {
      count += in * width;
      in = width;
    }
    count += in * kClasses;
  } else if (kind == ModelKind::kCnn) {
    int64_t in = 1, out = sizes.width;
    for (int i = 0; i < 3; ++i) {
      count += 9 * in * out + 2 * out;  // of the convolution, and of batch norm
      in = out;
      out *= 2;
    }
    count += (in * (kSide / 4) * (kSide / 4) + 1) * kClasses;
  }
  return count;
}

}  // namespace lamina::apps::mnist
