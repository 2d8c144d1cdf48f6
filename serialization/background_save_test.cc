// Saves in the background: that training goes on meanwhile, who waits for them, who learns of their errors.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/serialization/checkpointer.h"
#include "lamina/serialization/checkpointer_testing.h"
#include "lamina/serialization/training_state.h"

namespace {

// Holds up whoever calls flock(), while it is closed.
class Gate {
 public:
  void close() { set(true); }
  void open() { set(false); }
  void pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !is_closed_; });
    --waiting_;
  }
  void wait_for_somebody() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ > 0; });
  }

 private:
  void set(bool is_closed) {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_closed_ = is_closed;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_closed_ = false;
  int waiting_ = 0;
};

Gate& gate() {
  static Gate gate;
  return gate;
}

}  // namespace

// The library calls this one: the linker prefers it to the C library's. A save locks its temporary file
// before it writes a byte.
extern "C" int flock(int file, int operation) noexcept {
  gate().pass();
  return static_cast<int>(syscall(SYS_flock, file, operation));
}

namespace lamina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BackgroundSave : public test::CheckpointerTest {
 protected:
  // Begins a save and leaves it waiting before it has written a byte.
  void begin_to_save(Checkpointer& checkpointer, int step) {
    ASSERT_FALSE(checkpointer.best().ok());  // opens the folder, which takes a lock as well
    state_.step = step;
    gate().close();
    ASSERT_EQ(checkpointer.save(state_), absl::OkStatus());
    gate().wait_for_somebody();
  }
};

TEST_F(BackgroundSave, WritesACopyWhileTrainingGoesOn) {
  Checkpointer checkpointer(folder_);
  set_weight(1);
  begin_to_save(checkpointer, 1);
  EXPECT_FALSE(test::exists(path(1)));
  NDArray(model_.weight.data()).fill_(2);  // in place
  state_.step = 2;
  gate().open();
  ASSERT_EQ(checkpointer.wait(), absl::OkStatus());
  ASSERT_EQ(state_.load(path(1)), absl::OkStatus());
  EXPECT_EQ(weight(), 1);
  EXPECT_EQ(state_.step, 1);
}

TEST_F(BackgroundSave, WaitsForTheSaveBefore) {
  Checkpointer checkpointer(folder_);
  begin_to_save(checkpointer, 1);
  std::atomic<bool> is_open{false};
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    is_open = true;
    gate().open();
  });
  state_.step = 2;
  EXPECT_EQ(checkpointer.save(state_), absl::OkStatus());
  EXPECT_TRUE(is_open);
  EXPECT_TRUE(test::exists(path(1)));
  opener.join();
  EXPECT_EQ(checkpointer.wait(), absl::OkStatus());
  EXPECT_TRUE(test::exists(path(2)));
}

TEST_F(BackgroundSave, WaitsInItsDestructor) {
  std::thread opener;
  {
    Checkpointer checkpointer(folder_);
    begin_to_save(checkpointer, 0);
    opener = std::thread([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      gate().open();
    });
  }
  EXPECT_TRUE(test::exists(path(0)));
  opener.join();
}

TEST_F(BackgroundSave, ReportsAnErrorAtTheNextCall) {
  Checkpointer checkpointer(folder_);
  save(checkpointer, 1, 0.5);
  const auto fail_to_save = [&](int step) {
    ASSERT_EQ(mkdir(path(step).c_str(), 0777), 0);
    state_.step = step;
    ASSERT_EQ(checkpointer.save(state_), absl::OkStatus());
  };
  const auto error = [&](int step) {
    return path(step) + ": expected a regular file, got a folder";
  };
  fail_to_save(2);
  EXPECT_EQ(checkpointer.wait().message(), error(2));
  EXPECT_EQ(checkpointer.wait(), absl::OkStatus());  // told once
  fail_to_save(3);
  EXPECT_EQ(checkpointer.best().status().message(), error(3));
  EXPECT_EQ(*checkpointer.best(), path(1));
  fail_to_save(4);
  EXPECT_EQ(checkpointer.resume(state_).status().message(), error(4));
  fail_to_save(5);
  state_.step = 6;
  EXPECT_EQ(checkpointer.save(state_).message(), error(5));
  EXPECT_EQ(checkpointer.wait(), absl::OkStatus());
  EXPECT_TRUE(test::exists(path(6)));  // it had begun nevertheless
  fail_to_save(7);
  state_.step = 5;  // which cannot even begin
  const absl::Status both = checkpointer.save(state_);
  EXPECT_EQ(both.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(both.message()), HasSubstr(path(6) + ": expected no checkpoint of more"));
  EXPECT_THAT(std::string(both.message()), HasSubstr(error(7)));
  EXPECT_EQ(checkpointer.wait(), absl::OkStatus());
}

TEST_F(BackgroundSave, ReportsAMetadataErrorOfTheWriter) {
  Checkpointer checkpointer(folder_);
  state_.metadata = {{"k", "\xff"}};
  ASSERT_EQ(checkpointer.save(state_), absl::OkStatus());
  EXPECT_EQ(checkpointer.wait().message(), path(0) + ": metadata 'k': expected text in UTF-8");
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(BackgroundSave, SaysWhichOldOneItCannotRemove) {
  {
    Checkpointer checkpointer(folder_);
    save_all(checkpointer, {{1, {}}, {2, {}}});
  }
  ASSERT_EQ(unlink(path(1).c_str()), 0);
  ASSERT_EQ(mkdir(path(1).c_str(), 0777), 0);
  Checkpointer checkpointer(folder_, {.keep_last = 1});
  state_.step = 3;
  ASSERT_EQ(checkpointer.save(state_), absl::OkStatus());
  EXPECT_THAT(checkpointer.wait().message(), HasSubstr(path(1) + ": cannot remove"));
  EXPECT_THAT(files(), ElementsAre("step_000000000001.ckpt", "step_000000000003.ckpt"));
}

}  // namespace
}  // namespace lamina
