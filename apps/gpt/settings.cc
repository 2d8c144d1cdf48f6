#include "lamina/apps/gpt/settings.h"

#include <cmath>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/apps/fetched_file.h"
#include "lamina/apps/trained_model.h"

using lamina::apps::Count;
using lamina::apps::CountOrZero;
using lamina::apps::Fraction;
using lamina::apps::Positive;
using lamina::apps::Seed;
using lamina::apps::Size;
using lamina::apps::gpt::EvalEvery;

ABSL_FLAG(std::string, text, "",
          "file to learn from, in UTF-8, or to evaluate on (default: Jane Austen's Pride and "
          "Prejudice, which comes with the program; of eval: what the model was trained on)");
ABSL_FLAG(Size, layers, Size{4}, "transformer blocks");
ABSL_FLAG(Size, heads, Size{4}, "of attention in each block; they divide the width");
ABSL_FLAG(Size, width, Size{128}, "numbers by which a token is represented");
ABSL_FLAG(Size, block, Size{64}, "how many characters the model sees at most");
ABSL_FLAG(Fraction, dropout, Fraction{0}, "share of activations that are switched off in training");
ABSL_FLAG(Size, batch_size, Size{12}, "pieces of text per step, of --block characters each");
ABSL_FLAG(Count, steps, Count{2000}, "of the optimizer, AdamW");
ABSL_FLAG(EvalEvery, eval_every, EvalEvery{250},
          "steps after which the loss on the last tenth of the text is told and a checkpoint is "
          "saved; it divides --steps");
ABSL_FLAG(Positive, learning_rate, Positive{0.003},
          "the highest; half a cosine leads from there to a tenth of it");
ABSL_FLAG(std::optional<CountOrZero>, warmup, std::nullopt,
          "steps at the beginning in which the learning rate rises (default: 100, or a tenth of "
          "--steps if that is fewer)");
ABSL_FLAG(Seed, seed, Seed{1},
          "of weights and of the pieces of text, or of the characters that are drawn; the same "
          "seed gives the same result");
ABSL_FLAG(std::string, characters, "", "those that there are");

namespace lamina::apps::gpt {
namespace {

constexpr char kNovel[] = "lamina/apps/gpt/data/pride_and_prejudice.txt";

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

const std::vector<std::string>& model_settings() {
  static const auto& names =
      *new std::vector<std::string>{"characters", "layers", "heads", "width", "block", "dropout"};
  return names;
}

const std::vector<std::string>& training_settings() {
  static const auto& names = *new std::vector<std::string>(
      joined(model_settings(),
             {"text", "batch_size", "steps", "eval_every", "learning_rate", "warmup", "seed"}));
  return names;
}

absl::StatusOr<GptOptions> gpt_options(const Vocabulary& vocabulary) {
  GptOptions options;
  options.vocabulary = vocabulary.size();
  options.layers = absl::GetFlag(FLAGS_layers).value;
  options.heads = absl::GetFlag(FLAGS_heads).value;
  options.width = absl::GetFlag(FLAGS_width).value;
  options.block = absl::GetFlag(FLAGS_block).value;
  options.dropout = absl::GetFlag(FLAGS_dropout).value;
  if (options.width % options.heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("flag --heads: expected a number that divides --width=", options.width,
                     ", got ", options.heads));
  }
  return options;
}

absl::StatusOr<SplitText> load_text(const Vocabulary* known) {
  const std::string flag = absl::GetFlag(FLAGS_text);
  const absl::StatusOr<std::string> path =
      flag.empty() ? fetched_file(kNovel, "--text=FILE") : user_path(flag);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::string> text = read_text(*path);
  if (!text.ok()) return text.status();
  absl::StatusOr<Vocabulary> vocabulary =
      known == nullptr ? Vocabulary::of(*text, *path) : absl::StatusOr<Vocabulary>(*known);
  if (!vocabulary.ok()) return vocabulary.status();
  const absl::StatusOr<std::vector<int64_t>> ids = vocabulary->encode(*text, *path);
  if (!ids.ok()) return ids.status();

  const auto size = static_cast<int64_t>(ids->size());
  const int64_t test = size / 10, block = absl::GetFlag(FLAGS_block).value;
  if (test <= block) {
    return absl::InvalidArgumentError(absl::StrCat(
        *path, ": expected a text of at least ", 10 * (block + 1),
        " characters, so that its last tenth is more than --block=", block, ", got ", size));
  }
  const Tensor all = tensor(*ids, {size});
  return SplitText{flag.empty() ? "Pride and Prejudice" : *path, *std::move(vocabulary),
                   all.narrow(0, 0, size - test), all.narrow(0, size - test, test)};
}

absl::StatusOr<Loaded> load_checkpointed(const Arguments& arguments) {
  std::vector<std::string> settings = model_settings();
  if (arguments.given.count("text") == 0) settings.push_back("text");
  absl::StatusOr<std::string> path = open_checkpoint(kApp, settings, arguments);
  if (!path.ok()) return path.status();
  absl::StatusOr<Vocabulary> vocabulary =
      Vocabulary::of(absl::GetFlag(FLAGS_characters), absl::StrCat(*path, ": characters"));
  if (!vocabulary.ok()) return vocabulary.status();
  const absl::StatusOr<GptOptions> options = gpt_options(*vocabulary);
  if (!options.ok()) return options.status();
  absl::Status status = check_size(*path, parameters_by_size(*options));
  if (!status.ok()) return status;
  auto model = std::make_unique<Gpt>(*options);
  status = load_trained(*path, *model);
  if (!status.ok()) return status;
  return Loaded{*std::move(path), *std::move(vocabulary), std::move(model)};
}

std::string loss_text(double loss) {
  return absl::StrFormat("%.4f nats per character, %.3f bits per character, perplexity %.2f", loss,
                         loss / std::log(2), std::exp(loss));
}

}  // namespace lamina::apps::gpt
