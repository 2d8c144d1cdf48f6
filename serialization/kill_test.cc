// A process that saves without end: there is a whole checkpoint each time it is killed, at random moments,
// and each time another process looks meanwhile.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

// Every element tells the generation; some arrays take a write of their own, some share one.
NamedArrays state_of(int64_t generation) {
  NamedArrays state;
  for (int i = 0; i < 20; ++i) {
    const Shape shape = i % 5 == 0 ? Shape{100000} : Shape{17};
    state.emplace_back("array" + std::to_string(i), NDArray::full(shape, generation, int64));
  }
  return state;
}

// The generation that a state is of; -1 if it is of none.
int64_t generation_of(const NamedArrays& state) {
  if (state.size() != 20 || !state[0].second.has_value()) return -1;
  const int64_t generation = state[0].second->data<int64_t>()[0];
  return test::is_same(state, state_of(generation)) ? generation : -1;
}

[[noreturn]] void save_for_ever(const std::string& path, int64_t generation) {
  while (save_checkpoint(path, state_of(++generation)).ok()) {
  }
  _exit(1);
}

TEST(Kill, AtAnyMomentLeavesAWholeCheckpoint) {
  const char* const setting = std::getenv("LAMINA_KILLS");
  const int kills = setting != nullptr ? std::atoi(setting) : 30;
  const std::string path = test::new_folder() + "/model.ckpt";
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(save_checkpoint(path, state_of(0)), absl::OkStatus());
  int64_t window = 3 * std::chrono::duration_cast<std::chrono::microseconds>(
                           std::chrono::steady_clock::now() - start)
                           .count();

  std::mt19937 random(1);
  int64_t generation = 0;
  int in_a_save = 0;
  for (int i = 0; i < kills; ++i) {
    const pid_t child = fork();
    if (child == 0) save_for_ever(path, generation);
    usleep(static_cast<useconds_t>(random() % window));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "a save failed";
    in_a_save += test::exists(path + ".saving");

    const absl::StatusOr<NamedArrays> state = load_checkpoint(path);
    ASSERT_TRUE(state.ok()) << state.status();
    const int64_t now = generation_of(*state);
    ASSERT_GE(now, generation);
    if (now == generation) window += window / 8;  // a save takes longer than the first one did
    generation = now;
  }
  std::printf("%d kills, %d of them in a save; %d saves\n", kills, in_a_save,
              static_cast<int>(generation));
  EXPECT_GT(in_a_save, 0);
  EXPECT_GT(generation, 0);
  ASSERT_EQ(save_checkpoint(path, state_of(0)), absl::OkStatus());
  EXPECT_FALSE(test::exists(path + ".saving"));
}

TEST(Save, ShowsWhoLoadsMeanwhileAWholeCheckpointEachTime) {
  const std::string path = test::new_folder() + "/model.ckpt";
  ASSERT_EQ(save_checkpoint(path, state_of(0)), absl::OkStatus());
  const pid_t child = fork();
  if (child == 0) save_for_ever(path, 0);

  int64_t generation = 0;
  int loads = 0, changes = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  for (; std::chrono::steady_clock::now() < end || changes < 3; ++loads) {
    const absl::StatusOr<NamedArrays> state = load_checkpoint(path);
    EXPECT_TRUE(state.ok()) << state.status();
    const int64_t now = state.ok() ? generation_of(*state) : -1;
    EXPECT_GE(now, generation);
    if (HasFailure() || waitpid(child, nullptr, WNOHANG) != 0) break;
    changes += now > generation;
    generation = now;
  }
  std::printf("%d loads during %d saves\n", loads, static_cast<int>(generation));
  EXPECT_GE(changes, 3);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace lamina
