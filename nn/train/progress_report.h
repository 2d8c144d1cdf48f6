// ProgressReport: a line for each epoch of a Trainer, and on a terminal a bar while it is under way.
#ifndef LAMINA_NN_TRAIN_PROGRESS_REPORT_H_
#define LAMINA_NN_TRAIN_PROGRESS_REPORT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <ostream>

#include "lamina/nn/train/progress_bar.h"
#include "lamina/nn/train/trainer.h"

namespace lamina::nn::train {

//   epoch 3 [==========>             ]  45 %, 31,500 samples/s, 1 s left, loss 0.1234
//   epoch 3/10: train_loss 0.1301, val_loss 0.0922, val_accuracy 0.9714, lr 0.01; 1.20 s, 50,000 samples/s
//
// The seconds are those of training, without validation; where an epoch is gone on with, since then.
class ProgressReport : public Callback {
 public:
  // Draws the bar if `columns` is above 0: terminal_columns(STDERR_FILENO) of std::cerr.
  explicit ProgressReport(std::ostream& out, int columns = 0) : out_(out), columns_(columns) {}

  void on_epoch_begin(Trainer& trainer) override;
  void on_batch_end(Trainer& trainer) override;
  void on_validation_begin(Trainer&) override { end_training(); }
  void on_epoch_end(Trainer& trainer) override;
  void on_fit_end(Trainer& trainer) override;

 private:
  using Clock = std::chrono::steady_clock;
  void end_training();

  std::ostream& out_;
  const int columns_;
  std::unique_ptr<ProgressBar> bar_;  // while training
  Clock::time_point start_;
  int64_t begun_ = 0;  // the samples of the epoch before start_
  int64_t samples_ = 0;
  double seconds_ = 0;
};

}  // namespace lamina::nn::train

#endif  // LAMINA_NN_TRAIN_PROGRESS_REPORT_H_
