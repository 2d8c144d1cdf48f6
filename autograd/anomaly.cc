#include "lamina/autograd/anomaly.h"

#include <atomic>

#include "absl/strings/str_cat.h"

namespace lamina {
namespace {
std::atomic<bool> detect{false};
}  // namespace

void set_detect_anomaly(bool enabled) { detect.store(enabled, std::memory_order_relaxed); }
bool is_detect_anomaly() { return detect.load(std::memory_order_relaxed); }

LabelGuard::LabelGuard(absl::string_view label) : before_(internal::current_label) {
  label_ = before_ == nullptr ? std::string(label) : absl::StrCat(*before_, ".", label);
  internal::current_label = &label_;
}
LabelGuard::~LabelGuard() { internal::current_label = before_; }

}  // namespace lamina
