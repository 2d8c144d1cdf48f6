#include "lamina/apps/mnist/run_report.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "lamina/apps/mnist/models.h"
#include "lamina/apps/predict_in_batches.h"

namespace lamina::apps::mnist {
namespace {

constexpr int64_t kMistakes = 24, kFilters = 40;

// Those whose labels the model thought the least likely.
void add_mistakes(const Tensor& logits, const nn::data::LabelledImages& test,
                  const std::vector<std::string>& classes, report::Report* report) {
  const Tensor probabilities = logits.softmax(1), answers = logits.argmax(1);
  const Tensor losses =
      nn::functional::cross_entropy(logits, test.labels, {.weight = {}, .reduction = "none"});
  const Tensor wrong = losses * answers.ne(test.labels).to(float32);
  const auto mistakes = std::min(kMistakes, answers.ne(test.labels).sum().item<int64_t>());
  const Tensor worst = wrong.argsort(0, true).narrow(0, 0, mistakes);
  std::vector<std::string> captions;
  for (const int64_t i : worst.to_vector<int64_t>()) {
    const auto label = test.labels.select(0, i).item<int64_t>();
    const auto answer = answers.select(0, i).item<int64_t>();
    captions.push_back(
        absl::StrFormat("%s, taken for %s (%.0f %%)", classes[label], classes[answer],
                        100 * probabilities.select(0, i).select(0, answer).item<double>()));
  }
  report->add_images("The worst mistakes",
                     test.images.index_select(0, worst).reshape({mistakes, kSide, kSide}),
                     captions);
}

}  // namespace

report::Report run_report(const std::string& title, const std::vector<std::string>& classes,
                          const std::vector<std::vector<std::string>>& settings,
                          const std::vector<nn::train::EpochRecord>& history, nn::Layer& model,
                          const nn::data::LabelledImages& test) {
  report::Report report(title);
  report.add_table("Settings", {"setting", "value"}, settings);
  report.add_training(history);
  const Tensor logits = predict_in_batches(model, test.images);
  nn::train::ConfusionMatrix confusion(static_cast<int64_t>(classes.size()));
  confusion.update(logits, test.labels);
  report.add_confusion(confusion.matrix(), classes);
  add_mistakes(logits, test, classes, &report);
  const Tensor first = model.parameters().front();
  const int64_t filters = std::min(kFilters, first.size(0));
  if (first.dim() == 2 && first.size(1) == kPixels) {
    report.add_images("First-layer weights",
                      first.narrow(0, 0, filters).reshape({filters, kSide, kSide}));
  } else if (first.dim() == 4 && first.size(1) == 1) {  // of a convolution
    report.add_images("First-layer weights", first.narrow(0, 0, filters).select(1, 0));
  }
  return report;
}

}  // namespace lamina::apps::mnist
