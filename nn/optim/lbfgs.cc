#include "lamina/nn/optim/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "lamina/nn/optim/line_search.h"
#include "lamina/nn/state_reader.h"

namespace lamina::nn::optim {
namespace {

constexpr double kLeastCurvature = 1e-10;  // of y s, below which a change is not remembered

double dot_of(const NDArray& a, const NDArray& b) { return dot(a, b).item<double>(); }
double largest(const NDArray& x) { return abs(x).max().item<double>(); }

NDArray stacked(const std::vector<NDArray>& rows, int64_t n, DType dtype) {
  NDArray all = NDArray::empty({static_cast<int64_t>(rows.size()), n}, dtype);
  for (size_t i = 0; i < rows.size(); ++i) all[static_cast<int64_t>(i)].copy_(rows[i]);
  return all;
}
std::vector<NDArray> rows_of(const NDArray& all) {
  std::vector<NDArray> rows;
  if (!all.defined()) return rows;
  for (int64_t i = 0; i < all.size(0); ++i) rows.push_back(all[i].clone());
  return rows;
}

}  // namespace

LBFGS::LBFGS(Parameters parameters, const LBFGSOptions& options) : OptimizerOf("LBFGS") {
  add_group(std::move(parameters), options);
}

void LBFGS::visit(LBFGSOptions& o, OptionVisitor& visitor) const {
  visitor.number("lr", o.lr, OptionRange::kNotNegative);
  visitor.count("max_iter", o.max_iter, 1);
  visitor.count("max_eval", o.max_eval, 0);
  visitor.number("tolerance_grad", o.tolerance_grad, OptionRange::kNotNegative);
  visitor.number("tolerance_change", o.tolerance_change, OptionRange::kNotNegative);
  visitor.count("history_size", o.history_size, 1);
  visitor.flag("strong_wolfe", o.strong_wolfe);
}

std::vector<LBFGS::StateArray> LBFGS::state_arrays(int64_t /*group*/) const { return {}; }

void LBFGS::check_parameter(const std::string& which, const Tensor& /*parameter*/) const {
  if (group_count() == 0) return;
  fail<ValueError>("LBFGS", "expected one group of parameters, got ", which, " in a second");
}

// ---- All parameters as one vector

int64_t LBFGS::numel() const {
  int64_t n = 0;
  for (const Entry& entry : entries()) n += entry.parameter.numel();
  return n;
}

DType LBFGS::flat_dtype() const {
  for (const Entry& entry : entries()) {
    if (entry.parameter.dtype() == float64) return float64;
  }
  return float32;
}

// 0 where there is none.
NDArray LBFGS::flat_gradient() const {
  NDArray flat = NDArray::zeros(numel(), flat_dtype());
  int64_t first = 0;
  for (const Entry& entry : entries()) {
    const Tensor gradient = entry.parameter.grad();
    const int64_t n = entry.parameter.numel();
    if (gradient.defined()) {
      check_can_step(entry);
      narrow(flat, 0, first, n).copy_(gradient.data().reshape({n}));
    }
    first += n;
  }
  return flat;
}

void LBFGS::move(double t) {
  int64_t first = 0;
  for (size_t i = 0; i < entries().size(); ++i) {
    NDArray values = entries()[i].parameter.data();
    if (moves_[i]) {
      const NDArray d = narrow(memory_.d, 0, first, values.numel()).reshape(values.shape());
      values.copy_(values.to(d.dtype()) + d * t);
    }
    first += values.numel();
  }
}

// ---- Steps

void LBFGS::step() {
  fail<RuntimeError>("LBFGS",
                     "expected a closure that computes the loss and its gradients: "
                     "step(closure), got none");
}

Tensor LBFGS::step(const std::function<Tensor()>& closure) {
  if (!closure) step();
  prepare_memory();
  const LBFGSOptions& o = options();
  Memory& m = memory_;
  int64_t calls = 0;
  const auto evaluate = [&] {
    const EnableGradGuard enable_grad;
    Tensor loss = closure();
    if (!loss.defined()) {
      fail<RuntimeError>("LBFGS", "expected the loss from the closure, got an undefined tensor");
    }
    ++calls;
    ++m.func_evals;
    return loss;
  };

  Tensor first_loss = evaluate();
  if (numel() == 0) return first_loss;
  double loss = first_loss.item<double>();
  NDArray gradient = flat_gradient();
  if (largest(gradient) <= o.tolerance_grad) return first_loss;
  // max_iter * 5 / 4, without overflow
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const int64_t more_calls = std::min(o.max_iter / 4, kMost - o.max_iter);
  const int64_t most_calls = o.max_eval > 0 ? o.max_eval : o.max_iter + more_calls;
  for (int64_t iteration = 1;; ++iteration) {
    ++m.n_iter;
    update_direction(gradient);
    m.prev_flat_grad = gradient;
    m.prev_loss = loss;
    m.t = o.lr;
    if (m.n_iter == 1) m.t *= std::min(1.0, 1 / abs(gradient).sum().item<double>());
    const double slope = dot_of(gradient, m.d);
    if (slope > -o.tolerance_change) break;

    if (o.strong_wolfe) {
      std::vector<NDArray> start;
      for (const Entry& entry : entries()) start.push_back(entry.parameter.data().clone());
      const auto at = [&](double t) {
        m.t = t;  // where the closure leaves the parameters if it throws
        move(t);
        internal::LinePoint point;
        point.t = t;
        point.loss = evaluate().item<double>();
        point.gradient = flat_gradient();
        point.slope = dot_of(point.gradient, m.d);
        for (size_t i = 0; i < start.size(); ++i) {
          if (!moves_[i]) continue;
          NDArray values = entries()[i].parameter.data();
          values.copy_(start[i]);
        }
        return point;
      };
      const internal::LinePoint found = internal::strong_wolfe(at, {0, loss, gradient, slope}, m.t,
                                                               largest(m.d), o.tolerance_change);
      m.t = found.t;
      loss = found.loss;
      gradient = found.gradient;
      move(m.t);
    } else {
      move(m.t);
      if (iteration == o.max_iter) break;  // the next step begins with what would come here
      loss = evaluate().item<double>();
      gradient = flat_gradient();
    }
    if (iteration == o.max_iter || calls >= most_calls) break;
    if (largest(gradient) <= o.tolerance_grad) break;
    if (largest(m.d * m.t) <= o.tolerance_change) break;
    if (std::abs(loss - m.prev_loss) < o.tolerance_change) break;
  }
  return first_loss;
}

// Of the dtype that the parameters have now; checks the parameters.
void LBFGS::prepare_memory() {
  for (const Entry& entry : entries()) {
    if (entry.parameter.requires_grad()) check_can_step(entry);
  }
  Memory& m = memory_;
  if (!m.d.defined()) return;
  if (m.d.numel() != numel()) {
    fail<ShapeError>("LBFGS", "expected the ", m.d.numel(),
                     " elements of earlier steps in all parameters, got ", numel());
  }
  const DType dtype = flat_dtype();
  if (m.d.dtype() == dtype) return;
  const auto convert = [&](NDArray& x) { x = x.to(dtype); };
  convert(m.d);
  convert(m.prev_flat_grad);
  std::for_each(m.old_dirs.begin(), m.old_dirs.end(), convert);
  std::for_each(m.old_stps.begin(), m.old_stps.end(), convert);
}

void LBFGS::update_direction(const NDArray& flat_grad) {
  Memory& m = memory_;
  NDArray direction = -flat_grad;
  if (m.n_iter > 1) {
    const NDArray y = flat_grad - m.prev_flat_grad, s = m.d * m.t;
    const double ys = dot_of(y, s);
    if (ys > kLeastCurvature) {
      while (static_cast<int64_t>(m.ro.size()) >= options().history_size) {
        m.old_dirs.erase(m.old_dirs.begin());
        m.old_stps.erase(m.old_stps.begin());
        m.ro.erase(m.ro.begin());
      }
      m.old_dirs.push_back(y);
      m.old_stps.push_back(s);
      m.ro.push_back(1 / ys);
      m.h_diag = ys / dot_of(y, y);
    }
    std::vector<double> weights(m.ro.size());
    for (size_t i = m.ro.size(); i-- > 0;) {
      weights[i] = dot_of(m.old_stps[i], direction) * m.ro[i];
      direction.add_(m.old_dirs[i], -weights[i]);
    }
    direction = direction * m.h_diag;
    for (size_t i = 0; i < m.ro.size(); ++i) {
      const double weight = dot_of(m.old_dirs[i], direction) * m.ro[i];
      direction.add_(m.old_stps[i], weights[i] - weight);
    }
  }
  // What has no gradient now may have moved before.
  m.d = NDArray::zeros(direction.numel(), direction.dtype());
  moves_.clear();
  int64_t first = 0;
  for (const Entry& entry : entries()) {
    const int64_t n = entry.parameter.numel();
    moves_.push_back(entry.parameter.grad().defined());
    if (moves_.back()) {
      narrow(m.d, 0, first, n).copy_(narrow(direction, 0, first, n));
    }
    first += n;
  }
}

// ---- State

void LBFGS::save_whole(StateDict* state) const {
  const Memory& m = memory_;
  if (m.func_evals == 0) return;
  state->set("state.0.func_evals", nn::internal::saved(m.func_evals));
  state->set("state.0.n_iter", nn::internal::saved(m.n_iter));
  if (m.n_iter == 0) return;
  const int64_t n = m.d.numel();
  state->set("state.0.d", Tensor(m.d));
  state->set("state.0.t", nn::internal::saved(m.t));
  state->set("state.0.old_dirs", Tensor(stacked(m.old_dirs, n, m.d.dtype())));
  state->set("state.0.old_stps", Tensor(stacked(m.old_stps, n, m.d.dtype())));
  state->set("state.0.ro", Tensor(NDArray::from(m.ro, static_cast<int64_t>(m.ro.size()))));
  state->set("state.0.H_diag", nn::internal::saved(m.h_diag));
  state->set("state.0.prev_flat_grad", Tensor(m.prev_flat_grad));
  state->set("state.0.prev_loss", nn::internal::saved(m.prev_loss));
}

std::function<void()> LBFGS::load_whole(nn::internal::StateReader* reader) {
  Memory m;
  if (reader->has("state.0.func_evals")) {
    m.func_evals = reader->count("state.0.func_evals", 1);
    m.n_iter = reader->count("state.0.n_iter");
  }
  if (m.n_iter > 0) {
    const auto array = [&](const char* key, const Shape& shape) {
      return reader->array(key, shape, flat_dtype(), "all parameters' elements");
    };
    const int64_t n = numel();
    m.ro = reader->numbers("state.0.ro").value_or(std::vector<double>());
    const auto remembered = static_cast<int64_t>(m.ro.size());
    m.d = array("state.0.d", {n});
    m.t = reader->number("state.0.t").value_or(0);
    m.old_dirs = rows_of(array("state.0.old_dirs", {remembered, n}));
    m.old_stps = rows_of(array("state.0.old_stps", {remembered, n}));
    m.h_diag = reader->number("state.0.H_diag").value_or(1);
    m.prev_flat_grad = array("state.0.prev_flat_grad", {n});
    m.prev_loss = reader->number("state.0.prev_loss").value_or(0);
  }
  return [this, m = std::move(m)] { memory_ = m; };
}

}  // namespace lamina::nn::optim
