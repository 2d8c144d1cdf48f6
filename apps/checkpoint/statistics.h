// Numbers about the elements of an array, and about those of two.
#ifndef LAMINA_APPS_CHECKPOINT_STATISTICS_H_
#define LAMINA_APPS_CHECKPOINT_STATISTICS_H_

#include <cstdint>

#include "lamina/tensor.h"

namespace lamina::apps::checkpoint {

// Of the elements that are finite; the others are only counted. long double holds every int64 and every
// sum of float64 numbers.
struct Statistics {
  int64_t finite = 0;
  int64_t nan = 0;
  int64_t inf = 0;                     // of either sign
  long double min = 0, max = 0;        // 0 without finite elements
  long double mean = 0;                // likewise
  long double standard_deviation = 0;  // with n - 1, as PyTorch's std(); 0 for fewer than two
};
Statistics statistics_of(const NDArray& array);

// Of elements at the same place. They differ unless they are equal numbers or both NaN.
struct Difference {
  int64_t elements = 0;  // that differ
  double absolute = 0;   // the largest |a - b|; infinite for a NaN or infinity and something else
  double relative = 0;   // the largest |a - b| / max(|a|, |b|); likewise
};
// The arrays are of one dtype and shape.
Difference difference_of(const NDArray& a, const NDArray& b);

}  // namespace lamina::apps::checkpoint

#endif  // LAMINA_APPS_CHECKPOINT_STATISTICS_H_
