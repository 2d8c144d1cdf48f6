#include "lamina/serialization/checkpoint_writer.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

class Writer : public ::testing::Test {
 protected:
  const std::string path_ = test::new_folder() + "/model.ckpt";
  const NamedArrays old_ = {{"old", NDArray::from({1.f, 2.f})}};

  void expect_old() {
    const absl::StatusOr<NamedArrays> state = load_checkpoint(path_);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE(test::is_same(*state, old_));
  }
};

TEST_F(Writer, WritesEntriesThatComeOneByOne) {
  const NamedArrays state = {{"weight", test::noise({3, 5})},
                             {"bias", std::nullopt},
                             {"transposed", test::noise({4, 6}, int32).t()},
                             {"empty", test::noise({0, 2}, bool_)}};
  absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path_, {{{"epoch", "3"}}});
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const auto& [name, array] : state) ASSERT_EQ(writer->add(name, array), absl::OkStatus());
  ASSERT_EQ(writer->finish(), absl::OkStatus());
  const absl::StatusOr<NamedArrays> loaded = load_checkpoint(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(test::is_same(*loaded, state));

  const std::string bytes = test::read_file(path_);
  ASSERT_EQ(save_checkpoint(path_, state, {{{"epoch", "3"}}}), absl::OkStatus());
  EXPECT_EQ(test::read_file(path_), bytes);
}

TEST_F(Writer, NeedsNoArrayAfterItsAdd) {
  constexpr int64_t kBytes = 4 << 20;
  absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path_);
  ASSERT_TRUE(writer.ok()) << writer.status();
  reset_peak_memory_stats();
  const int64_t before = memory_stats().current;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(writer->add(std::to_string(i), NDArray::full({kBytes}, i, uint8)).ok());
  }
  EXPECT_LT(memory_stats().peak - before, 2 * kBytes);
  ASSERT_EQ(writer->finish(), absl::OkStatus());
  const absl::StatusOr<NamedArrays> loaded = load_checkpoint(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->size(), 10u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ((*loaded)[i].first, std::to_string(i));
    EXPECT_EQ((*loaded)[i].second->data<uint8_t>()[kBytes - 1], i);
  }
}

TEST_F(Writer, PutsNothingAtThePathBeforeItFinishes) {
  ASSERT_EQ(save_checkpoint(path_, old_), absl::OkStatus());
  {
    absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path_);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(writer->add("x", test::noise({1 << 20})).ok());
    EXPECT_TRUE(test::exists(path_ + ".saving"));
    expect_old();
    const CheckpointWriter moved = *std::move(writer);
    EXPECT_TRUE(test::exists(path_ + ".saving"));
  }
  EXPECT_FALSE(test::exists(path_ + ".saving"));
  expect_old();
}

TEST_F(Writer, DoesNotFinishAfterAnError) {
  ASSERT_EQ(save_checkpoint(path_, old_), absl::OkStatus());
  absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path_);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->add("a.b", std::nullopt).ok());
  const absl::Status twice = writer->add("a.b", test::noise({2}));
  EXPECT_EQ(twice, absl::InvalidArgumentError(
                       path_ + ": entry 'a.b': expected different names, got this one twice"));
  EXPECT_EQ(writer->add("c", test::noise({2})), twice);
  EXPECT_EQ(writer->finish(), twice);
  expect_old();
}

TEST_F(Writer, TakesNothingAfterItFinished) {
  absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path_);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->add("old", old_[0].second).ok());
  ASSERT_EQ(writer->finish(), absl::OkStatus());
  const absl::Status late = absl::FailedPreconditionError(
      path_ + ": expected nothing more after finish(), got another call");
  EXPECT_EQ(writer->add("x", std::nullopt), late);
  EXPECT_EQ(writer->finish(), late);
  expect_old();
}

TEST_F(Writer, ThatWasMovedFromSaysSoAndTheOtherGoesOn) {
  absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path_);
  ASSERT_TRUE(writer.ok()) << writer.status();
  CheckpointWriter taken = *std::move(writer);
  const auto moved = absl::FailedPreconditionError(
      "CheckpointWriter: expected one with an open file, got one that was moved from");
  EXPECT_EQ(writer->add("x", std::nullopt), moved);
  EXPECT_EQ(writer->finish(), moved);
  ASSERT_EQ(taken.add("old", old_[0].second), absl::OkStatus());
  ASSERT_EQ(taken.finish(), absl::OkStatus());
  expect_old();
}

TEST_F(Writer, SaysWhyItCannotBegin) {
  const std::string nowhere = path_ + "/missing/file";
  EXPECT_EQ(CheckpointWriter::create(nowhere).status().message(),
            nowhere + ": cannot open its folder: No such file or directory");
  EXPECT_EQ(CheckpointWriter::create(path_, {{{"k", "\xff"}}}).status().message(),
            path_ + ": metadata 'k': expected text in UTF-8");
  const absl::StatusOr<CheckpointWriter> first = CheckpointWriter::create(path_);
  EXPECT_EQ(CheckpointWriter::create(path_).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lamina
