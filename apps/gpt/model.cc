#include "lamina/apps/gpt/model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"

namespace lamina::apps::gpt {
namespace {

GptOptions checked(const GptOptions& options) {
  const auto at_least_one = [](const char* what, int64_t value) {
    if (value < 1) fail<ValueError>("Gpt", "expected ", what, " of at least 1, got ", value);
  };
  at_least_one("a vocabulary", options.vocabulary);
  at_least_one("layers", options.layers);
  at_least_one("a block", options.block);
  return options;  // the rest is checked by the layers
}

nn::TransformerEncoder encoder(const GptOptions& options) {
  nn::TransformerLayerOptions layer;
  layer.dim_feedforward = 4 * options.width;
  layer.dropout = options.dropout;
  layer.activation = "gelu";
  layer.batch_first = true;
  layer.norm_first = true;
  return nn::TransformerEncoder(nn::TransformerEncoderLayer(options.width, options.heads, layer),
                                options.layers, nn::LayerNorm(Dims{options.width}));
}

}  // namespace

Gpt::Gpt(const GptOptions& options)
    : token_embedding(this, "token_embedding", checked(options).vocabulary, options.width),
      position_embedding(this, "position_embedding", options.block, options.width),
      dropout(this, "dropout", options.dropout),
      blocks(this, "blocks", encoder(options)),
      head(this, "head", options.width, options.vocabulary, nn::LinearOptions{.bias = false}),
      options_(options) {
  reset_parameters();
}

void Gpt::reset_parameters() {
  constexpr double kStd = 0.02;
  for (const auto& [name, parameter] : named_parameters()) {
    const bool writes_to_sum =
        absl::EndsWith(name, "out_proj.weight") || absl::EndsWith(name, "linear2.weight");
    if (parameter.dim() > 1) {
      nn::init::normal_(
          parameter, 0,
          writes_to_sum ? kStd / std::sqrt(2 * static_cast<double>(options_.layers)) : kStd);
    } else if (absl::EndsWith(name, "bias")) {
      nn::init::zeros_(parameter);
    }  // the norms' weights are 1
  }
}

Tensor Gpt::forward(const Tensor& ids) { return logits(ids, 0, nullptr); }

Tensor Gpt::forward_cached(const Tensor& ids, Cache* cache) {
  return logits(ids, cache->empty() ? 0 : cache->front().length(), cache);
}

Tensor Gpt::logits(const Tensor& ids, int64_t before, Cache* cache) {
  if (ids.dim() != 2 || before + ids.size(1) > options_.block) {
    fail<ShapeError>("Gpt", "expected ids (batch, time) with time up to ", options_.block - before,
                     ", got ", ids.shape().str());
  }
  const Tensor positions = arange(before, before + ids.size(1));
  const Tensor x = dropout(token_embedding(ids) + position_embedding(positions));
  return head(blocks(x, {.is_causal = true, .caches = cache}));
}

int64_t parameters_by_size(const GptOptions& options) {
  const int64_t width = options.width;
  const int64_t attention = 4 * width * (width + 1), maps = 8 * width * width + 5 * width,
                norms = 4 * width;
  return (2 * options.vocabulary + options.block) * width +
         options.layers * (attention + maps + norms) + 2 * width;
}

Tensor Continuation::append(absl::Span<const int64_t> ids) {
  if (ids.empty()) fail<ValueError>("Continuation", "expected at least one token, got none");
  const nn::ModeGuard mode(model_);
  model_.eval();
  const NoGradGuard no_grad;
  const auto block = static_cast<size_t>(model_.options().block);
  std::vector<int64_t> window = window_;
  window.insert(window.end(), ids.begin(), ids.end());
  const bool moves = window.size() > block;
  if (moves) {
    window.erase(window.begin(),
                 window.end() - static_cast<ptrdiff_t>(std::max<size_t>(1, block / 2)));
  }

  const auto row = [](absl::Span<const int64_t> tokens) {
    return tensor(std::vector<int64_t>(tokens.begin(), tokens.end()),
                  {1, static_cast<int64_t>(tokens.size())});
  };
  Tensor logits;
  if (!is_cached_) {
    logits = model_(row(window));
  } else if (moves) {
    Gpt::Cache cache;
    logits = model_.forward_cached(row(window), &cache);
    cache_ = std::move(cache);
  } else {
    logits = model_.forward_cached(row(ids), &cache_);
  }
  window_ = std::move(window);
  return logits.select(0, 0).select(0, logits.size(1) - 1);
}

}  // namespace lamina::apps::gpt
