// A progress bar for terminals: on anything else, nothing of it is written.
#ifndef LAMINA_APPS_PROGRESS_H_
#define LAMINA_APPS_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace lamina::apps {

// One line about `done` of `total` (above 0) after `seconds`, not longer than `columns`:
//   epoch 3 train [=========>          ]  45 %, 31,500 images/s, 1 s left
std::string progress_line(absl::string_view label, absl::string_view unit, int64_t done,
                          int64_t total, double seconds, int columns);

// 1234567 -> "1,234,567"
std::string with_commas(int64_t number);

class ProgressBar {
 public:
  // Draws on `out` if `columns` is above 0. The label says what is under way, the unit what is
  // counted.
  ProgressBar(std::ostream& out, int columns, std::string label, std::string unit, int64_t total);
  ~ProgressBar();  // wipes the bar, so that the next line takes its place
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Draws the bar anew, at most ten times a second.
  void update(int64_t done);

 private:
  using Clock = std::chrono::steady_clock;
  std::ostream& out_;
  const int columns_;
  const std::string label_, unit_;
  const int64_t total_;
  const Clock::time_point start_;
  Clock::time_point next_;
  size_t drawn_ = 0;  // characters on the line
};

// The columns of the terminal that a file descriptor is, 0 if it is none.
int terminal_columns(int descriptor);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_PROGRESS_H_
