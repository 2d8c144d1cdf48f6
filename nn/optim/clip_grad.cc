#include "lamina/nn/optim/clip_grad.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"

namespace lamina::nn {
namespace {

// Those with a gradient, once each.
std::vector<Tensor> with_gradients(const char* op, const std::vector<Tensor>& parameters) {
  std::vector<Tensor> out;
  absl::flat_hash_set<const void*> seen;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& p = parameters[i];
    if (!p.defined()) {
      fail<RuntimeError>(op, "expected tensors, got an undefined one as parameter ", i);
    }
    if (p.grad().defined() && seen.insert(p.impl()).second) out.push_back(p);
  }
  return out;
}

// Writes to each gradient, or to a copy that takes its place.
void for_each_gradient(const std::vector<Tensor>& parameters,
                       absl::FunctionRef<void(NDArray&)> change) {
  absl::flat_hash_map<const void*, int> owners;
  for (const Tensor& p : parameters) {
    ++owners[p.grad().data().storage()];
    ++owners[p.data().storage()];
  }
  std::vector<bool> in_place;
  for (const Tensor& p : parameters) {
    const Tensor gradient = p.grad();
    in_place.push_back(owners[gradient.data().storage()] == 1 && gradient.is_leaf() &&
                       is_writable(gradient.data()));
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    NDArray gradient = parameters[i].grad().data();
    if (!in_place[i]) gradient = gradient.clone();
    change(gradient);
    if (!in_place[i]) parameters[i].set_grad(gradient);
  }
}

// Appends the norms of pieces of x, taken in float64, which bounds the memory that the copies take.
void append_norms(const NDArray& x, double p, std::vector<double>* norms) {
  constexpr int64_t kPiece = 1 << 18;
  const NDArray flat = x.reshape({-1});
  for (int64_t first = 0; first < flat.numel(); first += kPiece) {
    const NDArray piece = flat.narrow(0, first, std::min(kPiece, flat.numel() - first)).to(float64);
    double norm = piece.norm(p).item<double>();
    if (norm == 0 || std::isinf(norm)) {  // powers beyond float64: of multiples of the largest
      const double largest = piece.norm(std::numeric_limits<double>::infinity()).item<double>();
      if (largest > 0 && std::isfinite(largest)) {
        norm = largest * piece.div(largest).norm(p).item<double>();
      }
    }
    norms->push_back(norm);
  }
}

// The norm of the norms; as multiples of the largest, whose powers cannot overflow.
double combine(const std::vector<double>& norms, double p) {
  double largest = 0;
  for (const double norm : norms) {
    if (std::isnan(norm)) return norm;
    largest = std::max(largest, norm);
  }
  if (std::isinf(p) || largest == 0 || std::isinf(largest)) return largest;
  double sum = 0;
  for (const double norm : norms) sum += std::pow(norm / largest, p);
  return largest * std::pow(sum, 1 / p);
}

}  // namespace

double clip_grad_norm_(const std::vector<Tensor>& parameters, double max_norm, double norm_type,
                       bool error_if_nonfinite) {
  constexpr char kOp[] = "clip_grad_norm_";
  if (!(max_norm >= 0)) fail<ValueError>(kOp, "max_norm: expected at least 0, got ", max_norm);
  if (!(norm_type > 0)) fail<ValueError>(kOp, "norm_type: expected above 0, got ", norm_type);
  const std::vector<Tensor> all = with_gradients(kOp, parameters);
  std::vector<double> norms;
  for (const Tensor& p : all) append_norms(p.grad().data(), norm_type, &norms);
  const double total = combine(norms, norm_type);
  if (error_if_nonfinite && !std::isfinite(total)) {
    fail<RuntimeError>(kOp, "expected gradients of a finite norm, got ", total);
  }
  const double factor = max_norm / (total + 1e-6);
  if (factor >= 1 || std::isinf(max_norm)) return total;
  for_each_gradient(all, [&](NDArray& gradient) { gradient.mul_(factor); });
  return total;
}

void clip_grad_value_(const std::vector<Tensor>& parameters, double clip_value) {
  constexpr char kOp[] = "clip_grad_value_";
  if (!(clip_value >= 0))
    fail<ValueError>(kOp, "clip_value: expected at least 0, got ", clip_value);
  for_each_gradient(with_gradients(kOp, parameters), [&](NDArray& gradient) {
    gradient.copy_(gradient.clamp(-clip_value, clip_value));
  });
}

}  // namespace lamina::nn
