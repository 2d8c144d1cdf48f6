#include "lamina/serialization/training_state.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using nn::StateDict;
using ::testing::HasSubstr;

// What a program trains, and all that it goes on from.
struct Training {
  explicit Training(uint64_t seed, int64_t hidden = 5)
      : model(nn::Linear(4, hidden), nn::BatchNorm1d(hidden), nn::Linear(hidden, 3)),
        generator(seed) {
    for (const Tensor& p : model.parameters()) {
      NDArray(p.data()).copy_(random::normal(p.shape(), 0, 1, float32, generator));
    }
    state.add("model", model);
    state.add("optimizer", adamw);
    state.add("schedule", schedule);
    state.add("plateau", plateau);
    state.add("average", average);
    state.add("generator", generator);
    state.add("loader", loader);
  }
  void train(
      int steps, const std::function<void()>& after_step = [] {}) {
    while (steps > 0) {
      for (const nn::data::Batch& batch : loader) {
        adamw.zero_grad();
        const NDArray noise = random::normal(batch.x.shape(), 0, 0.1, float32, generator);
        const Tensor loss = square(model(batch.x + noise) - batch.y).mean();
        loss.backward();
        adamw.step();
        schedule.step();
        plateau.step(loss.item<double>());
        average.update();
        ++state.step;
        after_step();
        if (--steps == 0) return;
      }
    }
  }
  NamedArrays everything() const { return state.state_dict().clone().arrays(); }

  nn::Sequential model;
  nn::optim::AdamW adamw{model.parameters(), {.lr = 0.01}};
  nn::optim::OneCycleLR schedule{adamw, {.max_lr = 0.1, .total_steps = 100}};
  nn::optim::ReduceLROnPlateau plateau{adamw, {.patience = 1}};
  nn::optim::ExponentialMovingAverage average{model, {.decay = 0.9}};
  Generator generator;
  nn::data::DataLoader loader{Tensor(test::noise({23, 4})),
                              Tensor(test::noise({23, 3}, float32, 2)),
                              {.batch_size = 4, .shuffle = true, .seed = 5}};
  TrainingState state;
};

// A class of the user's, of two values, that may throw between them.
struct Pair {
  StateDict state_dict() const {
    return {{"first", full({}, first, float64)}, {"second", full({}, second, float64)}};
  }
  void load_state_dict(const StateDict& state) {
    first = state.at("first").item<double>();
    if (throw_midway) throw_midway();
    second = state.at("second").item<double>();
  }
  double first = 1, second = 2;
  std::function<void()> throw_midway;
};

class TrainingStateTest : public ::testing::Test {
 protected:
  const std::string path_ = test::new_folder() + "/training.ckpt";

  // Expects a load to be refused with this text after the path, and to change nothing.
  void expect_no_load(Training& training, absl::StatusCode code, const std::string& text) {
    const NamedArrays before = training.everything();
    const absl::Status status = training.state.load(path_);
    EXPECT_EQ(status.code(), code);
    EXPECT_EQ(status.message(), path_ + ": " + text);
    EXPECT_TRUE(test::is_same(training.everything(), before));
  }
};

constexpr char kList[] = "expected a state that fits, got one with these problems:\n\t";

TEST_F(TrainingStateTest, OfAllPartsGoesThroughAFileBitForBit) {
  Training first(1), second(2);
  first.state.metadata = {{"host", "kiwi"}};
  NamedArrays saved;
  first.train(15, [&] {
    if (first.state.step != 8) return;  // in a pass of 6 batches
    saved = first.everything();
    ASSERT_EQ(first.state.save(path_), absl::OkStatus());
  });
  second.train(3);
  ASSERT_EQ(second.state.load(path_), absl::OkStatus());
  EXPECT_EQ(second.state.step, 8);
  EXPECT_EQ(second.state.metadata, first.state.metadata);
  EXPECT_TRUE(test::is_same(second.everything(), saved));

  second.train(7);
  EXPECT_EQ(second.state.step, 15);
  EXPECT_TRUE(test::is_same(second.everything(), first.everything()));
}

