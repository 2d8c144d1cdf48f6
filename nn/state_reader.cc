#include "lamina/nn/state_reader.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lamina::nn::internal {

Tensor saved(double value) { return NDArray::full({}, value, float64); }
Tensor saved(int64_t value) { return NDArray::full({}, value, int64); }
Tensor saved(bool value) { return NDArray::full({}, value, bool_); }

bool StateReader::has(const std::string& key) {
  expected_.insert(key);
  return state_.contains(key);
}

const Tensor* StateReader::value(const std::string& key, bool of_one_element) {
  expected_.insert(key);
  const std::optional<Tensor>* entry = state_.find(key);
  if (entry == nullptr) {
    note(key, "expected a value, got no such key");
  } else if (!entry->has_value()) {
    note(key, "expected a value, got none");
  } else if (of_one_element && (*entry)->numel() != 1) {
    note(key, absl::StrCat("expected one number, got the shape ", (*entry)->shape().str()));
  } else {
    return &**entry;
  }
  return nullptr;
}

std::optional<double> StateReader::number(const std::string& key) {
  const Tensor* x = value(key);
  if (x == nullptr) return std::nullopt;
  if (is_floating(x->dtype())) return x->item<double>();
  note(key, absl::StrCat("expected a floating number, got ", name_of(x->dtype())));
  return std::nullopt;
}

std::optional<int64_t> StateReader::integer(const std::string& key) {
  const Tensor* x = value(key);
  if (x == nullptr) return std::nullopt;
  if (category_of(x->dtype()) == category_of(int64)) return x->item<int64_t>();
  note(key, absl::StrCat("expected an integer, got ", name_of(x->dtype())));
  return std::nullopt;
}

std::optional<bool> StateReader::flag(const std::string& key) {
  const Tensor* x = value(key);
  if (x == nullptr) return std::nullopt;
  if (x->dtype() == bool_) return x->item<bool>();
  note(key, absl::StrCat("expected bool, got ", name_of(x->dtype())));
  return std::nullopt;
}

int64_t StateReader::count(const std::string& key, int64_t least) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 2;
  const int64_t value = integer(key).value_or(least);
  if (value >= least && value <= kMost) return value;
  note(key, absl::StrCat("expected ", value < least ? "at least " : "at most ",
                         value < least ? least : kMost, ", got ", value));
  return least;
}

std::optional<std::vector<double>> StateReader::numbers(const std::string& key) {
  const Tensor* x = value(key, false);
  if (x == nullptr) return std::nullopt;
  if (x->dim() == 1 && is_floating(x->dtype())) return x->to_vector<double>();
  note(key, absl::StrCat("expected floating numbers of one dimension, got ", name_of(x->dtype()),
                         " ", x->shape().str()));
  return std::nullopt;
}

NDArray StateReader::array(const std::string& key, const Shape& shape, DType dtype,
                           const std::string& what) {
  const Tensor* x = value(key, false);
  if (x == nullptr) return {};
  if (x->shape() != shape) {
    note(key, absl::StrCat("expected the shape of ", what, ", ", shape.str(), ", got ",
                           x->shape().str()));
  } else if (!is_floating(x->dtype())) {
    note(key, absl::StrCat("expected a floating dtype, got ", name_of(x->dtype())));
  } else {
    return x->data().to(dtype).clone();
  }
  return {};
}

NDArray StateReader::optional_array(const std::string& key, const Shape& shape, DType dtype,
                                    const std::string& what) {
  const std::optional<Tensor>* entry = state_.find(key);
  if (entry == nullptr || entry->has_value()) return array(key, shape, dtype, what);
  expected_.insert(key);
  return {};
}

void StateReader::marker(const std::string& prefix, const char* name) {
  if (has(prefix + name)) return;
  const bool has_other = prefix.empty() && !state_.empty() && !state_.begin()->second.has_value();
  note(prefix + name, absl::StrCat("expected the state of ", name, ", got ",
                                   has_other ? absl::StrCat("that of ", state_.begin()->first)
                                             : "something else"));
}

void StateReader::note(const std::string& key, const std::string& problem) {
  problems_.push_back(absl::StrCat(key, ": ", problem));
}

void StateReader::finish(const char* op) {
  for (const auto& entry : state_) {
    if (!expected_.contains(entry.first)) note(entry.first, "expected no such key");
  }
  if (problems_.empty()) return;
  fail<RuntimeError>(op, "expected a state that fits, got one with these problems:\n\t",
                     absl::StrJoin(problems_, "\n\t"));
}

}  // namespace lamina::nn::internal
