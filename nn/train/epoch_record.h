// EpochRecord: what an epoch came to, and how a history of epochs is kept in a state.
#ifndef LAMINA_NN_TRAIN_EPOCH_RECORD_H_
#define LAMINA_NN_TRAIN_EPOCH_RECORD_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/nn/state_dict.h"
#include "lamina/nn/state_reader.h"

namespace lamina::nn::train {

// What an epoch came to, by name: "train_loss", "train_METRIC", with data to validate on "val_loss" and
// "val_METRIC"; and "lr", that of the first group in its last step.
using EpochRecord = std::vector<std::pair<std::string, double>>;

// "val_loss" in parts: "val" and "loss"; of a name without "train_" or "val_" in front, "" and the name.
struct ValueName {
  explicit ValueName(absl::string_view name);
  absl::string_view part, quantity;
};

namespace internal {

// Adds "history.NAME" of each name, with a value for each epoch; epochs that have none, since there was
// no data to validate on, say, are numbers in "absent.NAME", from 0.
void save_history(const std::vector<EpochRecord>& history, StateDict* state);
// The same history of so many epochs. Notes what is wrong with it.
std::vector<EpochRecord> load_history(const StateDict& state, int64_t epochs,
                                      nn::internal::StateReader* reader);

}  // namespace internal
}  // namespace lamina::nn::train

#endif  // LAMINA_NN_TRAIN_EPOCH_RECORD_H_
