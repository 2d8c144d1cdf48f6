// What somebody who mistyped a name may have meant.
#ifndef LAMINA_APPS_DID_YOU_MEAN_H_
#define LAMINA_APPS_DID_YOU_MEAN_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lamina::apps {

// "; did you mean 'weight'?" with the candidate that the fewest insertions, deletions and replacements of
// single bytes make of `word`, if they are at most a third of it; else the first candidate that contains
// it; else nothing.
std::string did_you_mean(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace lamina::apps

#endif  // LAMINA_APPS_DID_YOU_MEAN_H_
