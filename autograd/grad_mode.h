// Whether operations record what backward needs. On at first; each thread has its own.
#ifndef LAMINA_AUTOGRAD_GRAD_MODE_H_
#define LAMINA_AUTOGRAD_GRAD_MODE_H_

namespace lamina {

namespace internal {
inline thread_local bool grad_enabled = true;
}  // namespace internal

inline bool is_grad_enabled() { return internal::grad_enabled; }

// Sets the mode for the life of the object, on this thread.
class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) : before_(internal::grad_enabled) {
    internal::grad_enabled = enabled;
  }
  ~GradModeGuard() { internal::grad_enabled = before_; }
  GradModeGuard(const GradModeGuard&) = delete;
  GradModeGuard& operator=(const GradModeGuard&) = delete;

 private:
  bool before_;
};

// { NoGradGuard no_grad; ... } records nothing: results do not require gradients.
class NoGradGuard : public GradModeGuard {
 public:
  NoGradGuard() : GradModeGuard(false) {}
};

}  // namespace lamina

#endif  // LAMINA_AUTOGRAD_GRAD_MODE_H_
