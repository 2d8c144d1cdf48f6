// Images per second of a DataLoader of 28 x 28 images in batches of 100: as they are, shuffled, and
// with the usual augmentation, for 0, 1, 2 and 4 workers. "consumed" rows have a caller that computes on
// each batch for a while, as training does; there, workers pay.

#include <chrono>
#include <cstdint>
#include <string>

#include "benchmark/benchmark.h"
#include "lamina/nn/data/data_loader.h"
#include "lamina/nn/data/image_transforms.h"

namespace lamina::nn::data {
namespace {

constexpr int64_t kImages = 20000;
constexpr int kBatch = 100;

// The processor at work, without the library: what training would do with a batch meanwhile.
void compute(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

void pass(benchmark::State& state, bool shuffle, const Transform& transform, int64_t workers,
          std::chrono::microseconds time_per_batch) {
  DataLoader loader(
      rand({kImages, 1, 28, 28}), randint(0, 10, {kImages}),
      {.batch_size = kBatch, .shuffle = shuffle, .transform = transform, .num_workers = workers});
  for (auto _ : state) {
    for (const Batch& batch : loader) {
      benchmark::DoNotOptimize(batch.x.data().data<float>());
      if (time_per_batch.count() > 0) compute(time_per_batch);
    }
  }
  state.counters["images/s"] = benchmark::Counter(static_cast<double>(state.iterations() * kImages),
                                                  benchmark::Counter::kIsRate);
}

void add_rows() {
  const Transform augmentation = Compose({RandomCrop(28, {.padding = 2}), RandomRotation(10),
                                          RandomErasing(), Normalize(0.1307, 0.3081)});
  using std::chrono::microseconds;
  const auto add = [](const std::string& name, bool shuffle, const Transform& transform,
                      microseconds time) {
    for (const int64_t workers : {0, 1, 2, 4}) {
      benchmark::RegisterBenchmark(
          (name + "/workers:" + std::to_string(workers)).c_str(),
          [=](benchmark::State& state) { pass(state, shuffle, transform, workers, time); })
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    }
  };
  add("in_order", false, {}, microseconds(0));
  add("shuffled", true, {}, microseconds(0));
  add("augmented", true, augmentation, microseconds(0));
  add("augmented_consumed", true, augmentation, microseconds(1000));
}

}  // namespace
}  // namespace lamina::nn::data

int main(int argc, char** argv) {
  lamina::nn::data::add_rows();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
