#include "lamina/serialization/model_file.h"

#include <new>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace lamina {

absl::Status save_model(const std::string& path, const nn::Module& model,
                        const SaveOptions& options) {
  return save_checkpoint(path, model.state_dict().arrays(), options);
}

absl::Status load_model(const std::string& path, nn::Module& model, bool strict,
                        absl::string_view prefix) {
  const absl::StatusOr<NamedArrays> arrays = load_checkpoint(path);
  if (!arrays.ok()) return arrays.status();
  try {
    model.load_state_dict(nn::StateDict(*arrays).take(prefix), strict);
    return absl::OkStatus();
  } catch (const Error& error) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", error.what()));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": no memory to load it"));
  }
}

}  // namespace lamina
