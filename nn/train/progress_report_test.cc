#include "lamina/nn/train/progress_report.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/nn/train/train_testing.h"

namespace lamina::nn::train {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string report_of(int columns, bool validates, bool stops) {
  Sequential net = testing::small_net();
  CrossEntropyLoss loss;
  optim::SGD sgd(net.parameters(), {.lr = 0.125});
  data::DataLoader loader = testing::points(), held_out = testing::points();
  Trainer trainer(net, loss, sgd, {.epochs = 2});
  Accuracy accuracy;
  std::ostringstream out;
  ProgressReport report(out, columns);
  TimeLimit limit(stops ? 0 : 1e9);
  trainer.add(accuracy).add(limit).add(report);
  trainer.fit(loader, validates ? &held_out : nullptr);
  return out.str();
}

constexpr char kNumber[] = "[0-9.e-]+";

TEST(ProgressReport, IsALinePerEpochWithoutATerminal) {
  const std::string n = kNumber;
  const std::string tail = ", lr 0.125; " + n + " s, [0-9,]+ samples/s\n";
  const std::string line = ": train_loss " + n + ", train_accuracy " + n + ", val_loss " + n +
                           ", val_accuracy " + n + tail;
  EXPECT_THAT(report_of(0, true, false), MatchesRegex("epoch 1/2" + line + "epoch 2/2" + line));
  const std::string shorter = ": train_loss " + n + ", train_accuracy " + n + tail;
  EXPECT_THAT(report_of(0, false, false),
              MatchesRegex("epoch 1/2" + shorter + "epoch 2/2" + shorter));
}

TEST(ProgressReport, DrawsABarWithTheLossOnATerminal) {
  const std::string text = report_of(100, true, false);
  EXPECT_THAT(text, HasSubstr("\repoch 1 [====>                   ]  18 %, "));
  EXPECT_THAT(text, HasSubstr(" samples/s, "));
  EXPECT_THAT(text, HasSubstr(" s left, loss 0."));
}

TEST(ProgressReport, SaysWhyTrainingStopped) {
  EXPECT_EQ(report_of(0, true, true), "stopped in step 1: the time limit of 0 s\n");
}

}  // namespace
}  // namespace lamina::nn::train
