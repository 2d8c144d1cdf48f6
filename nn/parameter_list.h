// ParameterList and ParameterDict: parameters whose number or names are known at run time only.
//
//   nn::Child<nn::ParameterList> scales{this, "scales"};
//   for (int i = 0; i < layers; ++i) scales->push_back(ones(width));
//   x * (*scales)[0];
#ifndef LAMINA_NN_PARAMETER_LIST_H_
#define LAMINA_NN_PARAMETER_LIST_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lamina/nn/module.h"
#include "lamina/nn/parameter.h"

namespace lamina::nn {

// Named "0", "1", ... in order. Values are what Parameter takes, and throw as there.
class ParameterList : public Module {
 public:
  ParameterList() = default;
  explicit ParameterList(const std::vector<Tensor>& values) { extend(values); }
  std::string extra_repr() const override;

  void push_back(const Tensor& value);  // append
  void extend(const std::vector<Tensor>& values);
  int64_t size() const { return static_cast<int64_t>(parameters_of().size()); }
  bool empty() const { return parameters_of().empty(); }
  // Counted from the end if negative; to be assigned to as well. Throws IndexError outside the list.
  Parameter& operator[](int64_t i);
  const Parameter& operator[](int64_t i) const;
  std::vector<Parameter>::const_iterator begin() const { return parameters_of().begin(); }
  std::vector<Parameter>::const_iterator end() const { return parameters_of().end(); }

 private:
  const std::vector<Parameter>& parameters_of() const;
  std::vector<Parameter> parameters_;
};

// In the order in which the names came. Names are those of members (ValueError).
class ParameterDict : public Module {
 public:
  ParameterDict() = default;
  ParameterDict(std::initializer_list<std::pair<std::string, Tensor>> items);
  std::string extra_repr() const override;

  // Puts a value in the place of the key's, or at the end.
  void set(const std::string& key, const Tensor& value);
  void update(const ParameterDict& other);  // which shares its parameters from then on
  // Throw IndexError if the key is not there.
  void erase(absl::string_view key) { pop(key); }
  Tensor pop(absl::string_view key);  // returns what it takes out
  void clear();

  int64_t size() const { return static_cast<int64_t>(items_of().size()); }
  bool empty() const { return items_of().empty(); }
  bool contains(absl::string_view key) const;
  // To be assigned to as well. Throws IndexError if the key is not there.
  Parameter& operator[](absl::string_view key);
  const Parameter& operator[](absl::string_view key) const;
  std::vector<std::string> keys() const;
  std::vector<Tensor> values() const;
  Named<Tensor> items() const;

 private:
  const std::vector<std::pair<std::string, Parameter>>& items_of() const;
  template <class T>
  void put(const std::string& key, const T& value);
  size_t find(absl::string_view key) const;  // size() if it is not there
  size_t find_or_throw(absl::string_view key) const;
  std::vector<std::pair<std::string, Parameter>> items_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_PARAMETER_LIST_H_
