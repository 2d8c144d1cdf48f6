// Training that is killed at random moments and resumed, until it is done: all that it ends with, the last
// bit included, is what the same training ends with when nobody kills it.
//
// The program that trains is this one, started anew each time with --train=FOLDER.
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/checkpointer.h"
#include "lamina/serialization/training_state.h"

namespace lamina {
namespace {

constexpr int64_t kSteps = 600;
constexpr int64_t kStepsPerSave = 7;
constexpr int64_t kSamples = 2000,
                  kBatch = 64;  // so a pass is 32 batches, and no multiple of a save

struct Digits {
  Digits() {
    const std::string folder = "../mnist/data/";
    const auto all = nn::data::load_labelled_images(folder + "t10k-images-idx3-ubyte",
                                                    folder + "t10k-labels-idx1-ubyte");
    if (!all.ok()) throw std::runtime_error(std::string(all.status().message()));
    images = all->images.narrow(0, 0, kSamples);
    labels = all->labels.narrow(0, 0, kSamples);
  }
  Tensor images, labels;
};

// A network with dropout, its optimizer, schedule and average, and shuffled digits, turned at random by as
// many workers. `without` is a part that is not saved.
class Training {
 public:
  explicit Training(const Digits& digits, uint64_t seed = 1, const std::string& without = "",
                    int64_t workers = 0)
      : model_(seeded(seed)),
        loader_(digits.images, digits.labels,
                {.batch_size = kBatch,
                 .shuffle = true,
                 .seed = 3,
                 .transform = nn::data::Compose({[](const Tensor& x) {
                                                   return x.view({28, 28});
                                                 },
                                                 nn::data::RandomRotation(10),
                                                 [](const Tensor& x) { return x.view({784}); }}),
                 .num_workers = workers}) {
    const auto add = [&](const std::string& name, auto& part) {
      if (name != without) state.add(name, part);
    };
    add("model", model_);
    add("optimizer", adamw_);
    add("schedule", schedule_);
    add("average", average_);
    add("generator", default_generator());
    add("loader", loader_);
  }

  // Calls after_step after each, up to and with step number `last`.
  template <class F>
  void train(int64_t last, const F& after_step) {
    while (state.step < last) {
      for (const nn::data::Batch& batch : loader_) {
        adamw_.zero_grad();
        const Tensor loss = loss_(model_(batch.x), batch.y);
        loss.backward();
        adamw_.step();
        schedule_.step();
        average_.update();
        ++state.step;
        after_step(loss.item<double>());
        if (state.step == last) break;
      }
    }
  }

  TrainingState state;

 private:
  static nn::Sequential seeded(uint64_t seed) {
    manual_seed(seed);
    return nn::Sequential{nn::Linear(784, 64), nn::ReLU(), nn::Dropout(0.2), nn::Linear(64, 10)};
  }

  nn::Sequential model_;
  nn::optim::AdamW adamw_{model_.parameters(), {.lr = 1e-3}};
  nn::optim::CosineAnnealingLR schedule_{adamw_, {.T_max = kSteps}};
  nn::optim::ExponentialMovingAverage average_{model_, {.decay = 0.99}};
  nn::data::DataLoader loader_;
  nn::CrossEntropyLoss loss_;
};

// ---- The program that is killed

void check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "resume_test: %s\n", status.ToString().c_str());
  std::exit(1);
}

// Leaves final.ckpt in the folder.
void train(const std::string& folder) {
  const Digits digits;
  // Unless a number is asked for, each start has another one, which may not matter: none, 1 or 2.
  const char* const workers = std::getenv("LAMINA_WORKERS");
  Training training(digits, 1, "", workers != nullptr ? std::atoi(workers) : getpid() % 3);
  Checkpointer checkpointer(folder, {.keep_last = 2});
  const auto resumed = checkpointer.resume(training.state);
  check(resumed.status());
  for (const absl::Status& skipped : resumed->skipped) check(skipped);  // nothing may be damaged
  training.train(kSteps, [&](double loss) {
    if (training.state.step % kStepsPerSave == 0) check(checkpointer.save(training.state, loss));
  });
  check(checkpointer.wait());
  check(training.state.save(folder + "/final.ckpt"));
}

// ---- The one that kills

pid_t start(const std::string& folder) {
  const std::string argument = "--train=" + folder;
  const pid_t child = fork();
  if (child != 0) return child;
  execl("/proc/self/exe", "resume_test", argument.c_str(), static_cast<char*>(nullptr));
  _exit(127);
}

