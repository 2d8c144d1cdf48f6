// gpt eval: how well the model of a checkpoint predicts the last tenth of a text.
#include <iostream>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "lamina/apps/gpt/commands.h"
#include "lamina/apps/gpt/settings.h"
#include "lamina/apps/gpt/windows.h"

namespace lamina::apps::gpt {

absl::Status evaluate(const Arguments& arguments) {
  const absl::StatusOr<Loaded> loaded = load_checkpointed(arguments);
  if (!loaded.ok()) return loaded.status();
  const absl::StatusOr<SplitText> text = load_text(&loaded->vocabulary);
  if (!text.ok()) return text.status();
  const double loss = mean_loss(*loaded->model, text->test, loaded->model->options().block);
  std::cout << loaded->path << "\n"
            << text->name << ", the last " << nn::with_commas(text->test.size(0)) << " of "
            << nn::with_commas(text->train.size(0) + text->test.size(0))
            << " characters: " << loss_text(loss) << std::endl;
  return absl::OkStatus();
}

}  // namespace lamina::apps::gpt
