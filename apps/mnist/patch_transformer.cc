#include "lamina/apps/mnist/patch_transformer.h"

#include "lamina/apps/mnist/models.h"

namespace lamina::apps::mnist {
namespace {

constexpr int64_t kPatchesPerRow = 4;
constexpr int64_t kPatchSide = kSide / kPatchesPerRow;  // pixels
constexpr int64_t kWidth = 64;

// The layers of an encoder start as copies of one: these start each with values of its own.
nn::TransformerEncoder make_encoder() {
  nn::TransformerLayerOptions options;
  options.dim_feedforward = 2 * kWidth;
  options.dropout = 0;
  options.activation = "gelu";
  options.batch_first = true;
  options.norm_first = true;
  nn::TransformerEncoder encoder(nn::TransformerEncoderLayer(kWidth, 4, options), 2,
                                 nn::LayerNorm(Dims{kWidth}));
  for (nn::TransformerEncoderLayer& layer : *encoder.layers) layer.reset_parameters();
  return encoder;
}

}  // namespace

Tensor patches(const Tensor& images) {
  return images.reshape({images.size(0), kPatchesPerRow, kPatchSide, kPatchesPerRow, kPatchSide})
      .transpose(2, 3)
      .reshape({images.size(0), kPatchesPerRow * kPatchesPerRow, kPatchSide * kPatchSide});
}

PatchTransformer::PatchTransformer()
    : embedding(this, "embedding", kPatchSide * kPatchSide, kWidth),
      positions(this, "positions"),
      encoder(this, "encoder", make_encoder()),
      head(this, "head", kPatchesPerRow * kPatchesPerRow * kWidth, kClasses) {}

Tensor PatchTransformer::forward(const Tensor& images) {
  return head(encoder(positions(embedding(patches(images)))).flatten(1));
}

}  // namespace lamina::apps::mnist
