#include "lamina/nn/train/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lamina/nn/commas.h"

namespace lamina::nn::train {

std::string progress_line(absl::string_view label, absl::string_view unit, int64_t done,
                          int64_t total, double seconds, int columns, int64_t begun,
                          absl::string_view note) {
  constexpr int kMostWidth = 24, kLeastWidth = 8;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  std::vector<std::string> parts;  // what stands last matters most
  if (done > begun && seconds > 0) {
    const double rate = static_cast<double>(done - begun) / seconds;
    const double left = std::ceil(static_cast<double>(total - done) / rate);
    parts.push_back(absl::StrCat(", ", with_commas(std::llround(rate)), " ", unit, "/s"));
    parts.push_back(absl::StrCat(", ", with_commas(std::llround(left)), " s left"));
  }
  if (!note.empty()) parts.push_back(absl::StrCat(", ", note));
  const std::string percent = absl::StrFormat("] %3d %%", static_cast<int>(share * 100));
  int width;  // of the bar: what the other parts leave, and some of them give way to it
  for (;; parts.erase(parts.begin())) {
    const std::string others = absl::StrCat(label, " [", percent, absl::StrJoin(parts, ""));
    width = columns - static_cast<int>(others.size());
    if (width >= kLeastWidth || parts.empty()) break;
  }
  width = std::clamp(width, kLeastWidth, kMostWidth);
  const int filled = std::clamp(static_cast<int>(share * width), 0, width);
  std::string bar(filled, '=');
  if (filled < width) bar += '>';
  bar.resize(width, ' ');
  return absl::StrCat(label, " [", bar, percent, absl::StrJoin(parts, "")).substr(0, columns);
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
