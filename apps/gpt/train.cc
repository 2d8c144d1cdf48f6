// gpt train: teaches a model a text.
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "lamina/apps/gpt/commands.h"
#include "lamina/apps/gpt/generation.h"
#include "lamina/apps/gpt/settings.h"
#include "lamina/apps/gpt/windows.h"
#include "lamina/apps/report/report.h"
#include "lamina/apps/threads.h"
#include "lamina/apps/training_run.h"
#include "lamina/apps/warmup_cosine.h"

namespace lamina::apps::gpt {
namespace {

constexpr int64_t kSampleLength = 500;
constexpr double kLowestRate = 0.1;  // of the highest, in the end
// As many windows at most show between the epochs how training goes: all, for a text of a megabyte.
constexpr int64_t kWindowsToValidate = 2048;
constexpr int64_t kBatchToValidate = 64;

// Matrices decay towards 0; biases and norms do not.
std::unique_ptr<nn::optim::AdamW> optimizer_of(const Gpt& model, double rate) {
  nn::Named<Tensor> matrices, others;
  for (auto& named : model.named_parameters()) {
    (named.second.dim() > 1 ? matrices : others).push_back(std::move(named));
  }
  nn::optim::AdamWOptions options;
  options.lr = rate;
  options.betas = {0.9, 0.99};
  options.weight_decay = 0.1;
  auto optimizer = std::make_unique<nn::optim::AdamW>(std::move(matrices), options);
  options.weight_decay = 0;
  optimizer->add_group(std::move(others), options);
  return optimizer;
}

// Those of the last tenth that stand side by side, or some of them at equal distances.
std::shared_ptr<nn::data::Dataset> windows_to_validate(const Tensor& ids, int64_t block) {
  const int64_t all = (ids.size(0) - 1) / block;
  const int64_t apart = (all + kWindowsToValidate - 1) / kWindowsToValidate;
  return std::make_shared<Windows>(ids, block, block * apart);
}

absl::StatusOr<int64_t> steps_per_epoch() {
  const int64_t steps = absl::GetFlag(FLAGS_steps).value;
  const int64_t every = std::min(absl::GetFlag(FLAGS_eval_every).value, steps);
  int64_t divisor = every;
  while (steps % divisor != 0) --divisor;
  if (divisor == every) return every;
  return absl::InvalidArgumentError(
      absl::StrCat("flag --eval_every: expected a number that divides --steps=", steps,
                   ", such as ", divisor, ", got ", every));
}

// Sets the flag if it is not.
absl::StatusOr<int64_t> warmup_steps() {
  const int64_t steps = absl::GetFlag(FLAGS_steps).value;
  fill_in(&FLAGS_warmup, CountOrZero{std::min<int64_t>(100, steps / 10)});
  const int64_t warmup = absl::GetFlag(FLAGS_warmup)->value;
  if (warmup < steps) return warmup;
  return absl::InvalidArgumentError(
      absl::StrCat("flag --warmup: expected a number below --steps=", steps, ", got ", warmup));
}

// The text to learn, in the characters of the run if it goes on.
absl::StatusOr<SplitText> load_text_of_run() {
  const std::string known = absl::GetFlag(FLAGS_characters);
  if (known.empty()) return load_text(nullptr);
  const absl::StatusOr<Vocabulary> vocabulary =
      Vocabulary::of(known, "the checkpoint's characters");
  if (!vocabulary.ok()) return vocabulary.status();
  return load_text(&*vocabulary);
}

std::string sample_of(Gpt& model, const Vocabulary& vocabulary) {
  SamplingOptions options;
  options.temperature = 0.8;
  std::string text;
  generate(model, vocabulary, {}, kSampleLength, options,
           static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value), true,
           [&text](absl::string_view character) {
             absl::StrAppend(&text, character);
             return true;
           });
  return text;
}

report::Report report_of(std::vector<std::vector<std::string>> settings, const SplitText& text,
                         const Gpt& model, const std::vector<nn::train::EpochRecord>& history,
                         double loss, absl::string_view sample) {
  for (std::vector<std::string>& row : settings) {  // their number will do: they may be thousands
    if (row[0] == "characters") row[1] = absl::StrCat(text.vocabulary.size(), " different ones");
  }
  settings.push_back({"characters to learn", nn::with_commas(text.train.size(0))});
  settings.push_back({"characters to validate", nn::with_commas(text.test.size(0))});
  settings.push_back({"parameters", nn::with_commas(model.parameter_count())});
  report::Report report(absl::StrCat("GPT, ", text.name));
  report.add_table("Settings", {"setting", "value"}, settings);
  report.add_text("The last tenth of the text", loss_text(loss));
  report.add_training(history);
  report.add_text("A sample", sample);
  return report;
}

}  // namespace

