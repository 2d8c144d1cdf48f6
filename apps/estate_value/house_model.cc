#include "lamina/apps/estate_value/house_model.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lamina/apps/flags.h"
#include "lamina/apps/predict_in_batches.h"
#include "lamina/apps/trained_model.h"
#include "lamina/serialization.h"

namespace lamina::apps::estate_value {
namespace {

constexpr Choice<Categories> kCategories[] = {{Categories::kOneHot, "onehot"},
                                              {Categories::kEmbedding, "embedding"}};

constexpr int64_t kEmbeddingWidth = 6;
constexpr char kColumns[] = "columns";

bool has_embedding(const Encoder& encoder, const HouseModelOptions& options) {
  return options.categories == Categories::kEmbedding && encoder.category_count() > 0;
}

// How many numbers a network makes of a house for its layers.
int64_t input_width(const Encoder& encoder, const HouseModelOptions& options) {
  return encoder.number_width() + (has_embedding(encoder, options)
                                       ? encoder.category_width() * kEmbeddingWidth
                                       : encoder.category_count());
}

Tensor bytes_of(const std::string& text) {
  return tensor(std::vector<uint8_t>(text.begin(), text.end()),
                {static_cast<int64_t>(text.size())});
}

}  // namespace

bool AbslParseFlag(absl::string_view text, Categories* categories, std::string* error) {
  return parse_choice(text, kCategories, categories, error);
}

std::string AbslUnparseFlag(Categories categories) {
  return name_of_choice(kCategories, categories);
}

HouseNetwork::HouseNetwork(const Encoder& encoder, const HouseModelOptions& options)
    : numbers_(encoder.number_width()),
      places_(encoder.category_count()),
      dropout(this, "dropout", options.dropout) {
  if (has_embedding(encoder, options)) {
    // A category that is unknown has the place behind the last, which stays 0.
    nn::EmbeddingOptions embedding_options;
    embedding_options.padding_idx = places_;
    embedding = nn::Embedding(places_ + 1, kEmbeddingWidth, embedding_options);
  }
  int64_t width = input_width(encoder, options);
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
    : columns(this, kColumns, bytes_of(encoder.text())) {
  for (int64_t i = 0; i < options.networks; ++i) {
    networks->push_back(HouseNetwork(encoder, options));
  }
}

Tensor HouseModel::forward(const Tensor& x) {
  std::vector<Tensor> outputs;
  for (HouseNetwork& network : *networks) outputs.push_back(network(x));
  return cat(outputs, 1);
}

Tensor HouseModel::predictions(const Tensor& x) {
  if (x.size(0) == 0) return zeros({0}, float64);
  return predict_in_batches(*this, x).to(float64).mean(1);
}

int64_t parameters_by_size(const Encoder& encoder, const HouseModelOptions& options) {
  int64_t width = input_width(encoder, options);
  int64_t count = width + 1;  // of the layer from the inputs to the output
  for (const int64_t next : options.hidden) {
    count += (width + 1) * next;
    width = next;
  }
  count += width + 1;
  if (has_embedding(encoder, options)) count += (encoder.category_count() + 1) * kEmbeddingWidth;
  return count * options.networks;
}

absl::StatusOr<Encoder> read_encoder(const std::string& checkpoint) {
  const std::string entry = absl::StrCat(kModelPart, ".", kColumns);
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(checkpoint);
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<std::optional<NDArray>> bytes = reader->read(entry);
  if (!bytes.ok()) return bytes.status();
  if (!*bytes || (*bytes)->dtype() != uint8) {
    return absl::FailedPreconditionError(
        absl::StrCat(checkpoint, ": expected the columns of houses as text in '", entry, "'"));
  }
  const std::vector<uint8_t> text = (*bytes)->to_vector<uint8_t>();
  absl::StatusOr<Encoder> encoder = Encoder::parse(std::string(text.begin(), text.end()));
  if (encoder.ok()) return encoder;
  return absl::FailedPreconditionError(
      absl::StrCat(checkpoint, ": ", entry, ": ", encoder.status().message()));
}

Tensor NetworksLoss::forward(const Tensor& outputs, const Tensor& targets) {
  return nn::functional::mse_loss(outputs, targets.expand(outputs.shape()));
}

}  // namespace lamina::apps::estate_value
