// Whether operations record what backward needs. On at first; each thread has its own modes. Guards
// live on the stack: each brings back the mode that it found, so they must end in reverse order.
#ifndef LAMINA_AUTOGRAD_GRAD_MODE_H_
#define LAMINA_AUTOGRAD_GRAD_MODE_H_

#include <cstddef>

namespace lamina {

namespace internal {
inline thread_local bool grad_enabled = true;
inline thread_local bool inference_mode = false;
}  // namespace internal

inline bool is_grad_enabled() { return internal::grad_enabled; }
inline bool is_inference_mode() { return internal::inference_mode; }

// Sets the mode for the life of the object, on this thread. In inference mode it stays off.
class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) : before_(internal::grad_enabled) {
    internal::grad_enabled = enabled && !internal::inference_mode;
  }
  ~GradModeGuard() { internal::grad_enabled = before_; }
  GradModeGuard(const GradModeGuard&) = delete;
  GradModeGuard& operator=(const GradModeGuard&) = delete;
  static void* operator new(size_t) = delete;

 private:
  bool before_;
};

// { NoGradGuard no_grad; ... } records nothing: results do not require gradients.
class NoGradGuard : public GradModeGuard {
 public:
  NoGradGuard() : GradModeGuard(false) {}
};

// { EnableGradGuard enable_grad; ... } records again, inside a NoGradGuard.
class EnableGradGuard : public GradModeGuard {
 public:
  EnableGradGuard() : GradModeGuard(true) {}
};

// { InferenceModeGuard inference; ... } records nothing, and what it makes can never get into a
// graph: a tensor from here that backward would need later, or that is written to in place, is an
// error outside, unless it goes by way of its data(). No view is kept track of.
class InferenceModeGuard {
 public:
  InferenceModeGuard() : before_(internal::inference_mode) { internal::inference_mode = true; }
  ~InferenceModeGuard() { internal::inference_mode = before_; }
  InferenceModeGuard(const InferenceModeGuard&) = delete;
  InferenceModeGuard& operator=(const InferenceModeGuard&) = delete;
  static void* operator new(size_t) = delete;

 private:
  bool before_;
  NoGradGuard no_grad_;
};

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_GRAD_MODE_H_