absl::Status train(const Arguments& arguments) {
  absl::Status status = use_threads();
  if (!status.ok()) return status;
  make_absolute(&FLAGS_text);
  TrainingRun run(kApp, training_settings());
  status = run.open(arguments);
  if (!status.ok()) return status;
  const absl::StatusOr<int64_t> epoch_steps = steps_per_epoch();
  if (!epoch_steps.ok()) return epoch_steps.status();
  const absl::StatusOr<int64_t> warmup = warmup_steps();
  if (!warmup.ok()) return warmup.status();
  const absl::StatusOr<SplitText> text = load_text_of_run();
  if (!text.ok()) return text.status();
  status = run.use_data({text->train, text->test}, text->name);
  if (!status.ok()) return status;
  absl::SetFlag(&FLAGS_characters, text->vocabulary.characters());
  const absl::StatusOr<GptOptions> options = gpt_options(text->vocabulary);
  if (!options.ok()) return options.status();

  const auto seed = static_cast<uint64_t>(absl::GetFlag(FLAGS_seed).value);
  manual_seed(seed);
  Gpt model(*options);
  std::cout << text->name << ": " << nn::with_commas(text->train.size(0))
            << " characters to learn, the last " << nn::with_commas(text->test.size(0))
            << " to validate; " << options->vocabulary << " different ones\n"
            << nn::with_commas(model.parameter_count()) << " parameters" << std::endl;

  const int64_t steps = absl::GetFlag(FLAGS_steps).value, block = options->block;
  const int64_t batch_size = absl::GetFlag(FLAGS_batch_size).value;
  const auto windows = std::make_shared<Windows>(text->train, block, 1);
  nn::data::RandomSamplerOptions sampling;
  sampling.seed = seed;
  sampling.replacement = true;
  sampling.num_samples = *epoch_steps * batch_size;
  nn::data::DataLoaderOptions loading;
  loading.batch_size = batch_size;
  loading.seed = seed;
  loading.sampler = std::make_shared<nn::data::RandomSampler>(windows->size(), sampling);
  nn::data::DataLoader train_loader(windows, loading);
  nn::data::DataLoaderOptions in_order;
  in_order.batch_size = kBatchToValidate;
  nn::data::DataLoader test_loader(windows_to_validate(text->test, block), in_order);

  const std::unique_ptr<nn::optim::AdamW> optimizer =
      optimizer_of(model, absl::GetFlag(FLAGS_learning_rate).value);
  nn::optim::LambdaLR rate(*optimizer, [steps, warmup = *warmup](int64_t step) {
    return warmup_cosine(step, static_cast<double>(warmup), steps, kLowestRate);
  });
  nn::CrossEntropyLoss loss({.weight = {}, .class_dim = 2});
  nn::train::Trainer trainer(model, loss, *optimizer, {.epochs = steps / *epoch_steps});
  nn::train::GradientClipping clipping({.max_norm = 1});
  nn::train::LearningRateSchedule schedule(rate, nn::train::LearningRateSchedule::Every::kStep);
  trainer.add(clipping).add(schedule);
  const absl::StatusOr<nn::train::FitResult> result = run.fit(trainer, train_loader, &test_loader);
  if (!result.ok()) return result.status();

  const double final_loss = mean_loss(model, text->test, block);
  const std::string sample = sample_of(model, text->vocabulary);
  std::cout << "the last tenth of the text: " << loss_text(final_loss) << "\n\n"
            << sample << "\n"
            << std::endl;
  return run.finish(
      report_of(run.settings_rows(), *text, model, result->history, final_loss, sample));
}

}  // namespace lamina::apps::gpt
