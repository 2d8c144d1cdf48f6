// Report: an HTML page about a training run, for people to look at. One file, whole: no network, no
// scripts; charts are inline SVG, pictures inline PNG.
//
//   apps::report::Report report("MNIST, two_layer");
//   report.add_table("Settings", {"setting", "value"}, {{"epochs", "10"}});
//   report.add_training(result.history);
//   report.add_confusion(confusion.matrix(), {"0", "1", "2", ...});
//   report.add_images("The worst mistakes", images, captions);
//   absl::Status status = report.write("report.html");
//
// apps/ share it; so it takes numbers and arrays, and knows nothing of what they are about.
#ifndef LAMINA_APPS_REPORT_REPORT_H_
#define LAMINA_APPS_REPORT_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lamina/apps/report/svg_chart.h"
#include "lamina/nn.h"

namespace lamina::apps::report {

// Sections come in the order in which they were added. Names and texts are shown as they are: nothing
// in them is HTML.
class Report {
 public:
  explicit Report(std::string title) : title_(std::move(title)) {}

  // Lines end where they do in the text, and where there is no room for more.
  void add_text(absl::string_view title, absl::string_view text);
  // Throws ValueError for a row of another length than the header.
  void add_table(absl::string_view title, const std::vector<std::string>& header,
                 const std::vector<std::vector<std::string>>& rows);
  void add_chart(absl::string_view title, const std::vector<Series>& series,
                 const ChartOptions& options);
  // A chart for each quantity of the epochs, "train_loss" and "val_loss" in one, and a table of the
  // last epoch's values.
  void add_training(const std::vector<nn::train::EpochRecord>& history);
  // Counts (n, n): rows are labels, columns answers; as ConfusionMatrix::matrix().
  void add_confusion(const Tensor& counts, const std::vector<std::string>& classes);
  // Pictures (n, h, w) in gray or (n, 3, h, w) in colour: each floating picture from its smallest
  // value (black) to its largest (white), or black if all are the same, uint8 ones as they are. NaN
  // is black. A caption for each, or none. Throws ShapeError or DTypeError for others.
  void add_images(absl::string_view title, const Tensor& images,
                  const std::vector<std::string>& captions = {});

  // The page, HTML 5 and well-formed XML.
  std::string html() const;
  // Puts it into a file, at once or not at all. Errors begin with the path.
  absl::Status write(const std::string& path) const;
  // What write() would say if it failed at its begin: makes the file `path`.saving and removes it. What is
  // at the path stays; a disk that is full shows at write() only.
  static absl::Status check_path(const std::string& path);

 private:
  void add_section(absl::string_view title, absl::string_view body);
  const std::string title_;
  std::string sections_;
};

}  // namespace lamina::apps::report

#endif  // LAMINA_APPS_REPORT_REPORT_H_
