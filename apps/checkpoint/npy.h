// NumPy's file format for one array. Source: numpy.lib.format, version 1.0.
#ifndef LAMINA_APPS_CHECKPOINT_NPY_H_
#define LAMINA_APPS_CHECKPOINT_NPY_H_

#include <string>

#include "absl/status/status.h"
#include "lamina/tensor.h"

namespace lamina::apps::checkpoint {

// The array as a file of NumPy's holds it: contiguous, and in place of bfloat16, which NumPy lacks, float32,
// which holds the same numbers.
NDArray as_npy(const NDArray& array);

// Writes such an array to a file that numpy.load() reads, at once and durably; errors begin with the path.
absl::Status save_npy(const std::string& path, const NDArray& array);

}  // namespace lamina::apps::checkpoint

#endif  // LAMINA_APPS_CHECKPOINT_NPY_H_
