// A model alone in a checkpoint, under the names of its state_dict().
//
//   absl::Status saved = save_model("model.ckpt", model);
//   absl::Status loaded = load_model("model.ckpt", model);
//
// What its training goes on from as well is a TrainingState (training_state.h).
#ifndef LAMINA_SERIALIZATION_MODEL_FILE_H_
#define LAMINA_SERIALIZATION_MODEL_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint.h"

namespace lamina {

// Saves what model.state_dict() gives as save_checkpoint() does, with its errors.
absl::Status save_model(const std::string& path, const nn::Module& model,
                        const SaveOptions& options = {});

// Loads a checkpoint, with load_checkpoint()'s errors, into a model by model.load_state_dict(). A file that
// is whole but does not fit is FailedPrecondition, with all that differs. After an error the model has not
// changed. Of the entries, those count whose names begin with `prefix`, and without it: "model." takes the
// part of that name from the file of a TrainingState.
absl::Status load_model(const std::string& path, nn::Module& model, bool strict = true,
                        absl::string_view prefix = "");

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_MODEL_FILE_H_
