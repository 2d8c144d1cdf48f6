// The HTML page about a run: settings, curves, the confusion matrix, the worst mistakes, and what the
// first layer has learnt to look for.
#ifndef LAMINA_APPS_MNIST_RUN_REPORT_H_
#define LAMINA_APPS_MNIST_RUN_REPORT_H_

#include <string>
#include <vector>

#include "lamina/apps/report/report.h"
#include "lamina/nn.h"

namespace lamina::apps::mnist {

// `classes` are the names of the labels, `settings` rows of a name and a value. Runs the model on
// the test images, in eval mode.
report::Report run_report(const std::string& title, const std::vector<std::string>& classes,
                          const std::vector<std::vector<std::string>>& settings,
                          const std::vector<nn::train::EpochRecord>& history, nn::Layer& model,
                          const nn::data::LabelledImages& test);

}  // namespace lamina::apps::mnist

#endif  // LAMINA_APPS_MNIST_RUN_REPORT_H_
