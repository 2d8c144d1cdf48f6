#include "lamina/apps/gpt/generation.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace lamina::apps::gpt {
namespace {

// The blocks add nothing, so that a token sees itself alone; of three tokens each is a unit vector, and the
// next one, or the first after the last, has the largest logit.
Gpt counting_model() {
  GptOptions options;
  options.vocabulary = options.width = 3;
  options.layers = options.heads = 1;
  options.block = 4;
  Gpt model(options);
  const NoGradGuard no_grad;
  for (const auto& [name, parameter] : model.named_parameters()) {
    if (absl::EndsWith(name, "out_proj.weight") || absl::EndsWith(name, "linear2.weight")) {
      nn::init::zeros_(parameter);
    }
  }
  nn::init::zeros_(model.position_embedding->weight);
  model.token_embedding->weight.set_data(eye(3).data());
  model.head->weight.set_data(tensor({{0.f, 0.f, 1.f}, {1.f, 0.f, 0.f}, {0.f, 1.f, 0.f}}).data());
  return model;
}

std::string generated(Gpt& model, const std::string& characters, std::vector<int64_t> prompt,
                      const SamplingOptions& options, uint64_t seed = 1, bool is_cached = true) {
  std::string text;
  generate(model, *Vocabulary::of(characters, "characters"), std::move(prompt), 10, options, seed,
           is_cached, [&](absl::string_view character) {
             absl::StrAppend(&text, character);
             return true;
           });
  return text;
}

SamplingOptions greedy() {
  SamplingOptions options;
  options.temperature = 0;
  return options;
}

TEST(Generate, GoesOnFromThePromptAcrossTheWindow) {
  Gpt model = counting_model();
  EXPECT_EQ(generated(model, "abc", {0}, greedy()), "bcabcabcab");
  EXPECT_EQ(generated(model, "abc", {0, 0, 1, 0, 2, 1}, greedy()), "cabcabcabc");
  EXPECT_EQ(generated(model, "abc", {0}, greedy(), 1, false), "bcabcabcab");
}

TEST(Generate, BeginsAfterALine) {
  Gpt model = counting_model();
  EXPECT_EQ(generated(model, "\t\na", {}, greedy()), "a\t\na\t\na\t\na");
  EXPECT_EQ(generated(model, "abc", {}, greedy()), "bcabcabcab");
}

TEST(Generate, EndsWhenItIsTold) {
  Gpt model = counting_model();
  std::string text;
  generate(model, *Vocabulary::of("abc", "characters"), {0}, 10, greedy(), 1, true,
           [&](absl::string_view character) {
             absl::StrAppend(&text, character);
             return text.size() < 4;
           });
  EXPECT_EQ(text, "bcab");
}

TEST(Generate, DrawsTheSameBySeed) {
  Gpt model = counting_model();
  const std::string text = generated(model, "abc", {}, {}, 5);
  EXPECT_EQ(generated(model, "abc", {}, {}, 5), text);
  EXPECT_NE(generated(model, "abc", {}, {}, 6), text);
}

}  // namespace
}  // namespace lamina::apps::gpt
