#include "lamina/apps/estate_value/house_model.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lamina/serialization.h"

namespace lamina::apps::estate_value {
namespace {

constexpr int64_t kEmbeddingWidth = 6;
constexpr char kColumnsEntry[] = "model.columns";

Tensor bytes_of(const std::string& text) {
  return tensor(std::vector<uint8_t>(text.begin(), text.end()),
                {static_cast<int64_t>(text.size())});
}

}  // namespace

bool AbslParseFlag(absl::string_view text, Categories* categories, std::string* error) {
  if (text == "onehot") {
    *categories = Categories::kOneHot;
  } else if (text == "embedding") {
    *categories = Categories::kEmbedding;
  } else {
    *error = "expected onehot or embedding";
    return false;
  }
  return true;
}

std::string AbslUnparseFlag(Categories categories) {
  return categories == Categories::kOneHot ? "onehot" : "embedding";
}

HouseNetwork::HouseNetwork(const Encoder& encoder, const HouseModelOptions& options)
    : numbers_(encoder.number_width()),
      places_(encoder.category_count()),
      dropout(this, "dropout", options.dropout) {
  int64_t width = numbers_;
  if (options.categories == Categories::kOneHot || places_ == 0) {
    width += places_;
  } else {
    // A category that is unknown has the place behind the last, which stays 0.
    nn::EmbeddingOptions embedding_options;
    embedding_options.padding_idx = places_;
    embedding = nn::Embedding(places_ + 1, kEmbeddingWidth, embedding_options);
    width += encoder.category_width() * kEmbeddingWidth;
  }
  direct = nn::Linear(width, 1);
  nn::init::zeros_(direct->weight);
  nn::init::zeros_(direct->bias);
  for (const int64_t next : options.hidden) {
    hidden->push_back(nn::Linear(width, next));
    width = next;
  }
  hidden->push_back(nn::Linear(width, 1));
}

Tensor HouseNetwork::forward(const Tensor& x) {
  const Tensor numbers = x.narrow(1, 0, numbers_);
  const Tensor places = x.narrow(1, numbers_, x.size(1) - numbers_).to(int64);
  Tensor categories;
  if (embedding) {
    categories = (*embedding)(places).reshape({x.size(0), -1});
  } else {
    categories = zeros({x.size(0), places_ + 1})
                     .scatter(1, places, ones({x.size(0), places.size(1)}))
                     .narrow(1, 0, places_);
  }
  const Tensor inputs = cat({numbers, categories}, 1);
  Tensor h = inputs;
  int64_t left = hidden->size();
  for (nn::Linear& linear : *hidden) {
    h = linear(h);
    if (--left > 0) h = dropout(nn::functional::silu(h));
  }
  return h + direct(inputs);
}

HouseModel::HouseModel(const Encoder& encoder, const HouseModelOptions& options)
    : columns(this, "columns", bytes_of(encoder.text())) {
  for (int64_t i = 0; i < options.networks; ++i) {
    networks->push_back(HouseNetwork(encoder, options));
  }
}

Tensor HouseModel::forward(const Tensor& x) {
  std::vector<Tensor> outputs;
  for (HouseNetwork& network : *networks) outputs.push_back(network(x));
  return cat(outputs, 1);
}

Tensor HouseModel::answers(const Tensor& x) {
  constexpr int64_t kBatch = 1000;
  const nn::ModeGuard mode(*this);
  eval();
  const NoGradGuard no_grad;
  std::vector<Tensor> parts = {zeros({0}, float64)};
  for (int64_t first = 0; first < x.size(0); first += kBatch) {
    const Tensor batch = x.narrow(0, first, std::min(kBatch, x.size(0) - first));
    parts.push_back((*this)(batch).to(float64).mean(1));
  }
  return cat(parts, 0);
}

absl::StatusOr<Encoder> read_encoder(const std::string& checkpoint) {
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(checkpoint);
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<std::optional<NDArray>> bytes = reader->read(kColumnsEntry);
  if (!bytes.ok()) return bytes.status();
  if (!*bytes || (*bytes)->dtype() != uint8) {
    return absl::FailedPreconditionError(absl::StrCat(
        checkpoint, ": expected the columns of houses as text in '", kColumnsEntry, "'"));
  }
  const std::vector<uint8_t> text = (*bytes)->to_vector<uint8_t>();
  absl::StatusOr<Encoder> encoder = Encoder::parse(std::string(text.begin(), text.end()));
  if (encoder.ok()) return encoder;
  return absl::FailedPreconditionError(
      absl::StrCat(checkpoint, ": ", kColumnsEntry, ": ", encoder.status().message()));
}

Tensor NetworksLoss::forward(const Tensor& outputs, const Tensor& targets) {
  return nn::functional::mse_loss(outputs, targets.expand(outputs.shape()));
}

}  // namespace lamina::apps::estate_value