TEST_F(TrainingStateTest, IsACheckpointWithThePartsUnderTheirNames) {
  nn::Linear model(2, 1, {.bias = false});
  model.weight.set_data(NDArray::from<float>({{3, 4}}));
  nn::optim::SGD sgd(model.parameters(), {.lr = 0.5, .momentum = 0.25});
  Generator generator(std::numeric_limits<uint64_t>::max());
  generator.take(6);
  TrainingState state;
  state.add("model", model);
  state.add("sgd", sgd);
  state.add("noise", generator);
  state.step = 7;
  ASSERT_EQ(state.save(path_), absl::OkStatus());

  const absl::StatusOr<NamedArrays> arrays = load_checkpoint(path_);
  ASSERT_TRUE(arrays.ok()) << arrays.status();
  StateDict saved(*arrays);
  EXPECT_EQ(saved.at("step").item<int64_t>(), 7);
  EXPECT_EQ(saved.at("model.weight").to_vector<float>(), (std::vector<float>{3, 4}));
  EXPECT_TRUE(saved.contains("model.bias") && !saved.find("model.bias")->has_value());
  EXPECT_EQ(saved.at("sgd.groups.0.momentum").item<double>(), 0.25);
  EXPECT_EQ(saved.at("noise.seed_and_position").to_vector<int64_t>(),
            (std::vector<int64_t>{-1, 6}));

  nn::Linear alone(2, 1, {.bias = false});
  alone.load_state_dict(saved.take("model."));
  EXPECT_EQ(alone.weight.get().to_vector<float>(), (std::vector<float>{3, 4}));
}

TEST_F(TrainingStateTest, ListsAllThatDiffersInTheStateOfAnotherModel) {
  Training narrow(1, 4), wide(1, 5);
  narrow.train(3);
  ASSERT_EQ(narrow.state.save(path_), absl::OkStatus());
  wide.train(2);
  const NamedArrays before = wide.everything();
  const absl::Status status = wide.state.load(path_);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(),
              HasSubstr(path_ + ": " + kList +
                        "model: [load_state_dict] Error(s) in loading state_dict for Sequential:"));
  for (const char* problem :
       {"size mismatch for 0.weight: copying a param with shape (4, 4) from checkpoint, the shape "
        "in current model is (5, 4).",
        "size mismatch for 2.weight", "\n\toptimizer: [AdamW]",
        "state.0.exp_avg: expected the shape", "\n\taverage: [ExponentialMovingAverage]"}) {
    EXPECT_THAT(status.message(), HasSubstr(problem));
  }
  EXPECT_THAT(status.message(), ::testing::Not(HasSubstr("generator")));
  EXPECT_TRUE(test::is_same(wide.everything(), before));
  EXPECT_THROWS(RuntimeError, std::string("[TrainingState] ") + kList + "model:",
                wide.state.load_state_dict(narrow.state.state_dict()));
}

TEST_F(TrainingStateTest, ListsPartsThatAreMissingAndUnexpected) {
  Training training(1);
  Pair pair;
  nn::Linear head(2, 2);
  TrainingState other;
  other.add("model", training.model);
  other.add("head", head);
  other.add("pair", pair);
  ASSERT_EQ(other.save(path_), absl::OkStatus());
  expect_no_load(training, absl::StatusCode::kFailedPrecondition,
                 std::string(kList) +
                     "Missing part(s): \"optimizer\", \"schedule\", \"plateau\", \"average\", "
                     "\"generator\", \"loader\".\n\tUnexpected part(s): \"head\", \"pair\".");
}

TEST_F(TrainingStateTest, SaysWhatTheCheckpointOfAModelAloneHas) {
  Pair pair;
  TrainingState state;
  state.add("pair", pair);
  const nn::Linear model(1, 1);
  ASSERT_EQ(save_checkpoint(path_, model.state_dict().arrays()), absl::OkStatus());
  EXPECT_EQ(state.load(path_).message(),
            path_ + ": " + kList +
                "Missing part(s): \"pair\".\n\tUnexpected part(s): \"weight\", \"bias\".\n\t"
                "step: expected one int64 of at least 0, got no such entry");
}

