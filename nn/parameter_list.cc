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

const std::deque<Parameter>& ParameterList::parameters_of() const {
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

template <class T>
void ParameterList::add(const T& value) {
  parameters_.emplace_back(this, absl::StrCat(size()), value);
}
void ParameterList::push_back(const Tensor& value) { add(value); }
void ParameterList::push_back(const Parameter& other) { add(other); }
void ParameterList::extend(const std::vector<Tensor>& values) {
  const int64_t before = size();
  try {
    for (const Tensor& value : values) push_back(value);
  } catch (...) {
    for (; size() > before; parameters_.pop_back()) registry().remove(parameters_.back().slot_);
    throw;
  }
}

Parameter& ParameterList::operator[](int64_t i) {
  return parameters_[internal::checked_index("ParameterList", i, parameters_of().size())];
}
const Parameter& ParameterList::operator[](int64_t i) const {
  return parameters_[internal::checked_index("ParameterList", i, parameters_of().size())];
}

// ---- ParameterDict

namespace {
template <class Items>
auto find(Items& items, absl::string_view key) {
  return std::find_if(items.begin(), items.end(),
                      [&](const auto& item) { return item.first == key; });
}
template <class Items>
auto find_or_throw(const ParameterDict& dict, Items& items, absl::string_view key) {
  const auto at = find(items, key);
  if (at == items.end()) internal::fail_no_key("ParameterDict", key, dict.keys());
  return at;
}
}  // namespace

ParameterDict::ParameterDict(std::initializer_list<Item> items) {
  for (const Item& item : items) {
    items_.emplace_back(item.key_, Parameter(this, item.key_, item.value_));
    if (item.is_frozen_) items_.back().second.requires_grad_(false);
  }
}

const ParameterDict::Items& ParameterDict::items_of() const {
  is_training();  // throws if moved from
  return items_;
}

std::string ParameterDict::extra_repr() const {
  std::vector<std::string> lines;
  for (const auto& [key, p] : items_of()) lines.push_back(line(key, tensor_type(p.dtype()), p));
  return absl::StrJoin(lines, "\n");
}

template <class T>
void ParameterDict::put(const std::string& key, const T& value) {
  if (const auto at = find(items_, key); at != items_.end()) {
    at->second = value;
  } else {
    items_.emplace_back(key, Parameter(this, key, value));
  }
}
void ParameterDict::set(const std::string& key, const Tensor& value) { put(key, value); }
void ParameterDict::set(const std::string& key, const Parameter& other) { put(key, other); }
void ParameterDict::update(const ParameterDict& other) {
  for (const auto& [key, parameter] : other.items_of()) put(key, parameter);
}

Tensor ParameterDict::pop(absl::string_view key) {
  const auto at = find_or_throw(*this, items_, key);
  Tensor value = at->second;
  registry().remove(at->second.slot_);
  items_.erase(at);
  return value;
}
void ParameterDict::clear() {
  for (items_of(); !items_.empty(); items_.pop_back()) {
    registry().remove(items_.back().second.slot_);
  }
}

bool ParameterDict::contains(absl::string_view key) const {
  return find(items_of(), key) != items_.end();
}
Parameter& ParameterDict::operator[](absl::string_view key) {
  return find_or_throw(*this, items_, key)->second;
}
const Parameter& ParameterDict::operator[](absl::string_view key) const {
  return find_or_throw(*this, items_, key)->second;
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
