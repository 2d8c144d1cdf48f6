#include "lamina/tensor/error.h"

namespace lamina::internal {

void internal_check_failed(const char* condition, const char* file, int line) {
  throw InternalError(absl::StrCat("[lamina] internal check failed: ", condition, " at ", file, ":",
                                   line, "; this is a bug in Lamina, please report it"));
}

}  // namespace lamina::internal
