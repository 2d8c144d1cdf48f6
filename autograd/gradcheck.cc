#include "lamina/autograd/gradcheck.h"

#include <cmath>

#include "lamina/autograd/grad_mode.h"
#include "lamina/tensor/random.h"

namespace lamina {
namespace {

// A direction that does not depend on, or move, the user's random state.
Tensor direction(const Shape& shape, uint64_t seed) {
  Generator generator(seed);
  return random::uniform(shape, 0.5, 1.5, float64, generator);
}

void check_arguments(const char* name, const TensorFunction& f, const std::vector<Tensor>& inputs) {
  if (is_inference_mode()) {
    fail<RuntimeError>(name,
                       "expected to be called outside of inference mode, which records nothing");
  }
  if (!f) fail<ValueError>(name, "expected a function, got none");
  bool any = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) continue;
    any = true;
    if (inputs[i].dtype() != float64 || !inputs[i].is_leaf()) {
      fail<ValueError>(
          name, "expected input ", i, " to be a float64 leaf, got ",
          inputs[i].is_leaf() ? name_of(inputs[i].dtype()) : "the result of an operation");
    }
  }
  if (!any) fail<ValueError>(name, "expected an input that requires a gradient, got none");
}

Shape result_shape(const char* name, const TensorFunction& f, const std::vector<Tensor>& inputs) {
  const NoGradGuard no_grad;
  const Tensor y = f(inputs);
  if (!y.defined() || y.dtype() != float64) {
    fail<ValueError>(name, "expected a float64 result, got ",
                     y.defined() ? name_of(y.dtype()) : "an undefined tensor");
  }
  return y.shape();
}

// d(f . v) / d(input) for all inputs; undefined where none is wanted or none arrived.
std::vector<Tensor> gradients(const TensorFunction& f, const std::vector<Tensor>& inputs,
                              const Tensor& v, bool create_graph) {
  const EnableGradGuard enable_grad;
  std::vector<Tensor> wanted, result(inputs.size());
  for (const Tensor& input : inputs) {
    if (input.requires_grad()) wanted.push_back(input);
  }
  const Tensor y = f(inputs);
  if (!y.requires_grad()) return result;
  const std::vector<Tensor> found = grad({y}, wanted, {v}, {create_graph, create_graph, true});
  for (size_t i = 0, next = 0; i < inputs.size(); ++i) {
    if (inputs[i].requires_grad()) result[i] = found[next++];
  }
  return result;
}

std::vector<double> values_of(const Tensor& gradient, const Tensor& input) {
  return gradient.defined() ? gradient.to_vector<double>()
                            : std::vector<double>(static_cast<size_t>(input.numel()), 0.0);
}

// Written so that a NaN fails.
bool is_close(double a, double b, const GradcheckOptions& options) {
  return std::abs(a - b) <= options.atol + options.rtol * std::abs(b);
}

std::string place(size_t i, const Tensor& input, int64_t e) {
  return absl::StrCat("input ", i, " of shape ", input.shape().str(), ", element ", e,
                      " (row-major): ");
}

double inner_product(const Tensor& a, const Tensor& b) {
  return sum(a.data() * b.data()).item<double>();
}

}  // namespace

GradcheckReport gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                          const GradcheckOptions& options) {
  check_arguments("gradcheck", f, inputs);
  const Tensor v = direction(result_shape("gradcheck", f, inputs), 1);
  const std::vector<Tensor> analytic = gradients(f, inputs, v, false);
  const NoGradGuard no_grad;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) continue;
    const NDArray original = inputs[i].data();
    const std::vector<double> from_backward = values_of(analytic[i], inputs[i]);
    for (int64_t e = 0; e < original.numel(); ++e) {
      const auto value_at = [&](double step) {
        // Not by set_data: graphs that there are need not know.
        NDArray& data = inputs[i].impl()->data;
        const struct Restore {  // also if f throws
          NDArray& data;
          const NDArray& original;
          ~Restore() { data = original; }
        } restore{data, original};
        data = original.clone();
        data.data<double>()[e] += step;
        return inner_product(f(inputs), v);
      };
      const double differences =
          (value_at(options.eps) - value_at(-options.eps)) / (2 * options.eps);
      if (is_close(from_backward[e], differences, options)) continue;
      return {false, absl::StrCat(place(i, inputs[i], e), "backward gives ", from_backward[e],
                                  ", differences give ", differences)};
    }
  }
  return {true, ""};
}

GradcheckReport gradgradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                              const GradcheckOptions& options) {
  check_arguments("gradgradcheck", f, inputs);
  const Shape output = result_shape("gradgradcheck", f, inputs);
  const Tensor v = direction(output, 1);
  const std::vector<Tensor> plain = gradients(f, inputs, v, false);
  const std::vector<Tensor> recorded = gradients(f, inputs, v, true);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad()) continue;
    const std::vector<double> a = values_of(plain[i], inputs[i]),
                              b = values_of(recorded[i], inputs[i]);
    for (size_t e = 0; e < a.size(); ++e) {
      if (is_close(b[e], a[e], options)) continue;
      return {false, absl::StrCat(place(i, inputs[i], static_cast<int64_t>(e)), "backward gives ",
                                  a[e], ", with create_graph ", b[e])};
    }
  }
  // The gradients as one function of the inputs and of the output's gradient v: their sum, each
  // weighted at random.
  std::vector<Tensor> with_v = inputs;
  with_v.push_back(direction(output, 2).requires_grad_());
  const TensorFunction gradient = [&](absl::Span<const Tensor> in) {
    std::vector<Tensor> args(in.begin(), in.end() - 1);
    const std::vector<Tensor> all = gradients(f, args, in.back(), true);
    Tensor total = zeros({}, float64);
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i].defined()) total = total + sum(all[i] * direction(all[i].shape(), 3 + i));
    }
    return total;
  };
  GradcheckReport report = gradcheck(gradient, with_v, options);
  if (!report.passed) report.message = "second derivative: " + report.message;
  return report;
}

}  // namespace lamina
