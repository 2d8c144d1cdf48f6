#include "lamina/apps/did_you_mean.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lamina/nn/edit_distance.h"
#include "lamina/serialization/text.h"

namespace lamina::apps {

std::string did_you_mean(absl::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kLongest = 300;  // the time goes by the square of it
  if (word.size() > kLongest) return "";
  const std::string* closest = nullptr;
  size_t least = std::max<size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() >= word.size() + least || word.size() >= candidate.size() + least)
      continue;
    const size_t changes = nn::edit_distance(word, candidate);
    if (changes >= least) continue;
    closest = &candidate;
    least = changes;
  }
  for (size_t i = 0; closest == nullptr && !word.empty() && i < candidates.size(); ++i) {
    if (absl::StrContains(candidates[i], word)) closest = &candidates[i];
  }
  return closest == nullptr
             ? ""
             : absl::StrCat("; did you mean ", serialization::in_quotes(*closest), "?");
}

}  // namespace lamina::apps
