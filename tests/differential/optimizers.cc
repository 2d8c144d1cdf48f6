#include "lamina/tests/differential/optimizers.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_split.h"
#include "lamina/tests/differential/parser.h"

namespace lamina::differential {
namespace {

struct Problem {
  int64_t skip, sign;
  NDArray x, y;
  std::vector<Tensor> p;  // w1, b1, w2, s, k

  Tensor loss(int64_t step) const {
    const int64_t batch = step % x.size(0);
    const bool has_all = skip == 0 || step % skip != 1;
    Tensor prediction = matmul(tanh(matmul(Tensor(x[batch]), p[0]) + p[1]), p[2]);
    if (has_all) prediction = prediction * (1 + p[3]);
    const Tensor error = prediction - Tensor(y[batch]);
    Tensor loss = (error * error).mean();
    for (size_t i = 0; i < 3; ++i) loss = loss + (p[i] * p[i]).sum() * 0.02;
    if (has_all) loss = loss + (sin(p[4] * 3) + p[4] * p[4]).mean() + (p[3] * p[3]).sum();
    return loss * sign;
  }
};

NDArray array_in(Parser& parser) {
  if (!parser.next_is("T")) throw std::invalid_argument("expected an array");
  return parser.array();
}

// By way of the state, where all options have the names that a line uses.
void set_options(nn::optim::Optimizer& optimizer, const std::vector<std::string>& groups) {
  nn::StateDict state = optimizer.state_dict();
  for (size_t group = 0; group < groups.size(); ++group) {
    for (Parser parser(groups[group]); !parser.done();) {
      const std::string key = "groups." + std::to_string(group) + "." + parser.word();
      if (!state.contains(key)) throw std::invalid_argument("no option " + key);
      state.set(key, Tensor(NDArray::full({}, parser.number(), float64).to(state.at(key).dtype())));
    }
  }
  optimizer.load_state_dict(state);
}

template <class O>
OptimizerMaker maker() {
  return [](const std::vector<std::vector<Tensor>>& groups) {
    auto optimizer = std::make_unique<O>(groups[0]);
    for (size_t i = 1; i < groups.size(); ++i) optimizer->add_group(groups[i], {});
    return optimizer;
  };
}

double difference(const Tensor& actual, const NDArray& expected) {
  if (actual.shape() != expected.shape()) throw std::invalid_argument("another shape");
  const std::vector<double> x = actual.to_vector<double>(), y = expected.to_vector<double>();
  double most = 0, unit = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) return HUGE_VAL;
    most = std::max(most, std::abs(x[i] - y[i]));
    unit = std::max(unit, std::abs(y[i]));
  }
  return most == 0 ? 0 : most / unit;
}

}  // namespace

const std::map<std::string, OptimizerMaker>& optimizer_table() {
  using namespace nn::optim;
  static const auto& table = *new std::map<std::string, OptimizerMaker>{
      {"Adadelta", maker<Adadelta>()}, {"Adagrad", maker<Adagrad>()},
      {"Adam", maker<Adam>()},         {"AdamW", maker<AdamW>()},
      {"LBFGS", maker<LBFGS>()},       {"Lion", maker<Lion>()},
      {"Muon", maker<Muon>()},         {"NAdam", maker<NAdam>()},
      {"RMSprop", maker<RMSprop>()},   {"SGD", maker<SGD>()}};
  return table;
}

double optimizer_difference(const std::string& line) {
  const std::vector<std::string> fields = absl::StrSplit(line, '|');
  if (fields.size() != 8) throw std::invalid_argument("expected 8 fields");
  const auto entry = optimizer_table().find(fields[0]);
  if (entry == optimizer_table().end()) throw std::invalid_argument("no optimizer " + fields[0]);
  Parser words(fields[1]), data(fields[4]), parameters(fields[5]), times(fields[6]),
      after(fields[7]);
  Problem problem;
  problem.skip = words.integer();
  problem.sign = words.integer() != 0 ? -1 : 1;
  problem.x = array_in(data);
  problem.y = array_in(data);
  for (int i = 0; i < 5; ++i) problem.p.push_back(Tensor(parameters.result()).requires_grad_());
  const int64_t steps = times.integer(), every = times.integer();

  const auto& p = problem.p;
  std::vector<std::vector<Tensor>> groups = {{p[0], p[1]}, {p[2], p[3], p[4]}};
  std::vector<std::string> options = {fields[2], fields[3]};
  if (fields[3].empty()) {
    groups = {p};
    options.pop_back();
  }
  const auto optimizer = entry->second(groups);
  set_options(*optimizer, options);

  double worst = 0;
  for (int64_t step = 0; step < steps; ++step) {
    optimizer->step([&] {
      optimizer->zero_grad();
      Tensor loss = problem.loss(step);
      loss.backward();
      return loss;
    });
    if ((step + 1) % every != 0) continue;
    for (const Tensor& q : p) worst = std::max(worst, difference(q, after.result()));
  }
  if (!after.done()) throw std::invalid_argument("the line is too long");
  return worst;
}

}  // namespace lamina::differential
