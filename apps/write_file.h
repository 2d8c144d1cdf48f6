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

// InvalidArgument if the file to write, which the flag of this name gave, is one of those to read.
absl::Status check_output(absl::string_view flag, const std::string& output,
                          const std::vector<std::string>& inputs);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_WRITE_FILE_H_
