#include "lamina/apps/trained_model.h"

#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lamina/apps/run_folder.h"
#include "lamina/apps/threads.h"
#include "lamina/serialization.h"

namespace lamina::apps {
namespace {

std::string prefix() { return absl::StrCat(kModelPart, "."); }

}  // namespace

absl::StatusOr<std::string> open_checkpoint(const std::string& app,
                                            const std::vector<std::string>& settings,
                                            const Arguments& arguments) {
  absl::Status status = use_threads();
  if (!status.ok()) return status;
  absl::StatusOr<std::string> path = newest_checkpoint(app);
  if (!path.ok()) return path;
  status = adopt_settings(*path, app, settings, arguments);
  if (!status.ok()) return status;
  return path;
}

void tell_checkpoint(const Arguments& arguments, const std::string& path) {
  if (arguments.given.count("checkpoint") == 0) std::cerr << path << std::endl;
}

absl::Status check_size(const std::string& checkpoint, int64_t elements) {
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(checkpoint);
  if (!reader.ok()) return reader.status();
  int64_t there = 0;
  for (const CheckpointEntry& entry : reader->entries()) {
    if (entry.dtype && absl::StartsWith(entry.name, prefix())) there += entry.shape.numel();
  }
  if (there >= elements) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(checkpoint, ": expected a model of ", nn::with_commas(elements),
                   " elements, as its settings tell, got ", nn::with_commas(there)));
}

absl::Status load_trained(const std::string& checkpoint, nn::Module& model) {
  absl::Status status = load_model(checkpoint, model, true, prefix());
  if (status.ok()) model.eval();
  return status;
}

}  // namespace lamina::apps
