#include "lamina/nn/train/progress_bar.h"

#include <sstream>

#include "gtest/gtest.h"

namespace lamina::nn::train {
namespace {

TEST(ProgressLine, TellsShareRateAndWhatIsLeft) {
  EXPECT_EQ(progress_line("train", "images", 30000, 60000, 2, 79),
            "train [============>           ]  50 %, 15,000 images/s, 2 s left");
  EXPECT_EQ(progress_line("train", "images", 60000, 60000, 2, 79),
            "train [========================] 100 %, 30,000 images/s, 0 s left");
}

TEST(ProgressLine, HasNoRateBeforeTheFirstBatch) {
  EXPECT_EQ(progress_line("train", "images", 0, 60000, 0, 79),
            "train [>                       ]   0 %");
}

TEST(ProgressLine, DoesNotClaimAllBeforeTheEnd) {
  EXPECT_EQ(progress_line("train", "images", 59999, 60000, 0, 79),
            "train [=======================>]  99 %");
}

TEST(ProgressLine, DoesNotCountWhatWasDoneBefore) {
  EXPECT_EQ(progress_line("train", "images", 30000, 60000, 2, 79, 20000),
            "train [============>           ]  50 %, 5,000 images/s, 6 s left");
}

TEST(ProgressLine, HasANoteAtItsEnd) {
  EXPECT_EQ(progress_line("train", "images", 30000, 60000, 2, 79, 0, "loss 0.5"),
            "train [============>           ]  50 %, 15,000 images/s, 2 s left, loss 0.5");
}

TEST(ProgressLine, FitsTheTerminal) {
  EXPECT_EQ(progress_line("train", "images", 1, 2, 1, 10), "train [===");
}

TEST(ProgressLine, GivesUpTheBarsLengthThenTheRateThenTheTimeForItsNote) {
  const auto line = [](int columns) {
    return progress_line("train", "images", 30000, 60000, 2, columns, 0, "loss 0.5");
  };
  EXPECT_EQ(line(74), "train [===========>           ]  50 %, 15,000 images/s, 2 s left, loss 0.5");
  EXPECT_EQ(line(59), "train [====>   ]  50 %, 15,000 images/s, 2 s left, loss 0.5");
  EXPECT_EQ(line(58), "train [============>           ]  50 %, 2 s left, loss 0.5");
  EXPECT_EQ(line(42), "train [====>   ]  50 %, 2 s left, loss 0.5");
  EXPECT_EQ(line(41), "train [========>        ]  50 %, loss 0.5");
  EXPECT_EQ(line(32), "train [====>   ]  50 %, loss 0.5");
  EXPECT_EQ(line(31), "train [========>        ]  50 %");
}

TEST(ProgressBar, IsDrawnOnOneLineAndWiped) {
  std::ostringstream out;
  {
    ProgressBar bar(out, 80, "train", "images", 100);
    bar.update(0);
    EXPECT_EQ(out.str().substr(0, 8), "\rtrain [");
    bar.update(1);  // not a tenth of a second later, as a rule
  }
  EXPECT_EQ(out.str().find('\n'), std::string::npos);
  const size_t wipe = out.str().rfind('\r', out.str().size() - 2);
  const std::string spaces = out.str().substr(wipe + 1);
  EXPECT_EQ(spaces, std::string(spaces.size() - 1, ' ') + "\r");
}

TEST(ProgressBar, WritesNothingWithoutATerminal) {
  std::ostringstream out;
  { ProgressBar(out, 0, "train", "images", 100).update(50); }
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace lamina::nn::train
