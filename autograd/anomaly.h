// Finding the operation whose gradient went wrong.
//
//   set_detect_anomaly(true);
//   Tensor y = [&] { LabelGuard label("decoder"); return log(x); }();
//   y.sum().backward();
//   // [log] backward: expected finite gradients, got inf for input 0 at element 3
//   // (row-major) of shape (8,); the forward call was in "decoder"
#ifndef LAMINA_AUTOGRAD_ANOMALY_H_
#define LAMINA_AUTOGRAD_ANOMALY_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace lamina {

// Whether backward throws RuntimeError as soon as an operation's gradient is NaN or infinite, or its
// backward has written to the gradients that it got. For all threads; off at first, for each
// gradient is read once more.
void set_detect_anomaly(bool enabled);
bool is_detect_anomaly();

// Names the place in the program: operations recorded on this thread during the object's life
// carry the label, which errors of their backward tell. Inside another, "outer.inner". Guards live on
// the stack, and end in reverse order.
class LabelGuard {
 public:
  explicit LabelGuard(absl::string_view label);
  ~LabelGuard();
  LabelGuard(const LabelGuard&) = delete;
  LabelGuard& operator=(const LabelGuard&) = delete;
  static void* operator new(size_t) = delete;

 private:
  std::string label_;
  const std::string* before_;
};

namespace internal {
inline thread_local const std::string* current_label = nullptr;
}  // namespace internal

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_ANOMALY_H_
