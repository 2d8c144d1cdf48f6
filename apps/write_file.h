// Writes a file that is whole or not there.
#ifndef LAMINA_APPS_WRITE_FILE_H_
#define LAMINA_APPS_WRITE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lamina::apps {

// Puts the bytes into the file at `path`, or in place of the one there, at once or not at all
// (serialization::AtomicFile). Errors begin with the path; what was there stays.
absl::Status write_file(const std::string& path, absl::string_view bytes);

// InvalidArgument if writing to `output` would take one of the files to read away, by whatever name: at the
// end, or at once if that is what the output is first written to. An empty `output` is none.
absl::Status check_output(const std::string& output, const std::vector<std::string>& inputs);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_WRITE_FILE_H_