// Whether it came to its end; false if it was killed.
bool finishes(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
  return WIFEXITED(status);
}

// The newest checkpoint's number of steps; -1 without one. Whether a save was cut off.
int64_t look(const std::string& folder, bool* is_in_a_save) {
  int64_t newest = -1;
  *is_in_a_save = false;
  DIR* const listing = opendir(folder.c_str());
  while (const dirent* entry = listing == nullptr ? nullptr : readdir(listing)) {
    absl::string_view name = entry->d_name;
    if (absl::EndsWith(name, ".saving")) *is_in_a_save = true;
    if (!absl::ConsumePrefix(&name, "step_") || !absl::EndsWith(name, ".ckpt")) continue;
    newest = std::max<int64_t>(newest, std::atoll(std::string(name).c_str()));
  }
  if (listing != nullptr) closedir(listing);
  return newest;
}

TEST(Resume, AfterKillsEndsWithTheBitsOfARunWithoutKills) {
  const char* const setting = std::getenv("LAMINA_KILLS");
  const int wanted = setting != nullptr ? std::atoi(setting) : 5;
  const std::string folder = test::new_folder();
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(finishes(start(folder + "/unbroken")));
  const int64_t duration = std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::steady_clock::now() - begin)
                               .count();
  const std::string expected = test::read_file(folder + "/unbroken/final.ckpt");

  std::mt19937 random(1);
  int kills = 0, in_saves = 0, runs = 0;
  std::set<int64_t> resumed_at;
  while (kills < wanted) {
    const std::string run = absl::StrCat(folder, "/run", runs++);
    while (true) {
      const pid_t child = start(run);
      if (kills < wanted) {
        usleep(static_cast<useconds_t>(random() % (duration * 2 / 3)));
        kill(child, SIGKILL);
      }
      if (finishes(child)) break;
      ASSERT_FALSE(HasFailure());
      bool is_in_a_save = false;
      resumed_at.insert(look(run, &is_in_a_save));
      in_saves += is_in_a_save;
      ++kills;
    }
    ASSERT_FALSE(HasFailure());
    ASSERT_TRUE(test::read_file(run + "/final.ckpt") == expected) << run;
  }
  std::printf("%d kills, %d of them in a save; %d runs of %.2f s; resumed at %d different steps\n",
              kills, in_saves, runs, static_cast<double>(duration) / 1e6,
              static_cast<int>(resumed_at.size()));
  EXPECT_GT(*resumed_at.rbegin(), 0);
}

// ---- What each part is needed for

TEST(Resume, TakesEveryPart) {
  const Digits digits;
  const std::string path = test::new_folder() + "/training.ckpt";
  const auto nothing = [](double) {};
  const auto all_of = [](const Training& training) {
    return training.state.state_dict().clone().arrays();
  };
  Training unbroken(digits);
  nn::StateDict saved;
  unbroken.train(70, [&](double) {
    if (unbroken.state.step != 40) return;  // in the second pass
    saved = unbroken.state.state_dict().clone();
    ASSERT_EQ(unbroken.state.save(path), absl::OkStatus());
  });
  const NamedArrays expected = all_of(unbroken);

  Training resumed(digits, 2);
  ASSERT_EQ(resumed.state.load(path), absl::OkStatus());
  resumed.train(70, nothing);
  EXPECT_TRUE(test::is_same(all_of(resumed), expected));

  for (const std::string without :
       {"model", "optimizer", "schedule", "average", "generator", "loader"}) {
    Training partial(digits, 2, without);
    nn::StateDict rest = saved;
    rest.take(without + ".");
    partial.state.load_state_dict(rest);
    partial.train(70, nothing);
    NamedArrays others;
    for (const auto& entry : expected) {
      if (!absl::StartsWith(entry.first, without + ".")) others.push_back(entry);
    }
    const bool is_seen_in_others = without != "average";  // which nothing else depends on
    EXPECT_EQ(test::is_same(all_of(partial), others), !is_seen_in_others) << without;
  }
}

}  // namespace
}  // namespace lamina

int main(int argc, char** argv) {
  absl::string_view folder = argc > 1 ? argv[1] : "";
  if (absl::ConsumePrefix(&folder, "--train=")) {
    lamina::train(std::string(folder));
    return 0;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
