// DataLoader's state_dict() and load_state_dict(): a pass that is left in its middle goes on elsewhere.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/data_loader.h"
#include "lamina/nn/data/data_loader_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int64_t> joined(std::vector<int64_t> a, const std::vector<int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(DataLoaderState, ResumesInMidPassAndGoesOnWithTheNextPasses) {
  for (const bool shuffle : {false, true}) {
    const DataLoaderOptions options = {.batch_size = 3, .shuffle = shuffle, .seed = 9};
    DataLoader unbroken = loader_of(11, options);
    std::vector<std::vector<int64_t>> passes;
    for (int pass = 0; pass < 4; ++pass) passes.push_back(labels_of_a_pass(unbroken));
    for (int64_t pass = 0; pass < 3; ++pass) {
      for (int64_t stop = 1; stop <= 4; ++stop) {
        DataLoader broken = loader_of(11, options), resumed = loader_of(11, options);
        for (int64_t i = 0; i < pass; ++i) labels_of_a_pass(broken);
        std::vector<int64_t> head;
        int64_t batches = 0;
        for (const Batch& batch : broken) {
          head = joined(head, batch.y.to_vector<int64_t>());
          if (++batches < stop) continue;
          resumed.load_state_dict(broken.state_dict());
          break;
        }
        // After the last batch, the rest is empty.
        EXPECT_EQ(joined(head, labels_of_a_pass(resumed)), passes[pass]) << pass << " " << stop;
        EXPECT_EQ(labels_of_a_pass(resumed), passes[pass + 1]);
      }
    }
  }
}

TEST(DataLoaderState, ResumesBetweenPassesWithAWholePass) {
  DataLoader unbroken = loader_of(7, {.batch_size = 2, .shuffle = true});
  DataLoader resumed = loader_of(7, {.batch_size = 2, .shuffle = true});
  resumed.load_state_dict(unbroken.state_dict());
  EXPECT_EQ(labels_of_a_pass(resumed), labels_of_a_pass(unbroken));
  DataLoader again = loader_of(7, {.batch_size = 2, .shuffle = true});
  again.load_state_dict(unbroken.state_dict());
  EXPECT_EQ(labels_of_a_pass(again), labels_of_a_pass(unbroken));
}

TEST(DataLoaderState, AnEmptyLoopEndsItsPassAsWell) {
  DataLoader broken = loader_of(4, {.batch_size = 2}), resumed = broken, again = broken;
  int64_t batches = 0;
  for (const Batch& batch : broken) {
    batches += batch.size() == 2;
    if (batches == 2) resumed.load_state_dict(broken.state_dict());
  }
  EXPECT_THAT(labels_of_a_pass(resumed), IsEmpty());
  again.load_state_dict(resumed.state_dict());
  EXPECT_THAT(labels_of_a_pass(again), ElementsAre(0, 10, 20, 30));
  DataLoader none(zeros({0, 1}), zeros(0));
  labels_of_a_pass(none);
  EXPECT_EQ(none.state_dict().at("pass").item<int64_t>(), 1);
}

TEST(DataLoaderState, GoesOnWithAPassThatWasLeftEarlyIfItsOwnStateIsLoaded) {
  DataLoader loader = loader_of(5, {.batch_size = 2});
  for (const Batch& batch : loader) {
    EXPECT_THAT(batch.y.to_vector<int64_t>(), ElementsAre(0, 10));
    break;
  }
  loader.load_state_dict(loader.state_dict());
  EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(20, 30, 40));
}

TEST(DataLoaderState, ALoopDoesNotMoveThePositionThatWasLoadedMeanwhile) {
  DataLoader loader = loader_of(6, {.batch_size = 2}), other = loader_of(6, {.batch_size = 2});
  for (const Batch& batch : other) {
    if (batch.y.to_vector<int64_t>()[0] == 20) break;
  }
  int64_t batches = 0;
  for (const Batch& batch : loader) {
    if (batches == 0) loader.load_state_dict(other.state_dict());
    batches += batch.size() == 2;
  }
  EXPECT_EQ(batches, 3);
  EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(40, 50));
}

