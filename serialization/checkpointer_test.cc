#include "lamina/serialization/checkpointer.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint.pb.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/checkpointer_testing.h"
#include "lamina/serialization/permission_testing.h"
#include "lamina/serialization/training_state.h"
#include "lamina/tensor/test_util.h"

namespace {

// What is synced, and how that ends for one of them.
struct Syncs {
  std::set<ino_t> inodes;
  ino_t refused = 0;
  int error = 0;
};
Syncs syncs;

ino_t inode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0);
  return info.st_ino;
}

}  // namespace

// The library calls this one: the linker prefers it to the C library's.
extern "C" int fsync(int file) {
  struct stat info {};
  fstat(file, &info);
  syncs.inodes.insert(info.st_ino);
  if (info.st_ino != syncs.refused) return static_cast<int>(syscall(SYS_fsync, file));
  errno = syncs.error;
  return -1;
}

namespace lamina {
namespace {

using test::CheckpointerTest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Flips a bit behind the record of the weight, so that header and index stay good.
void damage(const std::string& path) {
  std::string bytes = test::read_file(path);
  const size_t at = bytes.find("model.weight");
  ASSERT_NE(at, std::string::npos);
  bytes[at + 40] ^= 4;
  test::write_file(path, bytes);
  ASSERT_EQ(load_checkpoint(path).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(CheckpointerTest, KeepsTheLastAndTheBest) {
  Checkpointer checkpointer(folder_, {.keep_last = 2});
  save(checkpointer, 1, 0.5);
  save(checkpointer, 2, 0.25);
  EXPECT_THAT(files(), ElementsAre("step_000000000001.ckpt", "step_000000000002.ckpt"));
  save(checkpointer, 10, 0.75);
  save(checkpointer, 300, 0.25);  // no better
  save(checkpointer, 301);
  EXPECT_THAT(files(), ElementsAre("step_000000000002.ckpt", "step_000000000300.ckpt",
                                   "step_000000000301.ckpt"));
  EXPECT_EQ(*checkpointer.best(), path(2));
  save(checkpointer, 302, 0.125);
  save(checkpointer, 303, kNaN);
  save(checkpointer, 304, 0.5);
  EXPECT_THAT(files(), ElementsAre("step_000000000302.ckpt", "step_000000000303.ckpt",
                                   "step_000000000304.ckpt"));
  EXPECT_EQ(*checkpointer.best(), path(302));
  const absl::StatusOr<NamedArrays> arrays = load_checkpoint(path(302));
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  EXPECT_EQ(nn::StateDict(*arrays).at("metric").item<double>(), 0.125);
}

TEST_F(CheckpointerTest, KeepsTheHighestMetricIfThatIsBetter) {
  Checkpointer checkpointer(folder_, {.keep_last = 1, .higher_is_better = true});
  save_all(checkpointer, {{1, kNaN}, {2, 0.5}, {3, 0.25}, {4, kNaN}});
  EXPECT_THAT(files(), ElementsAre("step_000000000002.ckpt", "step_000000000004.ckpt"));
  save(checkpointer, 5, 0.75);
  EXPECT_THAT(files(), ElementsAre("step_000000000005.ckpt"));
}

TEST_F(CheckpointerTest, KnowsTheBestAfterARestart) {
  {
    Checkpointer checkpointer(folder_, {.keep_last = 1});
    EXPECT_EQ(checkpointer.best().status().message(),
              folder_ + ": expected a checkpoint with a metric, got none");
    save_all(checkpointer, {{1, 0.5}, {2, 0.25}, {3, 0.75}});
  }
  Checkpointer checkpointer(folder_, {.keep_last = 1});
  EXPECT_EQ(*checkpointer.best(), path(2));
  const auto resumed = checkpointer.resume(state_);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  save(checkpointer, 4, 0.5);
  EXPECT_THAT(files(), ElementsAre("step_000000000002.ckpt", "step_000000000004.ckpt"));
  ASSERT_EQ(state_.load(*checkpointer.best()), absl::OkStatus());
  EXPECT_EQ(state_.step, 2);
  EXPECT_EQ(weight(), 2);
}

TEST_F(CheckpointerTest, ResumesFromTheNewest) {
  {
    Checkpointer checkpointer(folder_);
    state_.metadata = {{"run", "a"}};
    save_all(checkpointer, {{9, {}}, {10, 1}, {11, {}}});
  }
  state_.metadata.clear();
  Checkpointer checkpointer(folder_);
  state_.step = 0;
  const auto resumed = checkpointer.resume(state_);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->path, path(11));
  EXPECT_THAT(resumed->skipped, IsEmpty());
  EXPECT_EQ(state_.step, 11);
  EXPECT_EQ(weight(), 11);
  EXPECT_EQ(state_.metadata.at("run"), "a");
}

TEST_F(CheckpointerTest, StartsAnewInAnEmptyFolderWhichItMakes) {
  set_weight(7);
  Checkpointer checkpointer(folder_);
  const auto resumed = checkpointer.resume(state_);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->path, "");
  EXPECT_THAT(resumed->skipped, IsEmpty());
  EXPECT_EQ(weight(), 7);
  EXPECT_THAT(files(), IsEmpty());
}

// ---- Damaged files

TEST_F(CheckpointerTest, OfAFolderWithANulInItsPathMakesNone) {
  Checkpointer checkpointer(folder_ + std::string("\0x", 2));
  const auto error = absl::InvalidArgumentError(
      folder_ + "\\000x: expected a path without a NUL character, got one with it");
  EXPECT_EQ(checkpointer.save(state_), error);
  EXPECT_EQ(checkpointer.resume(state_).status(), error);
  EXPECT_EQ(checkpointer.best().status(), error);
  EXPECT_FALSE(test::exists(folder_));
}

TEST_F(CheckpointerTest, SkipsWhatIsDamagedAndSaysWhy) {
  {
    Checkpointer checkpointer(folder_, {.keep_last = 4});
    save_all(checkpointer, {{1, 0.5}, {2, 0.75}, {3, 0.125}, {4, 0.25}});
  }
  damage(path(3));
  test::write_file(path(4), "nonsense");
  Checkpointer checkpointer(folder_, {.keep_last = 1});
  EXPECT_EQ(*checkpointer.best(), path(3));  // as its index says
  const auto resumed = checkpointer.resume(state_);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->path, path(2));
  EXPECT_EQ(weight(), 2);
  ASSERT_THAT(resumed->skipped, SizeIs(2));
  EXPECT_THAT(resumed->skipped[0].message(), HasSubstr(path(4) + ": expected a checkpoint"));
  EXPECT_THAT(resumed->skipped[1].message(), HasSubstr(path(3) + ": entry 'model.weight'"));
  EXPECT_EQ(*checkpointer.best(), path(1));

