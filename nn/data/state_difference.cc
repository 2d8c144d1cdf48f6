#include "lamina/nn/data/state_difference.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace lamina::nn::data::internal {
namespace {

using Value = std::optional<Tensor>;

bool are_same(const Value& a, const Value& b) {
  if (!a || !b) return !a && !b;
  const NoGradGuard no_grad;
  return a->dtype() == b->dtype() && a->shape() == b->shape() &&
         a->ne(*b).sum().item<int64_t>() == 0;
}

std::string text_of(const Value& value, const Value& beside) {
  if (!value) return "no value";
  const std::string type = absl::StrCat(name_of(value->dtype()), " ");
  if (value->numel() != 1) return absl::StrCat(type, value->shape().str());
  const std::string number = is_floating(value->dtype()) ? absl::StrCat(value->item<double>())
                                                         : absl::StrCat(value->item<int64_t>());
  return beside && beside->dtype() == value->dtype() ? number : absl::StrCat(type, number);
}

}  // namespace

std::string state_difference(const Value& expected, const Value& got) {
  if (are_same(expected, got)) return "";
  const std::string wanted = text_of(expected, got), came = text_of(got, expected);
  if (wanted == came) return absl::StrCat("expected other values of ", came);
  return absl::StrCat("expected ", wanted, ", got ", came);
}

}  // namespace lamina::nn::data::internal
