// Standardizer: columns to mean 0 and standard deviation 1. It is fitted on the rows for training
// only, so that nothing about the others reaches the model.
//
//   auto parts = data::random_split_by_fraction(dataset, {0.8, 0.2});
//   const auto scaler = data::Standardizer::fit(x, parts[0]->indices());
//   data::TensorDataset standardised(scaler.transform(x), y);
#ifndef LAMINA_NN_DATA_STANDARDIZER_H_
#define LAMINA_NN_DATA_STANDARDIZER_H_

#include <cstdint>

#include "absl/types/span.h"
#include "lamina/autograd.h"

namespace lamina::nn::data {

class Standardizer {
 public:
  // By the mean and the standard deviation (divided by n) of each column of x (n, columns), or of
  // its rows at these indices. A constant column has std 1, and so becomes 0. Numeric dtypes. Throws
  // ShapeError unless there are two dimensions and a row, ValueError for values that are not
  // finite, IndexError for an index of no row.
  static Standardizer fit(const Tensor& x);
  static Standardizer fit(const Tensor& x, absl::Span<const int64_t> rows);

  // With numbers that were fitted before: mean() and std() of another one. Throws ShapeError unless
  // both are (columns), ValueError unless they are finite and std is above 0.
  Standardizer(const Tensor& mean, const Tensor& std);

  // (x - mean) / std and x std + mean, of x (..., columns); computed in float64, and rounded once to
  // x's dtype, which is floating. Other shapes throw ShapeError.
  Tensor transform(const Tensor& x) const;
  Tensor inverse_transform(const Tensor& x) const;

  // float64 (columns)
  const Tensor& mean() const { return mean_; }
  const Tensor& std() const { return std_; }

 private:
  Tensor mean_, std_;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_STANDARDIZER_H_