  // They neither count among the last, nor are they removed.
  save(checkpointer, 2, 0.5);
  EXPECT_THAT(files(), ElementsAre("step_000000000001.ckpt", "step_000000000002.ckpt",
                                   "step_000000000003.ckpt", "step_000000000004.ckpt"));
  save(checkpointer, 3, 0.375);  // in its place
  EXPECT_THAT(files(), ElementsAre("step_000000000003.ckpt", "step_000000000004.ckpt"));
  ASSERT_EQ(state_.load(path(3)), absl::OkStatus());
  EXPECT_EQ(*checkpointer.best(), path(3));
}

TEST_F(CheckpointerTest, NeverRemovesTheOnlyGoodOne) {
  {
    Checkpointer checkpointer(folder_, {.keep_last = 3});
    save_all(checkpointer, {{1, 3}, {2, 2}, {3, 1}});
  }
  damage(path(2));
  damage(path(3));
  Checkpointer checkpointer(folder_, {.keep_last = 1});
  ASSERT_TRUE(checkpointer.resume(state_).ok());
  // A save that fails removes nothing, not even the best but one.
  ASSERT_EQ(mkdir((path(5) + ".saving").c_str(), 0777), 0);
  state_.step = 5;
  ASSERT_EQ(checkpointer.save(state_, 0.5), absl::OkStatus());
  EXPECT_FALSE(checkpointer.wait().ok());
  ASSERT_EQ(state_.load(path(1)), absl::OkStatus());
  EXPECT_EQ(weight(), 1);
}

TEST_F(CheckpointerTest, ListsWhyNoneIsWhole) {
  {
    Checkpointer checkpointer(folder_);
    save_all(checkpointer, {{1, {}}, {2, {}}});
  }
  damage(path(1));
  test::write_file(path(2), "");
  set_weight(7);
  Checkpointer checkpointer(folder_);
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = checkpointer.resume(state_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(status.message(),
                HasSubstr(folder_ + ": expected a checkpoint that is whole, got none:\n\t" +
                          path(2) + ": expected a checkpoint, got a file of 0 bytes\n\t" + path(1) +
                          ": entry 'model.weight'"));
  }
  EXPECT_EQ(weight(), 7);
  state_.step = 1;
  EXPECT_EQ(checkpointer.save(state_).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(files(), SizeIs(2));
}

TEST_F(CheckpointerTest, DoesNotGoBackToAnOlderOneIfTheNewestIsOfAnotherModel) {
  {
    Checkpointer checkpointer(folder_);
    save(checkpointer, 1);
    nn::Linear wide(2, 1);
    TrainingState other;
    other.add("model", wide);
    other.step = 2;
    ASSERT_EQ(checkpointer.save(other), absl::OkStatus());
  }
  Checkpointer checkpointer(folder_);
  set_weight(7);
  const absl::Status status = checkpointer.resume(state_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr(path(2) + ": expected a state that fits"));
  EXPECT_THAT(status.message(), HasSubstr("size mismatch for weight"));
  EXPECT_THAT(status.message(), HasSubstr("value mismatch for bias"));
  EXPECT_EQ(weight(), 7);
}

// An older checkpoint instead of one that is as good as ever would undo what was trained since.
TEST_F(CheckpointerTest, DoesNotGoBackToAnOlderOneIfTheNewestCannotBeReadOrIsOfALaterVersion) {
  {
    Checkpointer checkpointer(folder_);
    save_all(checkpointer, {{1, {}}, {2, {}}});
  }
  set_weight(7);
  const std::string newest = test::read_file(path(2));
  ASSERT_EQ(chmod(path(2).c_str(), 0), 0);
  test::in_child_without_privileges([&] {
    Checkpointer checkpointer(folder_);
    const absl::Status status = checkpointer.resume(state_).status();
    return status.code() == absl::StatusCode::kPermissionDenied &&
           status.message() == path(2) + ": cannot open: Permission denied" && weight() == 7;
  });
  ASSERT_EQ(unlink(path(2).c_str()), 0);
  proto::Header header = test::FileBuilder::good_header();
  header.set_major_version(2);
  test::write_file(path(2), test::FileBuilder(header).finish());
  Checkpointer checkpointer(folder_);
  const absl::Status status = checkpointer.resume(state_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path(2) + ": "));
  EXPECT_EQ(weight(), 7);
  test::write_file(path(2), newest);
  ASSERT_TRUE(checkpointer.resume(state_).ok());
  EXPECT_EQ(weight(), 2);
}

TEST_F(CheckpointerTest, SaysThatThereIsNoMemoryForACopy) {
  // One element in memory, 4 PiB in a copy.
  struct Huge {
    nn::StateDict state_dict() const { return {{"x", ones({1}).expand({int64_t{1} << 50})}}; }
    void load_state_dict(const nn::StateDict&) {}
  } huge;
  state_.add("huge", huge);
  Checkpointer checkpointer(folder_);
  const absl::Status status = checkpointer.save(state_);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), ::testing::StartsWith(folder_ + ": "));
  EXPECT_EQ(checkpointer.wait(), absl::OkStatus());
  EXPECT_THAT(files(), IsEmpty());

  TrainingState small;
  small.add("model", model_);
  small.add("huge", model_);
  ASSERT_EQ(small.save(path(1)), absl::OkStatus());
  const absl::Status loaded = state_.load(path(1));
  EXPECT_EQ(loaded.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(loaded.message()), ::testing::StartsWith(path(1) + ": "));
}

