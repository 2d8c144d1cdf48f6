#include "lamina/apps/gpt/generation.h"

#include <utility>

namespace lamina::apps::gpt {

void generate(Gpt& model, const Vocabulary& vocabulary, std::vector<int64_t> prompt, int64_t length,
              const SamplingOptions& options, uint64_t seed, bool is_cached,
              const std::function<bool(absl::string_view)>& on_character) {
  if (prompt.empty()) {
    const int64_t* line_end = vocabulary.find(U'\n');
    prompt.push_back(line_end == nullptr ? 0 : *line_end);
  }
  Generator generator(seed);
  Continuation text(model, is_cached);
  std::vector<int64_t> next = std::move(prompt);
  for (int64_t i = 0; i < length; ++i) {
    next = {draw(probabilities(text.append(next), options), generator)};
    if (!on_character(vocabulary.decode(next))) return;
  }
}

}  // namespace lamina::apps::gpt
