// Saves during which the system refuses a call: each one in turn, for each reason. The old file stays, the
// error is told, and no temporary is left. And a disk that cannot read.
//
// The calls below are those of this program, and so of the library: the linker prefers them to the C
// library's.
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/checkpointer.h"
#include "lamina/serialization/safetensors.h"
#include "lamina/serialization/training_state.h"
#include "lamina/tensor/test_util.h"

namespace {

// Which call is refused, and what came of it.
struct Refusal {
  int calls_before = -1;  // the number of calls that go well first; refuses none below 0
  int error = 0;
  bool is_short = false;  // a write first takes a half, and then refuses
  bool for_good = false;  // with all calls that follow
  std::string call;       // the first that was refused
};
Refusal refusal;

bool refuses(const char* call) {
  if (refusal.calls_before < 0 || (refusal.calls_before > 0 && refusal.calls_before-- > 0)) {
    return false;
  }
  if (!refusal.for_good) refusal.calls_before = -1;
  if (refusal.call.empty()) refusal.call = call;
  errno = refusal.error;
  return true;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if (refuses("open")) return -1;
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

ssize_t write(int file, const void* bytes, size_t size) {
  if (refusal.calls_before == 0 && refusal.is_short && size > 1) {
    refusal.is_short = false;
    return syscall(SYS_write, file, bytes, size / 2);
  }
  return refuses("write") ? -1 : syscall(SYS_write, file, bytes, size);
}

int close(int file) {
  syscall(SYS_close, file);  // which is done even if it gives an error
  return refuses("close") ? -1 : 0;
}

int flock(int file, int operation) noexcept {
  return refuses("flock") ? -1 : static_cast<int>(syscall(SYS_flock, file, operation));
}

int stat(const char* path, struct stat* info) noexcept {
  return refuses("stat") ? -1 : fstatat(AT_FDCWD, path, info, 0);
}

int lstat(const char* path, struct stat* info) noexcept {
  return refuses("lstat") ? -1 : fstatat(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
}

int fstat(int file, struct stat* info) noexcept {
  return refuses("fstat") ? -1 : fstatat(file, "", info, AT_EMPTY_PATH);
}

int unlink(const char* path) noexcept {
  return refuses("unlink") ? -1 : static_cast<int>(syscall(SYS_unlink, path));
}

int ftruncate(int file, off_t size) noexcept {
  return refuses("ftruncate") ? -1 : static_cast<int>(syscall(SYS_ftruncate, file, size));
}

int fchmod(int file, mode_t mode) noexcept {
  return refuses("fchmod") ? -1 : static_cast<int>(syscall(SYS_fchmod, file, mode));
}

int fsync(int file) { return refuses("fsync") ? -1 : static_cast<int>(syscall(SYS_fsync, file)); }

int rename(const char* from, const char* to) noexcept {
  return refuses("rename") ? -1 : static_cast<int>(syscall(SYS_rename, from, to));
}

ssize_t pread(int file, void* to, size_t size, off_t offset) {
  if (refuses("pread")) return -1;
  return syscall(SYS_pread64, file, to, size, offset);
}

}  // extern "C"

namespace lamina {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Format {
  std::function<absl::Status(const std::string&, const NamedArrays&)> save;
  std::function<absl::StatusOr<NamedArrays>(const std::string&)> load;
};

class WriteError : public ::testing::TestWithParam<Format> {
 protected:
  const std::string path_ = test::new_folder() + "/model";
  // Several writes: of buffers, of arrays of their own, and at the end.
  const NamedArrays old_ = {{"a", test::noise({50000})}, {"b", test::noise({7})}};
  const NamedArrays new_ = {{"a", test::noise({5}, int32)},
                            {"b", test::noise({60000})},
                            {"c", test::noise({100}, bool_)}};

  bool holds(const NamedArrays& state) {
    const absl::StatusOr<NamedArrays> loaded = GetParam().load(path_);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded.ok() && test::is_same(*loaded, state);
  }
  // Saves new_ over old_; returns the call that was refused, none if the save was over before.
  std::string save_with(int calls_before, int error, bool is_short, absl::Status* status,
                        bool for_good = false) {
    refusal = {};
    EXPECT_EQ(GetParam().save(path_, old_), absl::OkStatus());
    refusal = {calls_before, error, is_short, for_good, ""};
    *status = GetParam().save(path_, new_);
    const std::string call = refusal.call;
    refusal = {};
    return call;
  }
};

TEST_P(WriteError, AtAnyCallIsToldAndLeavesTheOldFile) {
  for (const int error : {ENOSPC, EIO, EDQUOT}) {
    for (const bool is_short : {false, true}) {
      std::map<std::string, int> refused;
      bool names_entry = false;
      for (int calls = 0;; ++calls) {
        absl::Status status;
        const std::string call = save_with(calls, error, is_short, &status);
        EXPECT_FALSE(test::exists(path_ + ".saving")) << call << " " << calls;
        if (call.empty()) {
          EXPECT_EQ(status, absl::OkStatus());
          EXPECT_TRUE(holds(new_));
          break;
        }
        ++refused[call];
        // A file system may have no locks, and what is closed is on the disk already.
        if (call == "flock" || call == "close") {
          EXPECT_EQ(status, absl::OkStatus());
          EXPECT_TRUE(holds(new_)) << call << " " << calls;
          continue;
        }
        EXPECT_THAT(std::string(status.message()), StartsWith(path_ + ": ")) << call;
        EXPECT_THAT(std::string(status.message()), HasSubstr(std::strerror(error))) << call;
        names_entry |= status.message().find(path_ + ": entry 'b': cannot write ") == 0;
        // The second fsync is the folder's.
        const bool is_replaced = call == "fsync" && refused[call] == 2;
        EXPECT_EQ(status.message().find("replaced, but its folder cannot be synced") !=
                      absl::string_view::npos,
                  is_replaced);
        EXPECT_TRUE(holds(is_replaced ? new_ : old_)) << call << " " << calls;
      }
      EXPECT_TRUE(names_entry);
      const int writes = refused["write"];
      EXPECT_GE(writes, 3);
      EXPECT_EQ(refused, (std::map<std::string, int>{{"open", 2},  // the folder first
                                                     {"lstat", 1},
                                                     {"flock", 2},
                                                     {"fstat", 1},
                                                     {"stat", 1},
                                                     {"ftruncate", 1},
                                                     {"fchmod", 1},
                                                     {"write", writes},
                                                     {"fsync", 2},
                                                     {"rename", 1},
                                                     {"close", 2}}));
    }
  }
}

// As when a disk goes: then not even the temporary can be removed.
TEST_P(WriteError, OfAllCallsFromOneOnLeavesTheOldFile) {
  bool has_refused_unlink = false;
  for (int calls = 0;; ++calls) {
    absl::Status status;
    const std::string call = save_with(calls, EIO, false, &status, true);
    if (call.empty()) break;
    has_refused_unlink |= test::exists(path_ + ".saving");
    // By then the new file is there: the second fsync is the folder's.
    const bool is_replaced =
        call == "close" || status.message().find("replaced, but") != absl::string_view::npos;
    if (call != "close" && !(call == "flock" && status.ok())) {
      EXPECT_THAT(std::string(status.message()), StartsWith(path_ + ": ")) << call;
      EXPECT_THAT(std::string(status.message()), HasSubstr(std::strerror(EIO))) << call;
    }
    EXPECT_TRUE(holds(is_replaced || status.ok() ? new_ : old_)) << call << " " << calls;
  }
  EXPECT_TRUE(has_refused_unlink);
}

// Somebody else has taken the temporary away meanwhile.
TEST_P(WriteError, OfALostTemporaryMakesItAnew) {
  for (int calls = 0;; ++calls) {
    absl::Status status;
    const std::string call = save_with(calls, ENOENT, false, &status);
    ASSERT_NE(call, "");
    if (call != "stat") continue;
    EXPECT_EQ(status, absl::OkStatus());
    EXPECT_TRUE(holds(new_));
    break;
  }
}

TEST_P(WriteError, OfAnInterruptedOrPartialWriteIsNone) {
  int writes = 0;
  for (int calls = 0;; ++calls) {
    absl::Status status;
    const std::string call = save_with(calls, EINTR, true, &status);
    if (call.empty()) break;
    if (call != "write") continue;
    ++writes;
    EXPECT_EQ(status, absl::OkStatus());
    EXPECT_TRUE(holds(new_)) << calls;
  }
  EXPECT_GE(writes, 3);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, WriteError,
    ::testing::Values(Format{[](const std::string& path, const NamedArrays& state) {
                               return save_checkpoint(path, state);
                             },
                             load_checkpoint},
                      Format{[](const std::string& path, const NamedArrays& state) {
                               return save_safetensors(path, state);
                             },
                             load_safetensors}));

TEST(ReadError, OfTheNewestCheckpointIsPassedOver) {
  const std::string folder = test::new_folder() + "/run";
  Checkpointer checkpointer(folder);
  TrainingState state;
  for (state.step = 1; state.step <= 2; ++state.step) {
    ASSERT_EQ(checkpointer.save(state), absl::OkStatus());
  }
  ASSERT_EQ(checkpointer.wait(), absl::OkStatus());
  refusal = {2, EIO, false, false, ""};  // after open() and fstat()
  const absl::StatusOr<Checkpointer::Resumed> resumed = checkpointer.resume(state);
  EXPECT_EQ(refusal.call, "pread");
  refusal = {};
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->path, folder + "/step_000000000001.ckpt");
  ASSERT_EQ(resumed->skipped.size(), 1u);
  EXPECT_EQ(resumed->skipped[0].message(),
            folder + "/step_000000000002.ckpt: cannot read at offset 0: Input/output error");
}

}  // namespace
}  // namespace lamina
