#include "lamina/nn/optim/parameters_to_vector.h"

#include <cstdint>

namespace lamina::nn {
namespace {

void check_parameters(const char* op, const std::vector<Tensor>& parameters) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& p = parameters[i];
    if (!p.defined()) {
      fail<RuntimeError>(op, "expected tensors, got an undefined one as parameter ", i);
    }
    if (!is_floating(p.dtype())) {
      fail<DTypeError>(op, "expected floating parameters, got parameter ", i, " of ",
                       name_of(p.dtype()));
    }
  }
}

}  // namespace

Tensor parameters_to_vector(const std::vector<Tensor>& parameters) {
  constexpr char kOp[] = "parameters_to_vector";
  const OpScope scope(kOp);
  check_parameters(kOp, parameters);
  if (parameters.empty()) fail<ValueError>(kOp, "expected at least one parameter, got none");
  std::vector<Tensor> flat;
  flat.reserve(parameters.size());
  for (const Tensor& p : parameters) flat.push_back(p.reshape({-1}));
  return cat(flat, 0);
}

void vector_to_parameters(const Tensor& vector, const std::vector<Tensor>& parameters) {
  constexpr char kOp[] = "vector_to_parameters";
  if (!vector.defined()) fail<RuntimeError>(kOp, "expected a vector, got an undefined tensor");
  if (!is_floating(vector.dtype())) {
    fail<DTypeError>(kOp, "expected a floating vector, got ", name_of(vector.dtype()));
  }
  check_parameters(kOp, parameters);
  int64_t total = 0;
  bool is_apart = true;  // the vector from all parameters
  for (const Tensor& p : parameters) {
    check_writable(kOp, p.data());
    total += p.numel();
    is_apart = is_apart && p.data().storage() != vector.data().storage();
  }
  if (vector.shape() != Shape({total})) {
    fail<ShapeError>(kOp, "expected a vector of the ", total, " elements of all parameters, got ",
                     vector.shape().str());
  }
  const NDArray values = is_apart ? vector.data() : vector.data().clone();
  int64_t first = 0;
  for (const Tensor& p : parameters) {
    NDArray to = p.data();
    to.copy_(values.narrow(0, first, p.numel()).reshape(p.shape()));
    first += p.numel();
  }
}

}  // namespace lamina::nn
