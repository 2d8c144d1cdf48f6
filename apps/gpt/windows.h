// Windows: pieces of a text to learn from, each with the character that follows each of its characters.
#ifndef LAMINA_APPS_GPT_WINDOWS_H_
#define LAMINA_APPS_GPT_WINDOWS_H_

#include <cstdint>

#include "lamina/nn.h"

namespace lamina::apps::gpt {

// Sample i is x = ids[i stride], ..., ids[i stride + block - 1], and y = what follows each of these, as
// views. With a stride of `block` each character is predicted once, but those at the end that fill no block.
class Windows : public nn::data::Dataset {
 public:
  // int64 ids (n). Throws ShapeError unless they are more than `block`.
  Windows(Tensor ids, int64_t block, int64_t stride);
  int64_t size() const override { return (ids_.size(0) - 1 - block_) / stride_ + 1; }
  nn::data::Sample get(int64_t index) const override;

 private:
  const Tensor ids_;
  const int64_t block_, stride_;
};

// The mean loss, in nats, of a model that predicts each of the ids (n) but the first, at least two of
// them: block by block, so that each is predicted from those before it in its block. In eval mode.
double mean_loss(nn::Layer& model, const Tensor& ids, int64_t block);

}  // namespace lamina::apps::gpt

#endif  // LAMINA_APPS_GPT_WINDOWS_H_
