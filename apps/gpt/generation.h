// Text that a model makes up.
#ifndef LAMINA_APPS_GPT_GENERATION_H_
#define LAMINA_APPS_GPT_GENERATION_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/apps/gpt/model.h"
#include "lamina/apps/gpt/sampling.h"
#include "lamina/apps/gpt/text.h"

namespace lamina::apps::gpt {

// Draws `length` characters that follow the prompt, and calls `on_character` with each as it comes, in
// UTF-8, until it returns false. Without a prompt the model begins after the end of a line, or, if it knows none, after the
// first character of its vocabulary.
void generate(Gpt& model, const Vocabulary& vocabulary, std::vector<int64_t> prompt, int64_t length,
              const SamplingOptions& options, uint64_t seed, bool is_cached,
              const std::function<bool(absl::string_view)>& on_character);

}  // namespace lamina::apps::gpt

#endif  // LAMINA_APPS_GPT_GENERATION_H_
