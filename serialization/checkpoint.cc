#include "lamina/serialization/checkpoint.h"

#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_writer.h"

namespace lamina {

absl::Status save_checkpoint(const std::string& path, const NamedArrays& state,
                             const SaveOptions& options) {
  absl::StatusOr<CheckpointWriter> writer = CheckpointWriter::create(path, options);
  if (!writer.ok()) return writer.status();
  for (const auto& [name, array] : state) {
    absl::Status status = writer->add(name, array);
    if (!status.ok()) return status;
  }
  return writer->finish();
}

absl::StatusOr<NamedArrays> load_checkpoint(const std::string& path) {
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path);
  if (!reader.ok()) return reader.status();
  return reader->read_all();
}

}  // namespace lamina
