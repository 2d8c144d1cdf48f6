// A progress bar for terminals: on anything else, nothing of it is written.
#ifndef LAMINA_NN_TRAIN_PROGRESS_BAR_H_
#define LAMINA_NN_TRAIN_PROGRESS_BAR_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace lamina::nn::train {

// One line about `done` of `total` (above 0), of which `begun` were done when the `seconds` began, not
// longer than `columns`; the note comes last:
//   epoch 3 [==========>             ]  45 %, 31,500 samples/s, 1 s left, loss 0.1234
std::string progress_line(absl::string_view label, absl::string_view unit, int64_t done,
                          int64_t total, double seconds, int columns, int64_t begun = 0,
                          absl::string_view note = "");

class ProgressBar {
 public:
  // Draws on `out` if `columns` is above 0. The label says what is under way, the unit what is
  // counted, of which `begun` are done already.
  ProgressBar(std::ostream& out, int columns, std::string label, std::string unit, int64_t total,
              int64_t begun = 0);
  ~ProgressBar();  // wipes the bar, so that the next line takes its place
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Draws the bar anew, at most ten times a second.
  void update(int64_t done, absl::string_view note = "");

 private:
  using Clock = std::chrono::steady_clock;
  std::ostream& out_;
  const int columns_;
  const std::string label_, unit_;
  const int64_t total_, begun_;
  const Clock::time_point start_;
  Clock::time_point next_;
  size_t drawn_ = 0;  // characters on the line
};

// The columns of the terminal that a file descriptor is, 0 if it is none.
int terminal_columns(int descriptor);

}  // namespace lamina::nn::train

#endif  // LAMINA_NN_TRAIN_PROGRESS_BAR_H_
