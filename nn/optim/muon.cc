#include "lamina/nn/optim/muon.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lamina::nn::optim {
namespace {

constexpr int64_t kMostSteps = 99;  // as in PyTorch; a few are enough

// The matrix with its singular values brought near 1.
NDArray orthogonalized(const NDArray& matrix, int64_t steps, double eps) {
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  const bool is_tall = matrix.size(0) > matrix.size(1);  // x x^T is the smaller product
  NDArray x = is_tall ? matrix.t() : matrix;
  x = x / std::max(norm(x).item<double>(), eps);
  for (int64_t i = 0; i < steps; ++i) {
    const NDArray gram = matmul(x, x.t());
    x = addmm(x, addmm(gram, gram, gram, kB, kC), x, kA);
  }
  return is_tall ? x.t() : x;
}

}  // namespace

Muon::Muon(Parameters parameters, const MuonOptions& options) : OptimizerOf("Muon") {
  add_group(std::move(parameters), options);
}

void Muon::check_parameter(const std::string& which, const Tensor& parameter) const {
  if (parameter.dim() == 2) return;
  fail<ValueError>("Muon", "expected matrices, got ", which, " of shape ", parameter.shape().str());
}

void Muon::visit(MuonOptions& o, OptionVisitor& visitor) const {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.number("weight_decay", o.weight_decay, OptionRange::kNotNegative);
  visitor.number("momentum", o.momentum, OptionRange::kBelowOne);
  visitor.flag("nesterov", o.nesterov);
  visitor.count("ns_steps", o.ns_steps, 1);
  visitor.number("eps", o.eps, OptionRange::kNotNegative);
  if (o.ns_steps > kMostSteps) {
    fail<ValueError>("Muon", "ns_steps: expected at most ", kMostSteps, ", got ", o.ns_steps);
  }
}

std::vector<Muon::StateArray> Muon::state_arrays(int64_t /*group*/) const {
  return {{"momentum_buffer"}};
}

void Muon::step() {
  for (const Entry& entry : entries()) check_parameter(entry.name, entry.parameter);
  for_each_gradient([&](Entry& entry, const NDArray& gradient) {
    const MuonOptions& o = options(entry.group);
    NDArray& buffer = entry.arrays[0];
    if (buffer.numel() == 0) return;
    const NDArray g = gradient.to(buffer.dtype());
    buffer.lerp_(g, 1 - o.momentum);
    const NDArray update =
        orthogonalized(o.nesterov ? lerp(g, buffer, o.momentum) : buffer, o.ns_steps, o.eps);
    const auto rows = static_cast<double>(buffer.size(0));
    const auto columns = static_cast<double>(buffer.size(1));
    const double scale = std::sqrt(std::max(1.0, rows / columns));
    NDArray values = entry.parameter.data();
    values.copy_(values.to(buffer.dtype()) * (1 - o.lr * o.weight_decay) - update * (o.lr * scale));
  });
}

}  // namespace lamina::nn::optim
