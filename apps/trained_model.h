// The trained model of a checkpoint, for commands that evaluate it or predict with it.
//
//   absl::StatusOr<std::string> path = open_checkpoint("digits", kNetworkSettings, arguments);
//   ...
//   absl::Status status = check_size(*path, parameters_by_the_flags());
//   ...
//   Network model(...);
//   status = load_trained(*path, model);
#ifndef LAMINA_APPS_TRAINED_MODEL_H_
#define LAMINA_APPS_TRAINED_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lamina/apps/flags.h"
#include "lamina/nn.h"

namespace lamina::apps {

// The part of a run's checkpoint that is the model, "model.linear1.weight".
inline constexpr char kModelPart[] = "model";

// Computes with --threads from now on, and gives the flags `settings` the values that the newest
// checkpoint tells, or that of --checkpoint. Its path. Errors are those of use_threads(),
// newest_checkpoint() and adopt_settings().
absl::StatusOr<std::string> open_checkpoint(const std::string& app,
                                            const std::vector<std::string>& settings,
                                            const Arguments& arguments);

// Names the checkpoint on standard error, unless the command line does by --checkpoint.
void tell_checkpoint(const Arguments& arguments, const std::string& path);

// To be called before a model is made of the settings in a file, which might make it of any size:
// DataLoss unless the checkpoint's model has at least so many elements. That their shapes fit as
// well is for load_trained() to tell.
absl::Status check_size(const std::string& checkpoint, int64_t elements);

// Loads the checkpoint's model, in eval mode. Errors are those of load_model().
absl::Status load_trained(const std::string& checkpoint, nn::Module& model);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_TRAINED_MODEL_H_