TEST(DataLoaderState, TheStateSaysWhereItStandsAndWhatFixesTheOrder) {
  DataLoader loader = loader_of(5, {.batch_size = 2, .shuffle = true, .seed = 4});
  labels_of_a_pass(loader);
  for (const Batch& batch : loader) {
    if (batch.size() == 2) break;
  }
  std::vector<std::string> entries;
  for (const auto& [name, value] : loader.state_dict()) {
    entries.push_back(value ? name + "=" + std::to_string(value->to(int64).item<int64_t>()) : name);
  }
  EXPECT_THAT(entries, ElementsAre("DataLoader", "pass=1", "position=1", "samples=5",
                                   "batch_size=2", "shuffle=1", "seed=4", "drop_last=0"));
}

TEST(DataLoaderState, RefusesTheStateOfAnotherLoaderWholeAndNamesWhatDiffers) {
  DataLoader loader = loader_of(5, {.batch_size = 2, .seed = 1});
  const DataLoader other = loader_of(6, {.batch_size = 3, .shuffle = true, .seed = 2});
  EXPECT_THROWS(RuntimeError,
                "[DataLoader] expected a state that fits, got one with these problems:\n"
                "\tsamples: expected 5, got 6\n"
                "\tbatch_size: expected 2, got 3\n"
                "\tshuffle: expected 0, got 1\n"
                "\tseed: expected 1, got 2",
                loader.load_state_dict(other.state_dict()));
  StateDict state = loader.state_dict();
  state.set("position", tensor(int64_t{4}));
  EXPECT_THROWS(RuntimeError, "position: expected at most the 3 batches of a pass, got 4",
                loader.load_state_dict(state));
  state.set("position", tensor(int64_t{-1}));
  EXPECT_THROWS(RuntimeError, "position: expected at least 0, got -1",
                loader.load_state_dict(state));
  EXPECT_THROWS(RuntimeError, "DataLoader: expected the state of DataLoader, got something else",
                loader.load_state_dict({}));
  EXPECT_THAT(labels_of_a_pass(loader), ElementsAre(0, 10, 20, 30, 40));
}

TEST(DataLoaderState, TheStateOfASamplerIsPartOfIt) {
  const auto loader = [](std::shared_ptr<const Sampler> sampler) {
    return DataLoader(arange(4), arange(4), {.batch_size = 2, .sampler = std::move(sampler)});
  };
  const auto weighted = [](std::vector<double> weights) {
    return std::make_shared<WeightedRandomSampler>(std::move(weights), 6);
  };
  DataLoader a = loader(weighted({1, 2, 3, 4})), same = loader(weighted({1, 2, 3, 4})),
             other = loader(weighted({1, 2, 3, 5})),
             another = loader(std::make_shared<RandomSampler>(4, RandomSamplerOptions{.seed = 2})),
             plain = loader(nullptr);
  labels_of_a_pass(a);
  same.load_state_dict(a.state_dict());
  EXPECT_EQ(labels_of_a_pass(same), labels_of_a_pass(a));
  EXPECT_THROWS(RuntimeError, "problems:\n\tsampler.weights: expected other values of float64 (4,)",
                other.load_state_dict(a.state_dict()));
  EXPECT_THROWS(RuntimeError,
                "problems:\n"
                "\tsampler.RandomSampler: expected such a key, got none\n"
                "\tsampler.samples: expected such a key, got none\n"
                "\tsampler.num_samples: expected 4, got 6\n"
                "\tsampler.replacement: expected 0, got 1\n"
                "\tsampler.seed: expected 2, got 0\n"
                "\tsampler.WeightedRandomSampler: expected no such key\n"
                "\tsampler.weights: expected no such key",
                another.load_state_dict(a.state_dict()));
  EXPECT_THROWS(RuntimeError, "sampler.seed: expected no such key",
                plain.load_state_dict(another.state_dict()));
}

TEST(DataLoaderState, RewindGivesTheWholePass) {
  DataLoader broken = loader_of(5, {.batch_size = 2, .shuffle = true}), resumed = broken;
  const std::vector<int64_t> all = [copy = broken]() mutable { return labels_of_a_pass(copy); }();
  for (const Batch& batch : broken) {
    resumed.load_state_dict(broken.state_dict());
    if (batch.size() == 2) break;
  }
  DataLoader evaluated = resumed;
  evaluated.rewind();
  EXPECT_EQ(labels_of_a_pass(evaluated), all);
  EXPECT_EQ(labels_of_a_pass(resumed).size(), 3u);
}

}  // namespace
}  // namespace lamina::nn::data
