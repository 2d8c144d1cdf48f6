#include "lamina/nn/optim/line_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lamina::nn::optim::internal {
namespace {

constexpr double kSufficientDecrease = 1e-4, kCurvature = 0.9;
constexpr int kMostTries = 25;

// Where the cubic through two points with their slopes is least, within bounds; their middle if it
// is nowhere.
double cubic_minimum(LinePoint a, LinePoint b, double low, double high) {
  if (a.t > b.t) std::swap(a, b);
  const double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double d2 = std::sqrt(square);
  const double t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
  return std::min(std::max(t, low), high);
}

class Search {
 public:
  Search(absl::FunctionRef<LinePoint(double)> evaluate, const LinePoint& start)
      : evaluate_(evaluate), start_(start) {}

  LinePoint run(double t, double d_norm, double tolerance_change) {
    const bool is_done = bracket(t);
    if (!is_done) narrow(d_norm, tolerance_change);
    return low();
  }

 private:
  bool has_fallen(const LinePoint& point) const {
    return !(point.loss > start_.loss + kSufficientDecrease * point.t * start_.slope);
  }
  bool is_flat(const LinePoint& point) const {
    return std::abs(point.slope) <= -kCurvature * start_.slope;
  }
  LinePoint& low() { return ends_[low_]; }
  LinePoint& high() { return ends_[1 - low_]; }
  void find_low() { low_ = ends_[0].loss <= ends_[1].loss ? 0 : 1; }
  void set_bracket(const LinePoint& a, const LinePoint& b) {
    ends_[0] = a;
    ends_[1] = b;
    find_low();
  }

  // Steps outwards until two points have a good one between them, or one is good itself: then true.
  bool bracket(double t) {
    LinePoint previous = start_, point = evaluate_(t);
    for (; tries_ < kMostTries; ++tries_) {
      if (!has_fallen(point) || (tries_ > 1 && point.loss >= previous.loss)) {
        set_bracket(previous, point);
        return false;
      }
      if (is_flat(point)) {
        low() = point;
        return true;
      }
      if (point.slope >= 0) {
        set_bracket(previous, point);
        return false;
      }
      const double next =
          cubic_minimum(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10);
      previous = std::exchange(point, evaluate_(next));
    }
    set_bracket(start_, point);
    return false;
  }

  void narrow(double d_norm, double tolerance_change) {
    bool was_near_an_end = false;
    for (; tries_ < kMostTries; ++tries_) {
      const double first = std::min(low().t, high().t), last = std::max(low().t, high().t);
      if ((last - first) * d_norm < tolerance_change) return;
      double t = cubic_minimum(ends_[0], ends_[1], first, last);
      // Twice in a row near an end, or at one, is too little progress.
      const double margin = 0.1 * (last - first);
      const bool is_near_an_end = std::min(last - t, t - first) < margin;
      const bool is_stuck = is_near_an_end && (was_near_an_end || t >= last || t <= first);
      if (is_stuck) t = std::abs(t - last) < std::abs(t - first) ? last - margin : first + margin;
      was_near_an_end = is_near_an_end && !is_stuck;

      const LinePoint point = evaluate_(t);
      if (!has_fallen(point) || point.loss >= low().loss) {
        high() = point;
        find_low();
        continue;
      }
      const bool is_done = is_flat(point);
      if (!is_done && point.slope * (high().t - low().t) >= 0) high() = low();
      low() = point;
      if (is_done) return;
    }
  }

  absl::FunctionRef<LinePoint(double)> evaluate_;
  const LinePoint& start_;
  LinePoint ends_[2];  // of the bracket
  int low_ = 0;        // which of them has the lower loss
  int tries_ = 0;      // points after the first
};

}  // namespace

LinePoint strong_wolfe(absl::FunctionRef<LinePoint(double t)> evaluate, const LinePoint& start,
                       double t, double d_norm, double tolerance_change) {
  return Search(evaluate, start).run(t, d_norm, tolerance_change);
}

}  // namespace lamina::nn::optim::internal
