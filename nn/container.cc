#include "lamina/nn/container.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lamina::nn::internal {

size_t checked_index(const char* container, int64_t i, size_t size) {
  const auto n = static_cast<int64_t>(size);
  if (n == 0) {
    fail<IndexError>(container, "expected an index into a list that is not empty, got ", i);
  }
  if (i < -n || i >= n) {
    fail<IndexError>(container, "expected an index from ", -n, " to ", n - 1, ", got ", i);
  }
  return static_cast<size_t>(i < 0 ? i + n : i);
}

void fail_no_key(const char* container, absl::string_view key,
                 const std::vector<std::string>& keys) {
  fail<IndexError>(container, "expected ",
                   keys.empty() ? "a container that is not empty"
                                : absl::StrCat("a key of \"", absl::StrJoin(keys, "\", \""), "\""),
                   ", got \"", key, "\"");
}

std::vector<std::string> folded_lines(const std::vector<std::string>& texts) {
  std::vector<std::string> lines;
  for (size_t i = 0, end; i < texts.size(); i = end) {
    for (end = i + 1; end < texts.size() && texts[end] == texts[i]; ++end) {
    }
    lines.push_back(end == i + 1
                        ? absl::StrCat("(", i, "): ", texts[i])
                        : absl::StrCat("(", i, "-", end - 1, "): ", end - i, " x ", texts[i]));
  }
  return lines;
}

}  // namespace lamina::nn::internal
