#include "lamina/apps/mnist/models.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lamina/apps/mnist/patch_transformer.h"

namespace lamina::apps::mnist {
namespace {

struct Entry {
  Kind kind;
  const char* name;
  Recipe recipe;
};
constexpr Entry kModels[] = {
    {Kind::kLinear, "linear", {20, 0.2, false}},
    {Kind::kTwoLayer, "two_layer", {20, 0.3, false}},
    {Kind::kMultiLayer, "multi_layer", {20, 0.2, false}},
    {Kind::kMlpResnet, "mlp_resnet", {10, 0.01, true}},
    {Kind::kCnn, "cnn", {5, 0.01, true}},
    {Kind::kPatchTransformer, "patch_transformer", {10, 0.003, true}},
};

const Entry& entry(Kind kind) { return kModels[static_cast<int>(kind)]; }

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
  nn::Sequential model{nn::Unflatten(1, {1, 28, 28})};
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
  model.push_back(nn::Linear(in * 7 * 7, kClasses));
  return model;
}

bool AbslParseFlag(absl::string_view text, Kind* kind, std::string* error) {
  for (const Entry& model : kModels) {
    if (text == model.name) {
      *kind = model.kind;
      return true;
    }
  }
  const auto name = [](std::string* out, const Entry& model) { out->append(model.name); };
  *error = absl::StrCat("expected one of ", absl::StrJoin(kModels, ", ", name));
  return false;
}

std::string AbslUnparseFlag(Kind kind) { return entry(kind).name; }

const Recipe& recipe_of(Kind kind) { return entry(kind).recipe; }

std::unique_ptr<nn::Layer> make_model(Kind kind, const ModelSizes& sizes) {
  switch (kind) {
    case Kind::kLinear:
      return std::make_unique<nn::Linear>(make_linear(kPixels, kClasses));
    case Kind::kTwoLayer:
      return std::make_unique<TwoLayer>();
    case Kind::kMlpResnet:
      return std::make_unique<nn::Sequential>(mlp_resnet());
    case Kind::kCnn:
      return std::make_unique<nn::Sequential>(cnn(sizes.width));
    case Kind::kPatchTransformer:
      return std::make_unique<PatchTransformer>();
    case Kind::kMultiLayer:
      break;
  }
  return std::make_unique<MultiLayer>(sizes.hidden);
}

}  // namespace lamina::apps::mnist