TEST_F(TrainingStateTest, RefusesAStepThatIsNone) {
  Training training(1);
  const std::pair<std::optional<Tensor>, const char*> cases[] = {
      {std::nullopt, "an entry without a value"},
      {full({}, 3.f), "float32 ()"},
      {full({1}, 3, int64), "int64 (1,)"},
      {full({}, -1, int64), "-1"},
  };
  for (const auto& [step, what] : cases) {
    StateDict state = training.state.state_dict();
    state.set("step", step);
    ASSERT_EQ(save_checkpoint(path_, state.arrays()), absl::OkStatus());
    expect_no_load(training, absl::StatusCode::kFailedPrecondition,
                   std::string(kList) + "step: expected one int64 of at least 0, got " + what);
  }
}

TEST_F(TrainingStateTest, RefusesTheStateOfAGeneratorThatIsNone) {
  Training training(1);
  const auto refuses = [&](const StateDict& generator, const std::string& what) {
    StateDict state = training.state.state_dict();
    state.take("generator.");
    state.add("generator.", generator);
    ASSERT_EQ(save_checkpoint(path_, state.arrays()), absl::OkStatus());
    expect_no_load(training, absl::StatusCode::kFailedPrecondition,
                   std::string(kList) +
                       "generator: [Generator] expected seed_and_position, int64 (2,), and nothing "
                       "else, got " +
                       what);
  };
  refuses({{"seed", ones({2}, int64)}}, "no such entry among 1 entries");
  refuses({{"seed_and_position", ones({3}, int64)}}, "int64 (3,) among 1 entries");
  refuses({{"seed_and_position", ones({2})}}, "float32 (2,) among 1 entries");
  refuses({{"seed_and_position", ones({2}, int64)}, {"x", ones(1)}}, "int64 (2,) among 2 entries");
}

TEST_F(TrainingStateTest, PutsAllPartsBackWhenOneThrowsMidway) {
  Training training(1);
  Pair pair;
  training.state.add("pair", pair);
  training.train(2);
  ASSERT_EQ(training.state.save(path_), absl::OkStatus());
  training.train(2);
  pair.first = 10;
  pair.second = 20;
  bool thrown = false;
  pair.throw_midway = [&] {
    if (!std::exchange(thrown, true)) throw std::runtime_error("no more");
  };
  expect_no_load(training, absl::StatusCode::kFailedPrecondition,
                 std::string(kList) + "pair: no more");
  thrown = false;
  pair.throw_midway = [&] {
    if (!std::exchange(thrown, true)) throw 1;
  };
  expect_no_load(training, absl::StatusCode::kFailedPrecondition,
                 std::string(kList) + "pair: an exception of an unknown class");
  EXPECT_EQ(training.state.step, 4);
}

// A load makes a loop under way over a loader let go of its position.
TEST_F(TrainingStateTest, LeavesALoaderInMidLoopAloneThatHasRefusedAState) {
  nn::Linear model(2, 2);
  const auto position = [](const nn::data::DataLoader& loader) {
    return loader.state_dict().at("position").item<int64_t>();
  };
  const auto loader_of = [](int64_t batch_size) {
    return nn::data::DataLoader(ones({12, 2}), ones({12}), {.batch_size = batch_size});
  };
  nn::data::DataLoader twos = loader_of(2), threes = loader_of(3);
  TrainingState saved, state;
  saved.add("model", model);
  saved.add("loader", threes);
  ASSERT_EQ(saved.save(path_), absl::OkStatus());
  state.add("model", model);
  state.add("loader", twos);
  int64_t batches = 0;
  for (const nn::data::Batch& batch : twos) {
    EXPECT_EQ(batch.x.size(0), 2);
    if (++batches == 2) {
      const absl::Status status = state.load(path_);
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
      EXPECT_THAT(std::string(status.message()), HasSubstr("loader: [DataLoader]"));
    }
    EXPECT_EQ(position(twos), batches);
  }
  EXPECT_EQ(batches, 6);
}