// ---- Other files

TEST_F(CheckpointerTest, LeavesOtherFilesAloneAndCleansUpAfterKilledSaves) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0777), 0);
  const std::vector<std::string> foreign = {"notes.txt",
                                            "notes.txt.saving",
                                            "step_1.ckpt",
                                            "step_-00000000001.ckpt",
                                            "step_000000000001.ckpt.bak",
                                            "step_00000000000x.ckpt"};
  for (const std::string& name : foreign) test::write_file(folder_ + "/" + name, "x");
  test::write_file(path(3) + ".saving", "x");
  Checkpointer checkpointer(folder_, {.keep_last = 1});
  const auto resumed = checkpointer.resume(state_);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->path, "");
  save_all(checkpointer, {{4, {}}, {5, {}}});
  std::set<std::string> expected(foreign.begin(), foreign.end());
  expected.insert("step_000000000005.ckpt");
  EXPECT_EQ(files(), std::vector<std::string>(expected.begin(), expected.end()));
}

TEST_F(CheckpointerTest, ListsTheCheckpointsOfAFolderThatAnotherOneHas) {
  EXPECT_THAT(checkpoints_in(folder_), IsEmpty());  // not there
  Checkpointer checkpointer(folder_);
  save_all(checkpointer, {{9, {}}, {10, {}}, {200, {}}});
  test::write_file(path(100), "nonsense");
  for (const char* name : {"notes.txt", "step_1.ckpt", "step_000000000300.ckpt.saving"}) {
    test::write_file(folder_ + "/" + name, "x");
  }
  EXPECT_THAT(checkpoints_in(folder_), ElementsAre(path(9), path(10), path(100), path(200)));
}

