#include "lamina/nn/data/data_loader.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lamina/nn/data/derived_seed.h"
#include "lamina/nn/data/prefetcher.h"
#include "lamina/nn/data/state_difference.h"
#include "lamina/nn/state_reader.h"

namespace lamina::nn::data {
namespace {

using nn::internal::saved;
using nn::internal::StateReader;

constexpr const char* kName = "DataLoader";
constexpr int64_t kMaxWorkers = 1024;

DatasetPtr dataset_of(Tensor x, Tensor y) {
  const OpScope scope(kName);
  return std::make_shared<TensorDataset>(std::move(x), std::move(y));
}

// The sampler's indices, of which nothing is known if it is a user's.
Tensor checked_indices(const Sampler& sampler, int64_t pass, int64_t samples) {
  const NoGradGuard no_grad;
  Tensor indices = sampler.indices(pass);
  const int64_t n = sampler.size();
  if (n < 0 || (!indices.defined() && n > samples)) {
    fail<IndexError>(kName, "expected a sampler of 0 to ", samples, " samples, got ", n);
  }
  if (!indices.defined()) return indices;
  if (indices.dtype() != int64 || indices.shape() != Shape{n}) {
    fail<ShapeError>(kName, "expected the sampler's indices as int64 (", n, "), got ",
                     name_of(indices.dtype()), " ", indices.shape().str());
  }
  indices = indices.contiguous();
  for (const int64_t index : indices.span<int64_t>()) {
    if (index < 0 || index >= samples) {
      fail<IndexError>(kName, "expected indices of the ", samples, " samples, got ", index,
                       " from the sampler");
    }
  }
  return indices;
}

}  // namespace

// What one range-for needs: all of it is fixed when it begins, but for its place.
struct DataLoader::Pass {
  DatasetPtr dataset;
  Transform transform;
  uint64_t seed;   // of the transform
  Tensor indices;  // int64 (samples), undefined: 0, 1, ...
  int64_t number, samples, batch_size, batches;

  DataLoader* loader;
  uint64_t loop;
  int64_t batch;                                   // the one in hand, or to be handed out next
  std::optional<Batch> in_hand;                    // once it was asked for
  std::optional<internal::Prefetcher> prefetcher;  // last: its threads use what is above

