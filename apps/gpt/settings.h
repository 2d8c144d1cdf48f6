// The flags of all commands, and what each command makes of them.
//
// A checkpoint tells those that its model follows from (model_settings()): eval and sample take
// them from there.
#ifndef LAMINA_APPS_GPT_SETTINGS_H_
#define LAMINA_APPS_GPT_SETTINGS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/declare.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/apps/flags.h"
#include "lamina/apps/gpt/model.h"
#include "lamina/apps/gpt/text.h"

namespace lamina::apps::gpt {
using EvalEvery = Whole<1, 1000000>;
}  // namespace lamina::apps::gpt

ABSL_DECLARE_FLAG(std::string, text);
ABSL_DECLARE_FLAG(lamina::apps::Size, layers);
ABSL_DECLARE_FLAG(lamina::apps::Size, heads);
ABSL_DECLARE_FLAG(lamina::apps::Size, width);
ABSL_DECLARE_FLAG(lamina::apps::Size, block);
ABSL_DECLARE_FLAG(lamina::apps::Fraction, dropout);
ABSL_DECLARE_FLAG(lamina::apps::Size, batch_size);
ABSL_DECLARE_FLAG(lamina::apps::Count, steps);
ABSL_DECLARE_FLAG(lamina::apps::gpt::EvalEvery, eval_every);
ABSL_DECLARE_FLAG(lamina::apps::Positive, learning_rate);
ABSL_DECLARE_FLAG(std::optional<lamina::apps::CountOrZero>, warmup);
ABSL_DECLARE_FLAG(lamina::apps::Seed, seed);
// The vocabulary's, in UTF-8. No command lists it: the program sets it by the text that a run learns, so
// that checkpoints tell it.
ABSL_DECLARE_FLAG(std::string, characters);

namespace lamina::apps::gpt {

inline constexpr char kApp[] = "gpt";

// What a model follows from.
const std::vector<std::string>& model_settings();
// And its training.
const std::vector<std::string>& training_settings();

// Of the flags. InvalidArgument for heads that do not divide the width.
absl::StatusOr<GptOptions> gpt_options(const Vocabulary& vocabulary);

// A text and what is to be done with it: learnt but for its last tenth, which shows how much was learnt.
struct SplitText {
  std::string name;  // for people: its path
  Vocabulary vocabulary;
  Tensor train, test;  // int64 ids
};

// That of the flag --text, or the novel that comes with the program. Its characters are numbered by
// `known`, or, if that is null, make a vocabulary of their own. Errors begin with the path; a text
// is refused that has other characters than those known, and one whose last tenth is not above a
// block.
absl::StatusOr<SplitText> load_text(const Vocabulary* known);

struct Loaded {
  std::string path;
  Vocabulary vocabulary;
  std::unique_ptr<Gpt> model;
};
// The model of the newest checkpoint, or of that in --checkpoint, and its flags: those of model_settings(),
// and --text unless the command line gives it.
absl::StatusOr<Loaded> load_checkpointed(const Arguments& arguments);

// "1.5486 nats per character, 2.234 bits per character, perplexity 4.70"
std::string loss_text(double loss);

}  // namespace lamina::apps::gpt

#endif  // LAMINA_APPS_GPT_SETTINGS_H_
