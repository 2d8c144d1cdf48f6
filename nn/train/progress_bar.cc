#include "lamina/nn/train/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/nn/commas.h"

namespace lamina::nn::train {

std::string progress_line(absl::string_view label, absl::string_view unit, int64_t done,
                          int64_t total, double seconds, int columns, int64_t begun,
                          absl::string_view note) {
  constexpr int kWidth = 24;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const int filled = std::clamp(static_cast<int>(share * kWidth), 0, kWidth);
  std::string bar(filled, '=');
  if (filled < kWidth) bar += '>';
  bar.resize(kWidth, ' ');
  const auto width = static_cast<size_t>(columns);
  std::string line = absl::StrFormat("%s [%s] %3d %%", label, bar, static_cast<int>(share * 100));
  line.resize(std::min(line.size(), width));
  bool fits = true;
  const auto add = [&](absl::string_view part) {
    constexpr absl::string_view kSeparator = ", ";
    fits = fits && line.size() + kSeparator.size() + part.size() <= width;
    if (fits) absl::StrAppend(&line, kSeparator, part);
  };
  if (done > begun && seconds > 0) {
    const double rate = static_cast<double>(done - begun) / seconds;
    add(absl::StrCat(with_commas(std::llround(rate)), " ", unit, "/s"));
    add(absl::StrCat(with_commas(std::llround(std::ceil(static_cast<double>(total - done) / rate))),
                     " s left"));
  }
  if (!note.empty()) add(note);
  return line;
}

ProgressBar::ProgressBar(std::ostream& out, int columns, std::string label, std::string unit,
                         int64_t total, int64_t begun)
    : out_(out),
      columns_(columns),
      label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      begun_(begun),
      start_(Clock::now()),
      next_(start_) {}

ProgressBar::~ProgressBar() {
  if (drawn_ > 0) out_ << '\r' << std::string(drawn_, ' ') << '\r' << std::flush;
}

void ProgressBar::update(int64_t done, absl::string_view note) {
  if (columns_ <= 0) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  const std::chrono::duration<double> seconds = now - start_;
  // The last column stays free: a terminal may begin a new line once it is written.
  std::string line =
      progress_line(label_, unit_, done, total_, seconds.count(), columns_ - 1, begun_, note);
  const size_t length = line.size();
  line.resize(std::max(length, drawn_), ' ');  // over what is left of a longer line
  out_ << '\r' << line << std::flush;
  drawn_ = length;
}

int terminal_columns(int descriptor) {
  if (!isatty(descriptor)) return 0;
  winsize size = {};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace lamina::nn::train
