#include "lamina/nn/parameter_list.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lamina/nn/container.h"

namespace lamina::nn {
namespace {

// As PyTorch prints it.
std::string line(const std::string& name, const char* type, const Parameter& p) {
  if (!p.defined()) return absl::StrCat("  (", name, "): Object of type: NoneType");
  return absl::StrCat("  (", name, "): Parameter containing: [torch.", type, " of size ",
                      absl::StrJoin(p.shape().begin(), p.shape().end(), "x"), "]");
}

const char* tensor_type(DType dtype) {
  if (dtype == float64) return "DoubleTensor";
  if (dtype == float16) return "HalfTensor";
  if (dtype == bfloat16) return "BFloat16Tensor";
  return "FloatTensor";
}

}  // namespace

// ---- ParameterList

const std::vector<Parameter>& ParameterList::parameters_of() const {
  is_training();  // throws if moved from
  return parameters_;
}

std::string ParameterList::extra_repr() const {
  std::vector<std::string> lines;
  for (const Parameter& p : *this) {
    lines.push_back(line(absl::StrCat(lines.size()), name_of(p.dtype()), p));
  }
  return absl::StrJoin(lines, "\n");
}

void ParameterList::push_back(const Tensor& value) {
  parameters_.emplace_back(this, absl::StrCat(size()), value);
}
void ParameterList::extend(const std::vector<Tensor>& values) {
  for (const Tensor& value : values) push_back(value);
}

Parameter& ParameterList::operator[](int64_t i) {
  return parameters_[internal::checked_index("ParameterList", i, parameters_of().size())];
}
const Parameter& ParameterList::operator[](int64_t i) const {
  return parameters_[internal::checked_index("ParameterList", i, parameters_of().size())];
}

// ---- ParameterDict

ParameterDict::ParameterDict(std::initializer_list<std::pair<std::string, Tensor>> items) {
  for (const auto& [key, value] : items) items_.emplace_back(key, Parameter(this, key, value));
}

const std::vector<std::pair<std::string, Parameter>>& ParameterDict::items_of() const {
  is_training();  // throws if moved from
  return items_;
}

std::string ParameterDict::extra_repr() const {
  std::vector<std::string> lines;
  for (const auto& [key, p] : items_of()) lines.push_back(line(key, tensor_type(p.dtype()), p));
  return absl::StrJoin(lines, "\n");
}

size_t ParameterDict::find(absl::string_view key) const {
  const auto& items = items_of();
  return static_cast<size_t>(std::find_if(items.begin(), items.end(),
                                          [&](const auto& item) { return item.first == key; }) -
                             items.begin());
}
size_t ParameterDict::find_or_throw(absl::string_view key) const {
  const size_t at = find(key);
  if (at == items_.size()) internal::fail_no_key("ParameterDict", key, keys());
  return at;
}

template <class T>
void ParameterDict::put(const std::string& key, const T& value) {
  const size_t at = find(key);
  if (at < items_.size()) {
    items_[at].second = value;
  } else {
    items_.emplace_back(key, Parameter(this, key, value));
  }
}
void ParameterDict::set(const std::string& key, const Tensor& value) { put(key, value); }
void ParameterDict::update(const ParameterDict& other) {
  for (const auto& [key, parameter] : other.items_of()) put(key, parameter);
}

Tensor ParameterDict::pop(absl::string_view key) {
  const size_t at = find_or_throw(key);
  Tensor value = items_[at].second;
  registry().remove(items_[at].second.slot_);
  // Not erased: an assignment of a Parameter replaces its value.
  std::vector<std::pair<std::string, Parameter>> rest;
  for (size_t i = 0; i < items_.size(); ++i) {
    if (i != at) rest.push_back(std::move(items_[i]));
  }
  items_.swap(rest);
  return value;
}
void ParameterDict::clear() {
  for (const std::string& key : keys()) pop(key);
}

bool ParameterDict::contains(absl::string_view key) const { return find(key) < items_.size(); }
Parameter& ParameterDict::operator[](absl::string_view key) {
  return items_[find_or_throw(key)].second;
}
const Parameter& ParameterDict::operator[](absl::string_view key) const {
  return items_[find_or_throw(key)].second;
}

std::vector<std::string> ParameterDict::keys() const {
  std::vector<std::string> out;
  for (const auto& item : items_of()) out.push_back(item.first);
  return out;
}
std::vector<Tensor> ParameterDict::values() const {
  std::vector<Tensor> out;
  for (const auto& item : items_of()) out.push_back(item.second);
  return out;
}
Named<Tensor> ParameterDict::items() const {
  Named<Tensor> out;
  for (const auto& item : items_of()) out.emplace_back(item.first, item.second);
  return out;
}

}  // namespace lamina::nn
