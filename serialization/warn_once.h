// What callbacks of training do about files that cannot be written: training goes on, warned once.
#ifndef LAMINA_SERIALIZATION_WARN_ONCE_H_
#define LAMINA_SERIALIZATION_WARN_ONCE_H_

#include <functional>
#include <iostream>
#include <utility>

#include "absl/status/status.h"

namespace lamina::serialization {

// Keeps the first error of several statuses, and tells `warn` of it, or standard error if that is empty:
// "warning: an event was not written: ...", of which `what` is the first part.
class WarnOnce {
 public:
  WarnOnce(const char* what, std::function<void(const absl::Status&)> warn)
      : what_(what), warn_(std::move(warn)) {}

  void note(const absl::Status& status) {
    if (status.ok() || !first_.ok()) return;
    first_ = status;
    if (warn_) {
      warn_(status);
    } else {
      std::cerr << "warning: " << what_ << ": " << status.message() << std::endl;
    }
  }
  const absl::Status& first() const { return first_; }

 private:
  const char* const what_;
  const std::function<void(const absl::Status&)> warn_;
  absl::Status first_;
};

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_WARN_ONCE_H_
