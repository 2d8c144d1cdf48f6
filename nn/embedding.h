#ifndef LAMINA_NN_EMBEDDING_H_
#define LAMINA_NN_EMBEDDING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "lamina/nn/layer.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

struct EmbeddingOptions {
  // A row that starts at 0 and gets no gradient; counted from the end if negative.
  std::optional<int64_t> padding_idx = std::nullopt;
  DType dtype = float32;
};
struct PretrainedOptions {
  bool freeze = true;  // whether the rows are not trained
  std::optional<int64_t> padding_idx = std::nullopt;
};

namespace functional {

// The rows of weight (rows, dim) that int64 indices of any shape name: (...) -> (..., dim). Row
// padding_idx gets no gradient. Throws IndexError with the position of an index out of range.
Tensor embedding(const Tensor& indices, const Tensor& weight,
                 std::optional<int64_t> padding_idx = std::nullopt);

}  // namespace functional

// functional::embedding of a table whose rows start normal, with mean 0 and variance 1.
class Embedding : public Layer {
 public:
  // Throws ValueError for negative sizes and a padding_idx that is no row.
  Embedding(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingOptions& options = {});
  // On the values of `embeddings` (rows, dim), which it shares.
  static Embedding from_pretrained(const Tensor& embeddings, const PretrainedOptions& options = {});

  std::string extra_repr() const override;
  Tensor forward(const Tensor& indices) override {
    return functional::embedding(indices, weight, padding_idx_);
  }
  void reset_parameters();  // draws new starting values

  Parameter weight;  // (num_embeddings, embedding_dim)

 private:
  Embedding(const Tensor& weight, std::optional<int64_t> padding_idx);

  std::optional<int64_t> padding_idx_;  // counted from 0
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_EMBEDDING_H_
