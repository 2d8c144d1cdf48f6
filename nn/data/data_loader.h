// DataLoader: the samples of a data set in batches, made ahead by threads if so wanted.
//
//   data::DataLoader loader(images, labels, {.batch_size = 100, .shuffle = true, .seed = 1});
//   for (const data::Batch& batch : loader) loss = criterion(model(batch.x), batch.y);
#ifndef LAMINA_NN_DATA_DATA_LOADER_H_
#define LAMINA_NN_DATA_DATA_LOADER_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "lamina/autograd.h"
#include "lamina/nn/data/dataset.h"
#include "lamina/nn/data/sampler.h"
#include "lamina/nn/data/transform.h"
#include "lamina/nn/state_dict.h"

namespace lamina::nn::data {

struct DataLoaderOptions {
  int64_t batch_size = 100;
  bool shuffle = false;
  // Of the shuffling and the transform: two loaders with one seed give the same batches, pass after
  // pass. The numbers are others than those of default_generator() with this seed.
  uint64_t seed = 0;
  bool drop_last = false;  // leaves out a last batch that is shorter
  // The samples of a pass, in place of all of them in order or shuffled.
  std::shared_ptr<const Sampler> sampler = nullptr;
  // Of the x of each sample, before they are stacked. Its generator is a new one for each sample,
  // made from the seed, the pass, and the place of the sample in the pass.
  Transform transform = {};
  // Threads that make batches while the caller computes; with 0 the caller makes them. Batches are
  // the same bit by bit with any number.
  int64_t num_workers = 0;
  int64_t prefetch_factor = 2;  // how many batches per worker may wait for the caller
};

// Each range-for is one pass over all samples, or over those of the sampler. The last batch is
// shorter if the batch size does not divide the number of samples. Batches have no history. Of
// in-memory tensors, in order and without a transform, they are views of the data, otherwise copies.
//
// An exception that a data set, sampler or transform throws, in a worker or not, comes out of the
// loop at the batch in whose making it was thrown, once; it ends the pass and the workers. So does
// leaving the loop early. Whatever ends a loop waits for batches that are in the making.
//
// The loader stays in its place while a loop runs. Copies share the data and go on by themselves.
class DataLoader {
 public:
  // x and y have the samples in dimension 0, as many each. Throws ShapeError otherwise. Throws
  // ValueError for a batch size or prefetch_factor below 1, num_workers outside 0 to 1024, and a
  // sampler beside shuffle.
  DataLoader(Tensor x, Tensor y, const DataLoaderOptions& options = {});
  explicit DataLoader(DatasetPtr dataset, const DataLoaderOptions& options = {});

  // Of a pass. They throw RuntimeError if the loader was moved from, as what follows does.
  int64_t samples() const;
  int64_t batches() const;

  // Where the loader stands: the number of its pass, how many batches of it were handed out, and
  // what fixes the order. In the body of a range-for the batch in hand counts as handed out; those
  // that workers have made ahead do not. Loaded into another loader of the same data and options,
  // it makes the next range-for there the rest of that pass, and the one after it the next pass, as
  // if the loop had gone on.
  //
  // So a state from the body of a pass's last batch has a rest of no batches: then the loop around
  // the passes counts right. A loop that ran to its end leaves the beginning of the next pass; one
  // that was left early, the rest of its pass, though without a load the next range-for of this
  // loader begins the next pass. Of nested loops, the one that began last is told of.
  StateDict state_dict() const;
  // Throws RuntimeError that lists what differs, and changes nothing, if the state is not one of a
  // loader with as many samples, this batch size, shuffling, seed, drop_last and sampler; the
  // number of workers is free. A loop that runs meanwhile goes on, but no longer moves the position.
  void load_state_dict(const StateDict& state);
  // The next range-for has all batches of its pass, even if a state from its middle was loaded.
  void rewind() { position_.batch = 0; }

 private:
  struct Pass;

 public:
  // An input iterator: copies of one share its place.
  class Iterator {
   public:
    Batch operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator& other) const {
      return pass_ == other.pass_ || (at_end() && other.at_end());
    }
    bool operator!=(const Iterator& other) const { return !(*this == other); }

   private:
    friend class DataLoader;
    explicit Iterator(std::shared_ptr<Pass> pass) : pass_(std::move(pass)) {}
    bool at_end() const;
    std::shared_ptr<Pass> pass_;
  };
  Iterator begin();  // begins a pass
  Iterator end() { return Iterator(nullptr); }

 private:
  struct Position {
    int64_t pass = 0;   // from 0
    int64_t batch = 0;  // how many were handed out
  };

  void check_live() const;
  StateDict fixed_state() const;

  DatasetPtr dataset_;
  DataLoaderOptions options_;
  std::shared_ptr<const Sampler> sampler_;  // the options', or one for shuffle
  Position position_;                       // of the loop that began last
  int64_t next_pass_ = 0;  // of begin(), which goes on at position_ if that is in this very pass
  uint64_t loop_ = 0;      // the loop that moves position_: how many began, loads counted too
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_DATA_LOADER_H_
