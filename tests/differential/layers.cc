#include "lamina/tests/differential/layers.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lamina/tests/differential/parser.h"

namespace lamina::differential {

const Argument<Tensor>* Settings::find(const char* name, const char* kinds) const {
  const auto found = all_.find(name);
  if (found == all_.end()) return nullptr;
  read_[name] = true;
  if (found->second.kind == 'N') return nullptr;
  if (std::string(kinds).find(found->second.kind) == std::string::npos) {
    throw std::invalid_argument(absl::StrCat(name, ": expected one of ", kinds, ", got ",
                                             std::string(1, found->second.kind)));
  }
  return &found->second;
}

void Settings::read(const char* name, Dims& value, int count) const {
  const Argument<Tensor>* a = find(name, "LI");
  if (a == nullptr) return;
  value.clear();
  if (a->kind == 'I') {
    for (int i = 0; i < count; ++i) value.push_back(a->integer);
  } else {
    for (const int64_t extent : a->list) value.push_back(extent);
  }
}

void Settings::read(const char* name, nn::Padding& value) const {
  const Argument<Tensor>* a = find(name, "LIS");
  if (a == nullptr) return;
  if (a->kind == 'S') {
    value = a->text;
  } else {
    value = a->kind == 'I' ? Dims(a->integer) : a->list;
  }
}

int64_t Settings::integer(const char* name) const {
  const Argument<Tensor>* a = find(name, "I");
  if (a == nullptr) throw std::invalid_argument(absl::StrCat("no setting ", name));
  return a->integer;
}

void Settings::check_all_read() const {
  for (const auto& [name, argument] : all_) {
    if (!read_.count(name)) throw std::invalid_argument(absl::StrCat("nobody reads ", name));
  }
}

const LayerTable& layer_table() {
  static const LayerTable& table = *[] {
    auto* all = new LayerTable;
    add_activations(*all);
    add_attention(*all);
    add_basic(*all);
    add_convs(*all);
    add_losses(*all);
    add_norms(*all);
    add_recurrent(*all);
    add_transformers(*all);
    return all;
  }();
  return table;
}

namespace {

struct Tolerance {
  double relative, absolute;
};

// The largest difference decides; "" if it is within the tolerance.
std::string difference(const std::string& what, const Tensor& got, const NDArray& wanted,
                       const Tolerance& tolerance) {
  if (!got.defined()) return absl::StrCat(what, ": expected values, got none. ");
  if (got.shape() != wanted.shape() || got.dtype() != wanted.dtype()) {
    return absl::StrCat(what, ": expected ", name_of(wanted.dtype()), " ", wanted.shape().str(),
                        ", got ", name_of(got.dtype()), " ", got.shape().str(), ". ");
  }
  const std::vector<double> a = got.to(float64).to_vector<double>(),
                            b = wanted.to(float64).to_vector<double>();
  double scale = 0;
  for (const double x : b) {
    if (std::isfinite(x)) scale = std::max(scale, std::abs(x));
  }
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (same || std::abs(a[i] - b[i]) <= tolerance.relative * std::abs(b[i]) +
                                             tolerance.absolute * std::max(scale, 1e-3)) {
      continue;
    }
    return absl::StrCat(what, "[", i, "]: expected ", b[i], ", got ", a[i], ". ");
  }
  return "";
}

}  // namespace

std::string layer_disagreement(const std::string& line) {
  const std::vector<std::string> fields = absl::StrSplit(line, '|');
  if (fields.size() != 12) throw std::invalid_argument("expected 12 fields");
  const auto maker = layer_table().find(fields[0]);
  if (maker == layer_table().end()) throw std::invalid_argument("no layer " + fields[0]);

  std::map<std::string, Argument<Tensor>> given;
  for (Parser settings(fields[1]); !settings.done();) {
    const std::string name = settings.word();
    given[name] = settings.argument<Tensor>();
  }
  const Settings settings(std::move(given));
  const Callee callee = maker->second(settings);
  settings.check_all_read();

  std::string bad;
  if (callee.module != nullptr) {
    const std::string text = absl::StrReplaceAll(callee.module->str(), {{"\n", "~"}});
    if (text != fields[3]) absl::StrAppend(&bad, "printed ", text, ", expected ", fields[3], ". ");
    callee.module->train(fields[2] == "train");
    nn::StateDict state;
    for (Parser values(fields[4]); !values.done();) {
      const std::string name = values.word();
      state.set(name, values.argument<Tensor>().arrays[0]);
    }
    callee.module->load_state_dict(state);
  }

  Arguments<Tensor> inputs;
  for (Parser values(fields[5]); !values.done();) {
    inputs.push_back(values.argument<Tensor>());
    for (Tensor& x : inputs.back().arrays) {
      if (is_floating(x.dtype())) x.requires_grad_();
    }
  }
  const std::vector<Tensor> outputs = callee.call(inputs);

  Parser numbers(fields[7]);
  Tolerance tolerance{};
  tolerance.relative = numbers.number();
  tolerance.absolute = numbers.number();
  std::set<int64_t> listed;
  for (Parser results(fields[8]); !results.done();) {
    const int64_t number = results.integer();
    listed.insert(number);
    const NDArray wanted = results.result();
    bad += static_cast<size_t>(number) < outputs.size()
               ? difference(absl::StrCat("output ", number), outputs[static_cast<size_t>(number)],
                            wanted, tolerance)
               : absl::StrCat("no output ", number, ". ");
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].defined() && !listed.count(static_cast<int64_t>(i))) {
      absl::StrAppend(&bad, "expected no output ", i, ". ");
    }
  }
  if (!bad.empty()) return bad;

  Parser roots(fields[6]);
  Tensor loss;
  for (const Tensor& output : outputs) {
    if (roots.done()) break;
    const Argument<Tensor> root = roots.argument<Tensor>();
    if (root.kind == 'N') continue;
    const Tensor term = sum(output * root.arrays[0]);
    loss = loss.defined() ? loss + term : term;
  }
  if (loss.defined()) loss.backward();
  for (Parser gradients(fields[9]); !gradients.done();) {
    const auto number = static_cast<size_t>(gradients.integer());
    bad += difference(absl::StrCat("gradient of input ", number), inputs.array(number).grad(),
                      gradients.result(), tolerance);
  }
  std::set<std::string> names;
  for (Parser gradients(fields[10]); !gradients.done();) {
    const std::string name = gradients.word();
    names.insert(name);
    bad += difference(absl::StrCat("gradient of ", name), callee.module->get_parameter(name).grad(),
                      gradients.result(), tolerance);
  }
  for (Parser buffers(fields[11]); !buffers.done();) {
    const std::string name = buffers.word();
    names.insert(name);
    bad += difference(absl::StrCat("buffer ", name), callee.module->get_buffer(name),
                      buffers.result(), tolerance);
  }
  if (callee.module == nullptr) return bad;
  for (const auto& [name, parameter] : callee.module->named_parameters()) {
    if (parameter.grad().defined() && !names.count(name)) {
      absl::StrAppend(&bad, "expected no gradient of ", name, ". ");
    }
  }
  for (const auto& [name, buffer] : callee.module->named_buffers()) {
    if (!names.count(name)) absl::StrAppend(&bad, "expected no buffer ", name, ". ");
  }
  return bad;
}

}  // namespace lamina::differential
