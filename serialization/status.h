// Statuses as this layer gives them: one line that begins with the path and names the entry.
#ifndef LAMINA_SERIALIZATION_STATUS_H_
#define LAMINA_SERIALIZATION_STATUS_H_

#include <new>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lamina/tensor.h"

namespace lamina::serialization {

// Prepends path and name, "model.ckpt: entry 'weight': ", of which the message may have the path already.
absl::Status of_entry(const std::string& path, absl::string_view name, const absl::Status& status);

// FailedPrecondition for a call to an object of class `what` that was moved from: with its file it gave away
// its path.
absl::Status moved_from(absl::string_view what);

// What f gives, a Status or StatusOr; ResourceExhausted if it throws for want of memory. `what` tells what
// that was for: "to save it".
template <class F>
auto or_no_memory(const std::string& path, absl::string_view what, const F& f) -> decltype(f()) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": no memory ", what));
  } catch (const Error& error) {  // of an array that could not be made
    return absl::ResourceExhaustedError(absl::StrCat(path, ": ", error.what()));
  }
}

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_STATUS_H_