TEST_F(CheckpointerTest, RefusesToSaveFewerStepsThanAreThere) {
  {
    Checkpointer checkpointer(folder_);
    save(checkpointer, 20);
  }
  Checkpointer checkpointer(folder_);
  state_.step = 10;
  const absl::Status status = checkpointer.save(state_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), path(20) +
                                  ": expected no checkpoint of more steps than 10: resume from it, "
                                  "remove it, or save to another folder");
  EXPECT_THAT(files(), SizeIs(1));
  set_weight(7);
  state_.step = 20;
  ASSERT_EQ(checkpointer.save(state_), absl::OkStatus());  // replaces it
  ASSERT_EQ(checkpointer.wait(), absl::OkStatus());
  set_weight(8);
  ASSERT_EQ(state_.load(path(20)), absl::OkStatus());
  EXPECT_EQ(weight(), 7);
}

TEST_F(CheckpointerTest, HasTheFolderToItself) {
  auto first = std::make_unique<Checkpointer>(folder_);
  save(*first, 1);
  Checkpointer second(folder_);
  EXPECT_EQ(second.resume(state_).status().message(),
            folder_ + ": another Checkpointer has the folder");
  EXPECT_EQ(second.save(state_).code(), absl::StatusCode::kUnavailable);
  first.reset();
  EXPECT_TRUE(second.resume(state_).ok());
}

// ---- Bad folders and options

TEST_F(CheckpointerTest, RefusesWhatIsNoFolder) {
  Checkpointer nowhere(folder_ + "/missing/run");
  EXPECT_EQ(nowhere.resume(state_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(nowhere.save(state_).message(),
            folder_ + "/missing/run: cannot create the folder: No such file or directory");
  test::write_file(folder_, "");
  Checkpointer file(folder_);
  EXPECT_EQ(file.resume(state_).status().message(),
            folder_ + ": cannot open the folder: Not a directory");
  EXPECT_FALSE(Checkpointer("").resume(state_).ok());
}

TEST_F(CheckpointerTest, RefusesAFolderThatCannotBeWrittenTo) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0555), 0);
  test::in_child_without_privileges([&] {
    Checkpointer checkpointer(folder_);
    const absl::Status status = checkpointer.resume(state_).status();
    return status.code() == absl::StatusCode::kPermissionDenied &&
           status.message() == folder_ + ": cannot write to the folder: Permission denied";
  });
}

TEST_F(CheckpointerTest, SyncsTheParentOfItsFolderEachTime) {
  const std::string parent = folder_ + "/..";
  ASSERT_EQ(mkdir(folder_.c_str(), 0777), 0);
  syncs = {};
  EXPECT_TRUE(Checkpointer(folder_).resume(state_).ok());
  EXPECT_EQ(syncs.inodes.count(inode_of(parent)), 1);

  syncs = {{}, inode_of(parent), EIO};
  EXPECT_EQ(Checkpointer(folder_).resume(state_).status().message(),
            folder_ + ": cannot sync its parent: Input/output error");
  syncs.error = EINVAL;  // from file systems without it
  EXPECT_TRUE(Checkpointer(folder_).resume(state_).ok());
  syncs = {};
}

TEST_F(CheckpointerTest, GetsAlongWithAParentThatMayNotBeRead) {
  const std::string parent = folder_.substr(0, folder_.rfind('/'));
  ASSERT_EQ(mkdir(folder_.c_str(), 0777), 0);
  ASSERT_EQ(chmod(parent.c_str(), 0111), 0);
  test::in_child_without_privileges([&] {
    Checkpointer checkpointer(folder_);
    return checkpointer.save(state_).ok() && checkpointer.wait().ok();
  });
  ASSERT_EQ(chmod(parent.c_str(), 0755), 0);
  EXPECT_THAT(files(), SizeIs(1));
}

TEST_F(CheckpointerTest, RefusesBadOptionsAndSteps) {
  EXPECT_THROWS(ValueError, "[Checkpointer] keep_last: expected at least 1, got 0",
                Checkpointer(folder_, {.keep_last = 0}));
  Checkpointer checkpointer(folder_);
  for (const int64_t step : {int64_t{-1}, int64_t{1000000000000}}) {
    state_.step = step;
    EXPECT_THROWS(
        ValueError,
        "[Checkpointer] expected a step from 0 to below 10^12, got " + std::to_string(step),
        checkpointer.save(state_).IgnoreError());
  }
  state_.step = 999999999999;
  EXPECT_EQ(checkpointer.save(state_), absl::OkStatus());
  EXPECT_EQ(checkpointer.wait(), absl::OkStatus());
  EXPECT_THAT(files(), ElementsAre("step_999999999999.ckpt"));
}

}  // namespace
}  // namespace lamina
