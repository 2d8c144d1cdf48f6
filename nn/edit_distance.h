// How far apart two words are, for errors that name what may have been meant.
#ifndef LAMINA_NN_EDIT_DISTANCE_H_
#define LAMINA_NN_EDIT_DISTANCE_H_

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "absl/strings/string_view.h"

namespace lamina::nn {

// The least number of bytes to insert, delete or replace, and of neighbours to swap, that makes b of
// a, where no byte is changed twice; in time a.size() * b.size(). Source: Damerau, "A technique for
// computer detection and correction of spelling errors", 1964.
inline size_t edit_distance(absl::string_view a, absl::string_view b) {
  // The distances of a's first i, i - 1 and i - 2 bytes to each of b's beginnings.
  std::vector<size_t> row(b.size() + 1), above(b.size() + 1), above2(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    above2.swap(above);
    above.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, row[j - 1] + 1, above[j] + 1});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) row[j] = std::min(row[j], above2[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace lamina::nn

#endif  // LAMINA_NN_EDIT_DISTANCE_H_
