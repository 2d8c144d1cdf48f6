// How far apart two words are, for errors that name what may have been meant.
#ifndef LAMINA_NN_EDIT_DISTANCE_H_
#define LAMINA_NN_EDIT_DISTANCE_H_

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "absl/strings/string_view.h"

namespace lamina::nn {

// The least number of bytes to insert, delete or replace that makes b of a, in time a.size() * b.size().
// Source: Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966.
inline size_t edit_distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);  // the distances of a's first bytes to those of b
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace lamina::nn

#endif  // LAMINA_NN_EDIT_DISTANCE_H_
