#include "lamina/nn/embedding.h"

#include "absl/strings/str_cat.h"
#include "lamina/nn/index_range.h"
#include "lamina/nn/init.h"

namespace lamina::nn {
namespace {

Tensor make_weight(int64_t rows, int64_t dim, DType dtype) {
  if (rows < 0 || dim < 0) {
    fail<ValueError>("Embedding", "expected sizes of at least 0, got ", rows, " and ", dim);
  }
  check_floating("Embedding", dtype);
  return empty({rows, dim}, dtype);
}

Tensor checked_rows(const Tensor& embeddings) {
  check_defined("Embedding", embeddings.data());
  check_floating("Embedding", embeddings.dtype());
  if (embeddings.dim() != 2) {
    fail<ShapeError>("Embedding", "expected embeddings (rows, dim), got shape ",
                     embeddings.shape().str());
  }
  return embeddings.detach();
}

std::optional<int64_t> row_of(const char* name, std::optional<int64_t> padding_idx, int64_t rows) {
  if (!padding_idx) return padding_idx;
  if (*padding_idx < -rows || *padding_idx >= rows) {
    fail<ValueError>(name, "expected a padding_idx among ", rows, " rows, got ", *padding_idx);
  }
  return *padding_idx < 0 ? *padding_idx + rows : *padding_idx;
}

// The rows of `indices` (n), of which `padding` gives no gradient.
struct PaddedRows : Function<PaddedRows> {
  static constexpr const char* kName = "embedding";
  int64_t padding = 0;
  NDArray forward(Context& ctx, const NDArray& weight, const NDArray& indices, int64_t row) {
    padding = row;
    ctx.save_values(indices);
    return index_select(weight, 0, indices);
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    const Tensor indices = ctx.saved(0);
    const Tensor rest = masked_fill(dy, unsqueeze(indices == padding, 1), 0);
    return {index_add(zeros(ctx.input_shape(0), dy.dtype()), 0, indices, rest), Tensor()};
  }
};

}  // namespace

Tensor functional::embedding(const Tensor& indices, const Tensor& weight,
                             std::optional<int64_t> padding_idx) {
  constexpr const char* kName = "embedding";
  const OpScope scope(kName);
  check_defined(kName, indices.data());
  check_defined(kName, weight.data());
  if (weight.dim() != 2) {
    fail<ShapeError>(kName, "expected a weight (rows, dim), got shape ", weight.shape().str());
  }
  const std::optional<int64_t> padding = row_of(kName, padding_idx, weight.size(0));
  if (indices.dtype() != int64) {
    fail<DTypeError>(kName, "expected indices of dtype int64, got ", name_of(indices.dtype()));
  }
  const std::string wrong = internal::first_outside(indices, weight.size(0));
  if (!wrong.empty()) {
    if (weight.size(0) == 0) {
      fail<IndexError>(kName, "expected no indices, for there are no rows, got ", wrong);
    }
    fail<IndexError>(kName, "expected indices from 0 to ", weight.size(0) - 1, ", got ", wrong);
  }
  Shape shape = indices.shape();
  shape.push_back(weight.size(1));
  const Tensor flat = indices.reshape(indices.numel());
  const Tensor rows =
      padding ? PaddedRows::apply(weight, flat.data(), *padding) : index_select(weight, 0, flat);
  return rows.reshape(shape);
}

Embedding::Embedding(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingOptions& options)
    : Embedding(make_weight(num_embeddings, embedding_dim, options.dtype), options.padding_idx) {
  reset_parameters();
}

Embedding::Embedding(const Tensor& rows, std::optional<int64_t> padding_idx)
    : weight(this, "weight", rows), padding_idx_(row_of("Embedding", padding_idx, rows.size(0))) {}

Embedding Embedding::from_pretrained(const Tensor& embeddings, const PretrainedOptions& options) {
  Embedding result(checked_rows(embeddings), options.padding_idx);
  result.weight.requires_grad_(!options.freeze);
  return result;
}

void Embedding::reset_parameters() {
  init::normal_(weight);
  if (padding_idx_) init::zeros_(weight.get().detach().select(0, *padding_idx_));
}

std::string Embedding::extra_repr() const {
  return absl::StrCat(weight.shape()[0], ", ", weight.shape()[1],
                      padding_idx_ ? absl::StrCat(", padding_idx=", *padding_idx_) : "");
}

}  // namespace lamina::nn
