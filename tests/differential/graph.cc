#include "lamina/tests/differential/graph.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "lamina/autograd.h"
#include "lamina/tests/differential/arguments.h"
#include "lamina/tests/differential/parser.h"

namespace lamina::differential {
namespace {

struct Root {
  Tensor value;
  Tensor gradient;  // undefined: none given
};

class Run {
 public:
  explicit Run(bool second) : second_(second) {}

  ~Run() {  // ends the cycle of create_graph, where a graph ends before its second derivatives
    for (const Tensor& leaf : leaves_) leaf.set_grad({});
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // Empty, or what is different.
  std::string line(const std::string& text) {
    Parser words(text);
    const std::string what = words.word();
    if (what == "graph") return "";
    if (what == "leaf") {
      if (words.word() != "T") throw std::invalid_argument("expected a T behind leaf");
      values_.push_back(Tensor(words.array()).requires_grad_());
      leaves_.push_back(values_.back());
    } else if (what == "root") {
      Root root{value(words.integer()), {}};
      const Argument<Tensor> gradient = words.argument<Tensor>(values_);
      if (!gradient.arrays.empty()) root.gradient = gradient.arrays[0];
      roots_.push_back(root);
    } else if (what == "first") {
      backward();
      read_tolerance(words);
    } else if (what == "second") {
      backward_again();
      read_tolerance(words);
      lenient_ = true;
    } else if (what == "slope") {
      return compare_slope(words);
    } else if (what == "value") {
      const Tensor got = value(words.integer());
      const NDArray want = words.result();
      double scale = 1;
      for (double x : want.to_vector<double>()) scale = std::max(scale, std::abs(x));
      return difference(got.data(), want, tolerance_ * scale);
    } else if (what == "gradient") {
      return compare_gradient(value(words.integer()).grad(), words);
    } else {
      operation(what, words);
    }
    return "";
  }
  double worst() const { return worst_; }
  bool refused() const { return refused_; }

 private:
  const Tensor& value(int64_t k) const {
    if (k < 0 || k >= static_cast<int64_t>(values_.size()))
      throw std::invalid_argument("no value " + std::to_string(k));
    return values_[static_cast<size_t>(k)];
  }
  void read_tolerance(Parser& words) {
    tolerance_ = words.number();
    scale_ = words.number();
  }
  void operation(const std::string& name, Parser& words) {
    const auto found = operation_table<Tensor>().find(name);
    if (found == operation_table<Tensor>().end())
      throw std::invalid_argument("no operation " + name);
    Arguments<Tensor> arguments;
    while (!words.done()) arguments.push_back(words.argument<Tensor>(values_));
    for (Tensor& result : found->second(arguments)) values_.push_back(std::move(result));
  }
  void backward() {
    for (size_t i = 0; i < roots_.size(); ++i) {
      BackwardOptions options;
      options.retain_graph = i + 1 < roots_.size();
      options.create_graph = second_;
      roots_[i].value.backward(roots_[i].gradient, options);
    }
  }
  void backward_again() {
    Tensor total;
    for (const Tensor& leaf : leaves_) {
      const Tensor gradient = leaf.grad();
      leaf.set_grad({});
      if (!gradient.defined()) continue;
      const Tensor term = sum(square(gradient));
      total = total.defined() ? total + term : term;
    }
    if (total.defined() && total.requires_grad()) total.backward();
  }
  std::string compare_gradient(const Tensor& got, Parser& words) {
    // What stands behind the number of the leaf: "none", or a result.
    if (words.next_is("none")) {
      if (!got.defined()) return "";
      if (!lenient_) return "expected no gradient, got one";
      return difference(got.data(), NDArray::zeros_like(got.data()), tolerance_ * scale_);
    }
    const NDArray want = words.result();
    if (!got.defined() && !lenient_) return "expected a gradient, got none";
    const NDArray other = got.defined() ? got.data() : NDArray::zeros_like(want);
    return difference(other, want, tolerance_ * scale_);
  }
  std::string compare_slope(Parser& words) {
    const double limit = words.number(), want = words.number();
    try {
      backward();
    } catch (const RuntimeError& e) {
      if (std::string(e.what()).find("was changed in place") == std::string::npos) throw;
      refused_ = true;
      return "";
    }
    double got = 0;
    for (const Tensor& leaf : leaves_) {
      const NDArray direction = words.argument<Tensor>(values_).arrays.at(0).data();
      if (leaf.grad().defined()) got += sum(leaf.grad().data() * direction).item<double>();
    }
    if (std::abs(got - want) <= limit) return "";  // false for NaN
    std::ostringstream text;
    text.precision(12);
    text << "expected " << want << ", got " << got << ", may differ by " << limit;
    return text.str();
  }
  std::string difference(const NDArray& got, const NDArray& want, double tolerance) {
    std::ostringstream text;
    text.precision(17);
    if (got.dtype() != want.dtype() || got.shape() != want.shape()) {
      text << "expected " << want.dtype() << " " << want.shape() << ", got " << got.dtype() << " "
           << got.shape();
      return text.str();
    }
    const std::vector<double> a = got.to_vector<double>(), b = want.to_vector<double>();
    for (size_t i = 0; i < a.size(); ++i) {
      const double error = std::abs(a[i] - b[i]);
      if (error <= tolerance) {  // false for NaN
        worst_ = std::max(worst_, error / tolerance);
        continue;
      }
      text << "element " << i << " of " << got.dtype() << " " << got.shape() << ": expected "
           << b[i] << ", got " << a[i] << ", may differ by " << tolerance;
      return text.str();
    }
    return "";
  }

  const bool second_;
  bool lenient_ = false;  // no gradient is as good as zeros
  bool refused_ = false;
  double tolerance_ = 0, scale_ = 1, worst_ = 0;
  std::vector<Tensor> values_, leaves_;
  std::vector<Root> roots_;
};

}  // namespace

bool read_graph(std::istream& file, std::vector<std::string>& lines) {
  lines.clear();
  for (std::string line; std::getline(file, line);) {
    if (line == "end") return true;
    lines.push_back(line);
  }
  if (!lines.empty()) throw std::invalid_argument("expected a line \"end\" behind " + lines.back());
  return false;
}

GraphReport run_graph(const std::vector<std::string>& lines) {
  const auto is_second = [](const std::string& line) { return line.compare(0, 7, "second ") == 0; };
  Run run(std::any_of(lines.begin(), lines.end(), is_second));
  GraphReport report;
  for (const std::string& line : lines) {
    std::string what;
    try {
      what = run.line(line);
    } catch (const Error& e) {
      what = std::string("threw: ") + e.what();
    }
    if (what.empty()) continue;
    report.disagreement = line.substr(0, 200) + ": " + what;
    break;
  }
  report.worst = run.worst();
  report.refused = run.refused();
  return report;
}

std::vector<std::string> graph_operations() {
  std::vector<std::string> names;
  for (const auto& entry : operation_table<Tensor>()) names.push_back(entry.first);
  return names;
}

}  // namespace lamina::differential
