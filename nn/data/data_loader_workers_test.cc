// DataLoader with worker threads; data_loader_test.cc has what holds without them as well.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/data_loader.h"
#include "lamina/nn/data/image_transforms.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;

using Values = std::vector<double>;

// Samples that a function of the index makes.
class Made : public Dataset {
 public:
  Made(int64_t size, std::function<Sample(int64_t)> make) : size_(size), make_(std::move(make)) {}
  int64_t size() const override { return size_; }
  Sample get(int64_t index) const override { return make_(index); }

 private:
  int64_t size_;
  std::function<Sample(int64_t)> make_;
};

Sample number(int64_t index) { return {tensor(index), tensor(index)}; }

DatasetPtr made(int64_t size, std::function<Sample(int64_t)> make = number) {
  return std::make_shared<Made>(size, std::move(make));
}

DatasetPtr noisy_images(int64_t count) {
  return std::make_shared<TensorDataset>(Tensor(test::noise({count, 1, 8, 8})), arange(count));
}

DataLoaderOptions augmented(int64_t workers) {
  return {.batch_size = 7,
          .shuffle = true,
          .seed = 11,
          .transform = Compose({RandomCrop(7, {.padding = 1}), RandomHorizontalFlip(),
                                RandomRotation(20), RandomErasing()}),
          .num_workers = workers};
}

// What one pass hands out: sizes, labels and values.
Values pass_of(DataLoader& loader) {
  Values values;
  for (const auto& [x, y] : loader) {
    values.push_back(static_cast<double>(y.size(0)));
    for (const double v : y.to_vector<double>()) values.push_back(v);
    for (const double v : x.to_vector<double>()) values.push_back(v);
  }
  return values;
}

bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 10000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

TEST(DataLoaderWorkers, GiveTheSameBitsInAnyNumber) {
  const DatasetPtr images = noisy_images(40);
  DataLoader alone(images, augmented(0));
  std::vector<DataLoader> loaders;
  for (const int64_t workers : {1, 2, 3, 64}) loaders.emplace_back(images, augmented(workers));
  Values before;
  for (int pass = 0; pass < 3; ++pass) {
    const Values expected = pass_of(alone);
    EXPECT_NE(expected, before);
    for (DataLoader& loader : loaders) EXPECT_EQ(pass_of(loader), expected);
    before = expected;
  }
}

TEST(DataLoaderWorkers, GiveTheSameInOrderWithoutATransform) {
  for (const bool drop_last : {false, true}) {
    const auto options = [&](int64_t workers) {
      return DataLoaderOptions{
          .batch_size = 3, .drop_last = drop_last, .num_workers = workers, .prefetch_factor = 1};
    };
    DataLoader alone(made(10), options(0)), two(made(10), options(2));
    EXPECT_EQ(pass_of(two), pass_of(alone));
    EXPECT_EQ(two.batches(), drop_last ? 3 : 4);
  }
}

TEST(DataLoaderWorkers, ResumeInMidPassWithAnyNumber) {
  const DatasetPtr images = noisy_images(40);
  DataLoader unbroken(images, augmented(0));
  pass_of(unbroken);
  const Values second = pass_of(unbroken), third = pass_of(unbroken);
  for (const int64_t before : {0, 2, 3}) {
    for (const int64_t after : {0, 1, 2}) {
      for (int64_t stop = 1; stop <= 6; ++stop) {
        DataLoader broken(images, augmented(before)), resumed(images, augmented(after));
        pass_of(broken);
        Values values;
        int64_t batches = 0;
        for (const Batch& batch : broken) {
          values.push_back(static_cast<double>(batch.size()));
          for (const double v : batch.y.to_vector<double>()) values.push_back(v);
          for (const double v : batch.x.to_vector<double>()) values.push_back(v);
          if (++batches == stop) break;
        }
        resumed.load_state_dict(broken.state_dict());
        for (const double v : pass_of(resumed)) values.push_back(v);
        EXPECT_EQ(values, second) << before << " " << after << " " << stop;
        EXPECT_EQ(pass_of(resumed), third);
      }
    }
  }
}

TEST(DataLoaderWorkers, WorkAtTheSameTime) {
  // Each sample waits for the other one.
  std::atomic<int> inside{0};
  std::atomic<bool> met{true};
  DataLoader loader(made(2,
                         [&](int64_t i) {
                           ++inside;
                           if (!comes_true([&] { return inside == 2; })) met = false;
                           return number(i);
                         }),
                    {.batch_size = 1, .num_workers = 2});
  EXPECT_EQ(pass_of(loader), (Values{1, 0, 0, 1, 1, 1}));
  EXPECT_TRUE(met);
}

