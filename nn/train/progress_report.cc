#include "lamina/nn/train/progress_report.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lamina/nn/commas.h"

namespace lamina::nn::train {

void ProgressReport::on_epoch_begin(Trainer& trainer) {
  const int64_t total = trainer.samples_in_epoch();
  begun_ = trainer.samples();
  start_ = Clock::now();
  samples_ = 0;
  bar_.reset();
  if (total > 0) {
    bar_ = std::make_unique<ProgressBar>(
        out_, columns_, absl::StrCat("epoch ", trainer.epoch() + 1), "samples", total, begun_);
  }
}

void ProgressReport::on_batch_end(Trainer& trainer) {
  samples_ = trainer.samples() - begun_;
  if (bar_) {
    bar_->update(trainer.samples(), absl::StrFormat("loss %.4g", trainer.running_loss()));
  }
}

void ProgressReport::end_training() {
  if (!bar_) return;
  bar_.reset();
  seconds_ = std::chrono::duration<double>(Clock::now() - start_).count();
}

void ProgressReport::on_epoch_end(Trainer& trainer) {
  end_training();
  std::string line = absl::StrCat("epoch ", trainer.epoch(), "/", trainer.epochs(), ":");
  const char* separator = " ";
  for (const auto& [name, value] : trainer.history().back()) {
    absl::StrAppend(&line, separator, name, absl::StrFormat(" %.4g", value));
    separator = ", ";
  }
  absl::StrAppend(&line, absl::StrFormat("; %.2f s", seconds_));
  if (seconds_ > 0) {
    const auto rate = std::llround(static_cast<double>(samples_) / seconds_);
    absl::StrAppend(&line, ", ", with_commas(rate), " samples/s");
  }
  out_ << line << std::endl;
}

void ProgressReport::on_fit_end(Trainer& trainer) {
  bar_.reset();
  if (!trainer.is_stopping()) return;
  out_ << absl::StrFormat("stopped in step %d: %s", trainer.step(), trainer.stop_reason())
       << std::endl;
}

}  // namespace lamina::nn::train
