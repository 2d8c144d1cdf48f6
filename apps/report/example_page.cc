// Writes a page with one of everything to the path that it is given.

#include <cmath>
#include <iostream>

#include "lamina/apps/report/report.h"
#include "lamina/nn.h"

using namespace lamina;  // NOLINT: a program of its own

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "example_page: expected the path of the page, got " << argc - 1 << " arguments\n";
    return 2;
  }
  apps::report::Report report("An <example> & its \"page\"");
  report.add_table("Settings", {"setting", "value"}, {{"model", "two_layer"}, {"a < b", "c & d"}});
  std::vector<nn::train::EpochRecord> history;
  for (int epoch = 1; epoch <= 10; ++epoch) {
    history.push_back({{"train_loss", 1.0 / epoch},
                       {"train_accuracy", 1 - 0.5 / epoch},
                       {"val_loss", epoch == 5 ? std::nan("") : 1.2 / epoch},
                       {"val_accuracy", 1 - 0.6 / epoch},
                       {"lr", 0.1}});
  }
  report.add_training(history);
  report.add_confusion(tensor({int64_t{50}, int64_t{2}, int64_t{0}, int64_t{1}, int64_t{40},
                               int64_t{9}, int64_t{0}, int64_t{0}, int64_t{60}},
                              {3, 3}),
                       {"cat", "dog", "<cow>"});
  // Four gradients in gray, and one pixel each of red, green and blue.
  report.add_images("Gray", arange(4 * 8 * 8, float32).reshape({4, 8, 8}),
                    {"a", "b", "c", "d & e"});
  report.add_images("Colours", tensor({1., 0., 0., 0., 1., 0., 0., 0., 1.}, {1, 3, 1, 3}));
  apps::report::Series points = {"houses", {}, {}};
  for (int i = 0; i < 50; ++i) {
    points.x.push_back(i);
    points.y.push_back(i + 5 * std::sin(i));
  }
  report.add_chart("Predicted against true", {points},
                   {.x_label = "true", .y_label = "predicted", .points = true, .diagonal = true});
  // No UTF-8, nor what XML can have.
  report.add_text("Bytes", "gr\u00fc\u00df caf\xe9, \xed\xa0\x80 \xef\xbf\xbe \x01\xff");
  report.add_text("Remarks", "Nothing in here is <b>HTML</b>.");
  const absl::Status status = report.write(argv[1]);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