// What the header says of a loader that has loaded: it has its position back, where the loop leaves it.
TEST_F(TrainingStateTest, GivesALoaderInMidLoopItsPositionBackWhenAnotherPartThrows) {
  Pair pair;
  nn::data::DataLoader loader(ones({12, 2}), ones({12}), {.batch_size = 2});
  TrainingState state;
  state.add("loader", loader);
  state.add("pair", pair);
  ASSERT_EQ(state.save(path_), absl::OkStatus());
  pair.throw_midway = [] { throw std::runtime_error("never"); };
  int64_t batches = 0;
  for (const nn::data::Batch& batch : loader) {
    EXPECT_EQ(batch.x.size(0), 2);
    if (++batches == 2) {
      EXPECT_FALSE(state.load(path_).ok());
    }
    EXPECT_EQ(loader.state_dict().at("position").item<int64_t>(), std::min<int64_t>(batches, 2));
  }
  EXPECT_EQ(batches, 6);
}

TEST_F(TrainingStateTest, SaysWhichOldStateIsLost) {
  Training training(1);
  Pair pair;
  training.state.add("pair", pair);
  ASSERT_EQ(training.state.save(path_), absl::OkStatus());
  pair.first = 10;
  pair.throw_midway = [] { throw std::runtime_error("never"); };
  EXPECT_EQ(training.state.load(path_).message(),
            path_ + ": " + kList + "pair: never\n\tpair: its old state is lost: never");
}

TEST_F(TrainingStateTest, RefusesADamagedFile) {
  Training training(1);
  ASSERT_EQ(training.state.save(path_), absl::OkStatus());
  std::string bytes = test::read_file(path_);
  bytes[bytes.size() / 2] ^= 1;
  test::write_file(path_, bytes);
  training.train(1);
  const NamedArrays before = training.everything();
  EXPECT_EQ(training.state.load(path_).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(training.state.load(path_ + "x").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(test::is_same(training.everything(), before));
}

TEST_F(TrainingStateTest, TakesPartsWithoutStateAndOtherStatesForParts) {
  nn::Sequential nothing{nn::ReLU()};
  Pair a, b;
  TrainingState inner, outer;
  inner.add("a", a);
  outer.add("nothing", nothing);
  outer.add("inner", inner);
  outer.add("b", b);
  inner.step = 3;
  a.first = 5;
  ASSERT_EQ(outer.save(path_), absl::OkStatus());
  inner.step = 0;
  a.first = 0;
  ASSERT_EQ(outer.load(path_), absl::OkStatus());
  EXPECT_EQ(inner.step, 3);
  EXPECT_EQ(a.first, 5);
}

// Whose state would be without end.
TEST_F(TrainingStateTest, RefusesItselfForAPartAndWhatHasIt) {
  Pair pair;
  TrainingState outer, middle;
  struct Derived : TrainingState {
  } inner;
  outer.add("middle", middle);
  middle.add("inner", inner);
  EXPECT_THROWS(
      ValueError,
      "[TrainingState] expected a part without this state in it, got \"self\", this state "
      "itself",
      outer.add("self", outer));
  EXPECT_THROWS(
      ValueError,
      "[TrainingState] expected a part without this state in it, got \"outer\", which has it",
      inner.add("outer", outer));
  inner.add("pair", pair);
  outer.add("again", inner);
  EXPECT_EQ(outer.state_dict().size(), 8);  // two values and a step twice, and two steps
}

TEST_F(TrainingStateTest, RefusesNamesThatCannotBePrefixes) {
  Pair pair;
  TrainingState state;
  state.add("pair", pair);
  EXPECT_THROWS(ValueError, "[TrainingState] expected names that differ, got \"pair\" twice",
                state.add("pair", pair));
  EXPECT_THROWS(ValueError, "[TrainingState] expected a name without a dot, got \"\"",
                state.add("", pair));
  EXPECT_THROWS(ValueError, "[TrainingState] expected a name without a dot, got \"a.b\"",
                state.add("a.b", default_generator()));
  state.step = -1;
  EXPECT_THROWS(ValueError, "[TrainingState] expected a step of at least 0, got -1",
                state.save(path_).IgnoreError());
  state.step = 0;
  EXPECT_EQ(state.state_dict().size(), 3);
}

}  // namespace
}  // namespace lamina
