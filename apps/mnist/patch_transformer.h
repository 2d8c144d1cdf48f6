// PatchTransformer: a small vision transformer, 4 x 4 patches of an image in, logits out.
#ifndef LAMINA_APPS_MNIST_PATCH_TRANSFORMER_H_
#define LAMINA_APPS_MNIST_PATCH_TRANSFORMER_H_

#include "lamina/nn.h"

namespace lamina::apps::mnist {

// (n, 784), images of 28 x 28 pixels row by row -> (n, 16, 49), their 7 x 7 patches row by row.
Tensor patches(const Tensor& images);

// A transformer to which the patches of an image are the words of a sentence: images (n, 784) ->
// logits (n, 10). Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021; here all
// words together decide.
class PatchTransformer : public nn::Layer {
 public:
  PatchTransformer();
  Tensor forward(const Tensor& images) override;

 private:
  nn::Child<nn::Linear> embedding;
  nn::Child<nn::SinusoidalPositionEncoding> positions;
  nn::Child<nn::TransformerEncoder> encoder;
  nn::Child<nn::Linear> head;
};

}  // namespace lamina::apps::mnist

#endif  // LAMINA_APPS_MNIST_PATCH_TRANSFORMER_H_