TEST(DataLoaderWorkers, MakeOnlySoManyBatchesAhead) {
  std::atomic<int64_t> calls{0};
  DataLoader loader(made(1000,
                         [&](int64_t i) {
                           ++calls;
                           return number(i);
                         }),
                    {.batch_size = 10, .num_workers = 2, .prefetch_factor = 3});
  int64_t taken = 0;
  for (const Batch& batch : loader) {
    taken += batch.size();
    EXPECT_TRUE(comes_true([&] { return calls >= taken + 60; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(calls, taken + 60);
    if (taken == 50) break;
  }
  const int64_t at_end = calls;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(calls, at_end);  // no worker is left
}

// ---- Errors

struct OutOfPaper : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(DataLoaderWorkers, PassAnErrorOnOnceAtItsBatchAndEnd) {
  for (const int64_t workers : {0, 1, 2, 5}) {
    std::atomic<int64_t> calls{0};
    std::atomic<bool> broken{true};
    DataLoader loader(made(1000,
                           [&](int64_t i) {
                             ++calls;
                             if (broken && i >= 25) throw OutOfPaper("sample " + std::to_string(i));
                             return number(i);
                           }),
                      {.batch_size = 10, .num_workers = workers});
    std::vector<int64_t> first;
    int errors = 0;
    try {
      for (const Batch& batch : loader) first.push_back(batch.y.to_vector<int64_t>()[0]);
    } catch (const OutOfPaper& error) {
      ++errors;
      EXPECT_STREQ(error.what(), "sample 25");
    }
    EXPECT_EQ(errors, 1);
    EXPECT_THAT(first, ElementsAre(0, 10));
    const int64_t at_end = calls;
    EXPECT_LE(at_end, 26 + 10 * workers);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_EQ(calls, at_end);

    // What failed is the rest of the pass; without a load, the next loop is the next pass.
    broken = false;
    DataLoader resumed = loader;
    resumed.load_state_dict(loader.state_dict());
    const Values rest = pass_of(resumed), whole = pass_of(loader);
    EXPECT_EQ(rest[1], 20);
    EXPECT_EQ(whole.size(), 2100u);
    EXPECT_EQ(rest.size(), 2100u - 2 * 21);
  }
}

TEST(DataLoaderWorkers, MakeNoMoreOnceOneOfThemHasThrown) {
  std::atomic<int64_t> calls{0};
  DataLoader loader(made(1000,
                         [&](int64_t i) {
                           if (i == 10) throw OutOfPaper("batch 1");
                           if (i > 10) std::this_thread::sleep_for(std::chrono::milliseconds(1));
                           ++calls;
                           return number(i);
                         }),
                    {.batch_size = 10, .num_workers = 2, .prefetch_factor = 20});
  DataLoader::Iterator batch = loader.begin();
  EXPECT_EQ((*batch).size(), 10);
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_LE(calls, 10 + 20);  // batch 0, and what the other worker had in hand
  ++batch;
  EXPECT_THROW(*batch, OutOfPaper);
}

TEST(DataLoaderWorkers, EndAPassThatFailed) {
  for (const int64_t workers : {0, 2}) {
    DataLoader loader(made(9, [](int64_t) -> Sample { throw OutOfPaper("all"); }),
                      {.batch_size = 1, .num_workers = workers});
    DataLoader::Iterator i = loader.begin();
    EXPECT_THROW(*i, OutOfPaper);
    EXPECT_TRUE(i == loader.end());
    EXPECT_THROWS(RuntimeError, "[DataLoader] expected a batch, got the end of the pass", *i);
    EXPECT_TRUE(++i == loader.end());
  }
}

TEST(DataLoaderWorkers, PassOnErrorsOfTransformsAndOfStacking) {
  for (const int64_t workers : {0, 2}) {
    DataLoader small(noisy_images(4), {.transform = RandomCrop(9), .num_workers = workers});
    EXPECT_THROWS(ShapeError, "[RandomCrop] expected an image that", pass_of(small));
    DataLoader uneven(made(4,
                           [](int64_t i) {
                             return Sample{zeros(i + 1), tensor(i)};
                           }),
                      {.num_workers = workers});
    EXPECT_THROWS(ShapeError, "[stack]", pass_of(uneven));
  }
}

TEST(DataLoaderWorkers, EndWhenTheBodyOfTheLoopThrows) {
  std::atomic<int64_t> calls{0};
  DataLoader loader(made(1000,
                         [&](int64_t i) {
                           ++calls;
                           return number(i);
                         }),
                    {.batch_size = 10, .num_workers = 2});
  const auto fails = [&] {
    for (const Batch& batch : loader) {
      if (batch.size() == 10) throw OutOfPaper("body");
    }
  };
  EXPECT_THROW(fails(), OutOfPaper);
  const int64_t at_end = calls;
  EXPECT_LE(at_end, 60);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(calls, at_end);
}

// ---- What workers leave alone

TEST(DataLoaderWorkers, KeepOutOfThePoolAndRecordNothing) {
  const int before = get_num_threads();
  set_num_threads(3);
  std::atomic<int> bodies{0}, recording{0};
  DataLoader loader(made(20,
                         [&](int64_t i) {
                           parallel_for(0, 1000, 1, [&](int64_t, int64_t) { ++bodies; });
                           recording += is_grad_enabled();
                           return number(i);
                         }),
                    {.batch_size = 4, .num_workers = 2});
  pass_of(loader);
  EXPECT_EQ(bodies, 20);
  EXPECT_EQ(recording, 0);
  EXPECT_TRUE(is_grad_enabled());
  // This thread has the pool as before.
  bodies = 0;
  parallel_for(0, 1000, 1, [&](int64_t, int64_t) { ++bodies; });
  EXPECT_GT(bodies, 1);
  set_num_threads(before);
}

TEST(DataLoaderWorkers, MakeBatchesWithoutHistory) {
  const Tensor x = ones({4, 2}).requires_grad_();
  for (const int64_t workers : {0, 2}) {
    for (const bool shuffle : {false, true}) {
      DataLoader loader(x, arange(4), {.shuffle = shuffle, .num_workers = workers});
      for (const Batch& batch : loader) EXPECT_FALSE(batch.x.requires_grad());
    }
  }
}

TEST(DataLoaderWorkers, NeitherReadNorMoveTheDefaultGenerator) {
  manual_seed(1);
  DataLoader loader(noisy_images(40), augmented(2));
  const Values values = pass_of(loader);
  EXPECT_EQ(default_generator().state().position, 0u);
  manual_seed(2);
  DataLoader other(noisy_images(40), augmented(2));
  EXPECT_EQ(pass_of(other), values);
}

// ---- Loops beside one another

TEST(DataLoaderWorkers, LoopsMayBeNested) {
  DataLoader loader(made(6), {.batch_size = 2, .num_workers = 2});
  int64_t pairs = 0;
  for (const Batch& a : loader) {
    for (const Batch& b : loader) pairs += a.size() * b.size();
  }
  EXPECT_EQ(pairs, 36);
}

TEST(DataLoaderWorkers, AnIteratorMayPassABatchOver) {
  for (const int64_t workers : {0, 2}) {
    DataLoader loader(made(6), {.batch_size = 1, .num_workers = workers});
    const auto position = [&] { return loader.state_dict().at("position").item<int64_t>(); };
    DataLoader::Iterator i = loader.begin();
    EXPECT_EQ(position(), 0);
    ++i;
    EXPECT_EQ(position(), 1) << workers;
    ++i;
    EXPECT_EQ(position(), 2) << workers;
    EXPECT_EQ((*i).y.to_vector<int64_t>()[0], 2);
    EXPECT_EQ((*i).y.to_vector<int64_t>()[0], 2);
    EXPECT_EQ(position(), 3);
    ++i;
    EXPECT_EQ(position(), 3);
    EXPECT_EQ((*i).y.to_vector<int64_t>()[0], 3);
  }
}

TEST(DataLoaderWorkers, TrainingComputesWhileTheyWork) {
  // The caller's kernels and the workers' at once, for the thread sanitizer.
  const int before = get_num_threads();
  set_num_threads(2);
  DataLoader loader(noisy_images(200), augmented(2));
  const Tensor weight = zeros({49, 10}).requires_grad_();
  for (const Batch& batch : loader) {
    const Tensor y = matmul(batch.x.reshape({batch.size(), 49}), weight);
    y.square().sum().backward();
  }
  EXPECT_EQ(weight.grad().shape(), weight.shape());
  set_num_threads(before);
}

TEST(DataLoaderWorkers, RefuseNumbersThatCannotBe) {
  const char* text = "[DataLoader] expected num_workers from 0 to 1024, got ";
  EXPECT_THROWS(ValueError, text + std::string("-1"), DataLoader(made(1), {.num_workers = -1}));
  EXPECT_THROWS(ValueError, text + std::string("1025"), DataLoader(made(1), {.num_workers = 1025}));
  EXPECT_THROWS(ValueError, "[DataLoader] expected a prefetch_factor of at least 1, got 0",
                DataLoader(made(1), {.prefetch_factor = 0}));
  DataLoader far(
      made(5),
      {.batch_size = 2, .num_workers = 2, .prefetch_factor = std::numeric_limits<int64_t>::max()});
  EXPECT_EQ(pass_of(far).size(), 13u);
}

}  // namespace
}  // namespace lamina::nn::data