  Batch make(int64_t which) const;
  void end();  // without moving the loader's position
};

// Any thread may make any batch.
Batch DataLoader::Pass::make(int64_t which) const {
  const NoGradGuard no_grad;
  const int64_t first = which * batch_size, length = std::min(batch_size, samples - first);
  absl::Span<const int64_t> chosen;
  if (indices.defined()) {
    chosen =
        absl::MakeConstSpan(indices.data().data<int64_t>() + first, static_cast<size_t>(length));
  }
  if (!transform) {
    return indices.defined() ? dataset->get_batch(chosen) : dataset->get_range(first, length);
  }
  std::vector<Tensor> x, y;
  for (int64_t i = 0; i < length; ++i) {
    Sample sample = dataset->get(indices.defined() ? chosen[static_cast<size_t>(i)] : first + i);
    Generator generator(internal::derived_seed(seed, static_cast<uint64_t>(number),
                                               static_cast<uint64_t>(first + i)));
    x.push_back(transform(sample.x, generator));
    y.push_back(std::move(sample.y));
  }
  return {stack(x), stack(y)};
}

void DataLoader::Pass::end() {
  batch = batches;
  in_hand.reset();
  prefetcher.reset();
}

DataLoader::DataLoader(Tensor x, Tensor y, const DataLoaderOptions& options)
    : DataLoader(dataset_of(std::move(x), std::move(y)), options) {}

DataLoader::DataLoader(DatasetPtr dataset, const DataLoaderOptions& options)
    : dataset_(std::move(dataset)), options_(options) {
  if (dataset_ == nullptr) fail<ValueError>(kName, "expected a data set, got a null pointer");
  if (options_.batch_size < 1) {
    fail<ValueError>(kName, "expected a batch size of at least 1, got ", options_.batch_size);
  }
  if (options_.num_workers < 0 || options_.num_workers > kMaxWorkers) {
    fail<ValueError>(kName, "expected num_workers from 0 to ", kMaxWorkers, ", got ",
                     options_.num_workers);
  }
  if (options_.prefetch_factor < 1) {
    fail<ValueError>(kName, "expected a prefetch_factor of at least 1, got ",
                     options_.prefetch_factor);
  }
  if (options_.shuffle && options_.sampler != nullptr) {
    fail<ValueError>(kName, "expected either shuffle or a sampler, got both");
  }
  const int64_t samples = dataset_->size();
  sampler_ = options_.sampler;
  if (options_.shuffle) {
    sampler_ =
        std::make_shared<RandomSampler>(samples, RandomSamplerOptions{.seed = options_.seed});
  } else if (sampler_ == nullptr) {
    sampler_ = std::make_shared<SequentialSampler>(samples);
  }
}

void DataLoader::check_live() const {
  if (dataset_ != nullptr) return;
  fail<RuntimeError>(kName, "expected a live loader, got one that was moved from");
}

int64_t DataLoader::samples() const {
  check_live();
  const int64_t n = sampler_->size();
  return options_.drop_last ? n - n % options_.batch_size : n;
}

int64_t DataLoader::batches() const {
  const int64_t n = samples();
  return n / options_.batch_size + (n % options_.batch_size != 0);
}

// ---- A pass

DataLoader::Iterator DataLoader::begin() {
  check_live();
  auto pass = std::make_shared<Pass>();
  pass->dataset = dataset_;
  pass->transform = options_.transform;
  pass->seed = internal::transform_seed(options_.seed);
  const Position start = position_.pass == next_pass_ ? position_ : Position{next_pass_, 0};
  pass->indices = checked_indices(*sampler_, start.pass, dataset_->size());
  pass->number = start.pass;
  pass->samples = samples();
  pass->batch_size = options_.batch_size;
  pass->batches = batches();
  pass->batch = start.batch;
  if (options_.num_workers > 0 && pass->batch < pass->batches) {
    // More could not be made before the first is taken; the product may not overflow.
    const int64_t per_worker = std::min(options_.prefetch_factor, pass->batches);
    pass->prefetcher.emplace(pass->batch, pass->batches, options_.num_workers,
                             options_.num_workers * per_worker,
                             [p = pass.get()](int64_t which) { return p->make(which); });
  }
  position_ = start;
  next_pass_ = start.pass + 1;
  pass->loader = this;
  pass->loop = ++loop_;
  if (pass->batch == pass->batches) position_ = {next_pass_, 0};  // there is no step to the end
  return Iterator(std::move(pass));
}

bool DataLoader::Iterator::at_end() const {
  return pass_ == nullptr || pass_->batch == pass_->batches;
}

Batch DataLoader::Iterator::operator*() const {
  if (at_end()) fail<RuntimeError>(kName, "expected a batch, got the end of the pass");
  if (!pass_->in_hand) {
    try {
      pass_->in_hand = pass_->prefetcher ? pass_->prefetcher->take() : pass_->make(pass_->batch);
    } catch (...) {
      pass_->end();
      throw;
    }
  }
  DataLoader& loader = *pass_->loader;
  if (pass_->loop == loader.loop_) loader.position_.batch = pass_->batch + 1;
  return *pass_->in_hand;
}

DataLoader::Iterator& DataLoader::Iterator::operator++() {
  if (!at_end() && pass_->prefetcher && !pass_->in_hand) **this;  // it comes before the next one
  if (at_end()) return *this;
  pass_->in_hand.reset();
  ++pass_->batch;
  DataLoader& loader = *pass_->loader;
  if (pass_->loop == loader.loop_) {
    // What was passed over counts as handed out, whoever would have made it.
    loader.position_ =
        at_end() ? Position{loader.next_pass_, 0} : Position{pass_->number, pass_->batch};
  }
  if (at_end()) pass_->end();
  return *this;
}

// ---- State

StateDict DataLoader::state_dict() const {
  check_live();
  StateDict state = {
      {kName, std::nullopt}, {"pass", saved(position_.pass)}, {"position", saved(position_.batch)}};
  for (const auto& [name, value] : fixed_state()) state.set(name, value);
  return state;
}

// What a state must have in common with this loader.
StateDict DataLoader::fixed_state() const {
  StateDict state = {{"samples", saved(dataset_->size())},
                     {"batch_size", saved(options_.batch_size)},
                     {"shuffle", saved(options_.shuffle)},
                     {"seed", saved(static_cast<int64_t>(options_.seed))},
                     {"drop_last", saved(options_.drop_last)}};
  if (options_.sampler == nullptr) return state;
  for (const auto& [name, value] : options_.sampler->state_dict()) {
    state.set(absl::StrCat("sampler.", name), value);
  }
  return state;
}

void DataLoader::load_state_dict(const StateDict& state) {
  check_live();
  StateReader reader(state);
  reader.marker("", kName);
  const Position position = {reader.count("pass"), reader.count("position")};
  if (position.batch > batches()) {
    reader.note("position", absl::StrCat("expected at most the ", batches(),
                                         " batches of a pass, got ", position.batch));
  }
  for (const auto& [name, ours] : fixed_state()) {
    const std::optional<Tensor>* theirs = reader.has(name) ? state.find(name) : nullptr;
    if (theirs == nullptr) {
      reader.note(name, "expected such a key, got none");
      continue;
    }
    const std::string difference = internal::state_difference(ours, *theirs);
    if (!difference.empty()) reader.note(name, difference);
  }
  reader.finish(kName);
  position_ = position;
  next_pass_ = position.pass;
  ++loop_;
}

}  // namespace lamina::nn::data
