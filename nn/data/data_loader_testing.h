// A small data set for tests of the DataLoader.
#ifndef LAMINA_NN_DATA_DATA_LOADER_TESTING_H_
#define LAMINA_NN_DATA_DATA_LOADER_TESTING_H_

#include <cstdint>
#include <vector>

#include "lamina/nn/data/data_loader.h"

namespace lamina::nn::data {

// Sample i has the features (i, -i) and the label 10 i.
inline DataLoader loader_of(int64_t samples, const DataLoaderOptions& options) {
  std::vector<float> x;
  std::vector<int64_t> y;
  for (int64_t i = 0; i < samples; ++i) {
    x.push_back(static_cast<float>(i));
    x.push_back(static_cast<float>(-i));
    y.push_back(10 * i);
  }
  return DataLoader(tensor(x, {samples, 2}), tensor(y, {samples}), options);
}

inline std::vector<int64_t> labels_of_a_pass(DataLoader& loader) {
  std::vector<int64_t> labels;
  for (const Batch& batch : loader) {
    for (const int64_t label : batch.y.to_vector<int64_t>()) labels.push_back(label);
  }
  return labels;
}

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_DATA_LOADER_TESTING_H_
