// Each rule beside the same formula in double precision, element by element, at every length of the
// last, incomplete vector.
#include "lamina/tensor/kernels/optimizer_step.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina::kernels {
namespace {

// An element: the parameter, the gradient, and its state.
struct Element {
  double p, g, s[kStepState];
};

// Runs the rule on n elements and the reference on each of them, several times.
template <class Rule>
void expect_rule(const Rule& rule, const std::function<void(Element&)>& reference) {
  for (const DType dtype : {float32, float64}) {
    for (int64_t n = 0; n <= 37; ++n) {
      const NDArray p = test::noise({n + 1}, dtype, 1), g = test::noise({n + 1}, dtype, 2);
      NDArray state[kStepState];
      StepArrays arrays = {p.raw_data(), g.raw_data(), {}};
      std::vector<Element> expected(static_cast<size_t>(n + 1));
      for (int k = 0; k < kStepState; ++k) {
        state[k] = abs(test::noise({n + 1}, dtype, 3 + static_cast<uint32_t>(k)));
        // As with a second moment that is larger than the square of the first, which comes last.
        if (k == 0) state[k] = state[k] + 4;
        if (k < rule.state()) arrays.state[k] = state[k].raw_data();
      }
      for (size_t i = 0; i < expected.size(); ++i) {
        expected[i] = {test::elements(p)[i], test::elements(g)[i], {}};
        for (int k = 0; k < kStepState; ++k) expected[i].s[k] = test::elements(state[k])[i];
      }
      for (int repeat = 0; repeat < 3; ++repeat) {
        step(dtype, rule, n, arrays);
        for (int64_t i = 0; i < n; ++i) reference(expected[static_cast<size_t>(i)]);
      }
      std::vector<double> values, gradients, states[kStepState];
      for (const Element& e : expected) {
        values.push_back(e.p);
        gradients.push_back(e.g);
        for (int k = 0; k < kStepState; ++k) states[k].push_back(e.s[k]);
      }
      const double rtol = dtype == float32 ? 4e-6 : 1e-14;
      EXPECT_CLOSE(p, values, rtol, rtol) << dtype << " " << n;
      EXPECT_CLOSE(g, gradients);
      for (int k = 0; k < kStepState; ++k) EXPECT_CLOSE(state[k], states[k], rtol, rtol) << k;
    }
  }
}

double gradient_of(const StepGradient& rule, const Element& e) {
  return (rule.maximize ? -e.g : e.g) + rule.weight_decay * e.p;
}

const StepGradient kGradients[] = {{false, 0}, {true, 0}, {false, 0.125}, {true, 0.125}};

TEST(OptimizerStepTest, Sgd) {
  for (const StepGradient& gradient : kGradients) {
    for (const double momentum : {0.0, 0.75}) {
      for (const bool nesterov : {false, true}) {
        for (const bool first : {false, true}) {
          const SgdStep rule = {gradient, 0.25, momentum, 0.125, nesterov, first};
          expect_rule(rule, [&](Element& e) {
            double g = gradient_of(gradient, e);
            if (momentum != 0) {
              e.s[0] = first ? g : momentum * e.s[0] + 0.875 * g;
              g = nesterov ? g + momentum * e.s[0] : e.s[0];
            }
            e.p -= 0.25 * g;
          });
        }
      }
    }
  }
}

TEST(OptimizerStepTest, Adam) {
  for (const StepGradient& gradient : kGradients) {
    for (const bool amsgrad : {false, true}) {
      const AdamStep rule = {gradient, 0.9375, 0.75, 0.875, 1e-3, 0.25, 1.5, amsgrad};
      expect_rule(rule, [&](Element& e) {
        const double g = gradient_of(gradient, e);
        e.s[0] = 0.75 * e.s[0] + 0.25 * g;
        e.s[1] = 0.875 * e.s[1] + 0.125 * g * g;
        if (amsgrad) e.s[2] = std::max(e.s[2], e.s[1]);
        const double v = amsgrad ? e.s[2] : e.s[1];
        e.p = 0.9375 * e.p - 0.25 * e.s[0] / (std::sqrt(v) * 1.5 + 1e-3);
      });
    }
  }
}

TEST(OptimizerStepTest, RMSprop) {
  for (const StepGradient& gradient : kGradients) {
    for (const double momentum : {0.0, 0.5}) {
      for (const bool centered : {false, true}) {
        const RMSpropStep rule = {gradient, 0.25, 0.875, 0.5, momentum, centered};
        expect_rule(rule, [&](Element& e) {
          const double g = gradient_of(gradient, e);
          double& b = e.s[1];
          double& a = momentum != 0 ? e.s[2] : e.s[1];
          double v = e.s[0] = 0.875 * e.s[0] + 0.125 * g * g;
          if (centered) {
            a = 0.875 * a + 0.125 * g;
            v = std::max(v - a * a, 0.0);
          }
          double d = g / (std::sqrt(v) + 0.5);
          if (momentum != 0) d = b = momentum * b + d;
          e.p -= 0.25 * d;
        });
      }
    }
  }
}

TEST(OptimizerStepTest, Adagrad) {
  for (const StepGradient& gradient : kGradients) {
    expect_rule(AdagradStep{gradient, 0.25, 0.125}, [&](Element& e) {
      const double g = gradient_of(gradient, e);
      e.s[0] += g * g;
      e.p -= 0.25 * g / (std::sqrt(e.s[0]) + 0.125);
    });
  }
}

TEST(OptimizerStepTest, Adadelta) {
  for (const StepGradient& gradient : kGradients) {
    expect_rule(AdadeltaStep{gradient, 0.5, 0.75, 0.125}, [&](Element& e) {
      const double g = gradient_of(gradient, e);
      e.s[0] = 0.75 * e.s[0] + 0.25 * g * g;
      const double d = std::sqrt(e.s[1] + 0.125) / std::sqrt(e.s[0] + 0.125) * g;
      e.s[1] = 0.75 * e.s[1] + 0.25 * d * d;
      e.p -= 0.5 * d;
    });
  }
}

TEST(OptimizerStepTest, NAdam) {
  for (const StepGradient& gradient : kGradients) {
    expect_rule(NAdamStep{gradient, 0.75, 0.875, 0.125, 0.25, 0.5, 1.5}, [&](Element& e) {
      const double g = gradient_of(gradient, e);
      e.s[0] = 0.75 * e.s[0] + 0.25 * g;
      e.s[1] = 0.875 * e.s[1] + 0.125 * g * g;
      e.p -= (0.25 * g + 0.5 * e.s[0]) / (std::sqrt(e.s[1]) * 1.5 + 0.125);
    });
  }
}

TEST(OptimizerStepTest, Lion) {
  expect_rule(LionStep{0.9375, 0.25, 0.75, 0.875}, [&](Element& e) {
    const double c = 0.75 * e.s[0] + 0.25 * e.g;
    e.p = 0.9375 * e.p - 0.25 * ((c > 0) - (c < 0));
    e.s[0] = 0.875 * e.s[0] + 0.125 * e.g;
  });
}

}  // namespace
}  // namespace lamina::kernels
