// Gpt: a transformer that tells, after each token of a text, how likely each token is to come next.
// Source: Radford et al., "Language models are unsupervised multitask learners", 2019 (GPT-2).
// Unlike there, the head is a matrix of its own, not the token embedding's, and GELU is computed by
// erf, not by tanh.
//
//   Gpt model({.vocabulary = 75, .block = 64});
//   Tensor logits = model(ids);  // (batch, time) -> (batch, time, 75)
//
//   Continuation text(model);  // generation
//   Tensor next = text.append({5, 3, 8});  // logits (75) of what follows 5 3 8
//   next = text.append({1});               // and of what follows 5 3 8 1
#ifndef LAMINA_APPS_GPT_MODEL_H_
#define LAMINA_APPS_GPT_MODEL_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "lamina/nn.h"

namespace lamina::apps::gpt {

struct GptOptions {
  int64_t vocabulary = 0;  // how many tokens there are; to be given
  int64_t layers = 4;
  int64_t heads = 4;  // of attention, which divide the width
  int64_t width = 128;
  int64_t block = 64;  // how many tokens it sees at most
  double dropout = 0;  // of embeddings, of attention weights and of each part's result, in training
};

// Token and position embeddings; blocks of causal attention and of two linear maps with GELU between
// them, each with a norm before it; a norm; a linear map to the logits. As in GPT-2, weights start normal
// with standard deviation 0.02, those that write to the sum of all blocks with 0.02 / sqrt(2 layers), and
// biases at 0.
class Gpt : public nn::Layer {
 public:
  // Throws ValueError for sizes below 1, heads that do not divide the width, dropout outside [0, 1].
  explicit Gpt(const GptOptions& options);

  // int64 ids (batch, time) -> logits (batch, time, vocabulary). Throws ShapeError for another rank or
  // more time than `block`, IndexError for an id that there is not.
  Tensor forward(const Tensor& ids) override;

  using Cache = std::vector<nn::KeyValueCache>;  // one per layer; empty at first
  // The same of ids that follow those that the cache has, and are in it then. Under NoGradGuard.
  Tensor forward_cached(const Tensor& ids, Cache* cache);

  const GptOptions& options() const { return options_; }

  nn::Child<nn::Embedding> token_embedding, position_embedding;
  nn::Child<nn::Dropout> dropout;
  nn::Child<nn::TransformerEncoder> blocks;
  nn::Child<nn::Linear> head;

 private:
  Tensor logits(const Tensor& ids, int64_t before, Cache* cache);
  void reset_parameters();
  const GptOptions options_;
};

// How many parameters a Gpt has, without making it.
int64_t parameters_by_size(const GptOptions& options);

// A text that grows. The model sees a window of its last tokens: all of them up to `block`; when there is
// no room for more, the last half of a block stays, from which the window grows again. (What was computed
// for a token holds for its position in the window only: each time that the window moves, all in it has to be
// computed anew. So it moves seldom, and far.)
class Continuation {
 public:
  // Without a cache the whole window is computed for each token: the same logits, but for rounding.
  explicit Continuation(Gpt& model, bool is_cached = true) : model_(model), is_cached_(is_cached) {}

  // Adds tokens, at least one, and gives the logits (vocabulary) of what comes after them. In eval mode,
  // without a history. Throws ValueError for none, IndexError for an id that there is not.
  Tensor append(absl::Span<const int64_t> ids);

  const std::vector<int64_t>& window() const { return window_; }

 private:
  Gpt& model_;
  const bool is_cached_;
  std::vector<int64_t> window_;
  Gpt::Cache cache_;  // of the tokens of the window, if it is used
};

}  // namespace lamina::apps::gpt

#endif  // LAMINA_APPS_GPT_MODEL_H_
