// ParameterList and ParameterDict: parameters whose number or names are known at run time only.
//
//   nn::Child<nn::ParameterList> scales{this, "scales"};
//   for (int i = 0; i < layers; ++i) scales->push_back(ones(width));
//   x * (*scales)[0];
#ifndef LAMINA_NN_PARAMETER_LIST_H_
#define LAMINA_NN_PARAMETER_LIST_H_

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <list>
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

  void push_back(const Tensor& value);             // append
  void push_back(const Parameter& other);          // ties the two
  void extend(const std::vector<Tensor>& values);  // which require a gradient from now on
  int64_t size() const { return static_cast<int64_t>(parameters_of().size()); }
  bool empty() const { return parameters_of().empty(); }
  // Counted from the end if negative; to be assigned to as well. References stay good while the list
  // grows. Throws IndexError outside the list.
  Parameter& operator[](int64_t i);
  const Parameter& operator[](int64_t i) const;
  std::deque<Parameter>::const_iterator begin() const { return parameters_of().begin(); }
  std::deque<Parameter>::const_iterator end() const { return parameters_of().end(); }

 private:
  const std::deque<Parameter>& parameters_of() const;
  template <class T>
  void add(const T& value);
  std::deque<Parameter> parameters_;
};

// In the order in which the names came. Names are those of members (ValueError).
class ParameterDict : public Module {
 public:
  ParameterDict() = default;
  // A key and a value, or another parameter, as braces want it.
  class Item {
   public:
    Item(std::string key, Tensor value) : key_(std::move(key)), value_(std::move(value)) {}
    Item(std::string key, const Parameter& other)
        : key_(std::move(key)),
          value_(other),
          is_frozen_(other.defined() && !other.requires_grad()) {}

   private:
    friend class ParameterDict;
    std::string key_;
    Tensor value_;
    bool is_frozen_ = false;
  };
  // Throws ValueError for a key that comes twice.
  ParameterDict(std::initializer_list<Item> items);
  std::string extra_repr() const override;

  // Puts a value in the place of the key's, or at the end; of another parameter, ties the two.
  void set(const std::string& key, const Tensor& value);
  void set(const std::string& key, const Parameter& other);
  void update(const ParameterDict& other);  // which shares its parameters from then on
  // Throw IndexError if the key is not there.
  void erase(absl::string_view key) { pop(key); }
  Tensor pop(absl::string_view key);  // returns what it takes out
  void clear();

  int64_t size() const { return static_cast<int64_t>(items_of().size()); }
  bool empty() const { return items_of().empty(); }
  bool contains(absl::string_view key) const;
  // To be assigned to as well. References stay good until the key is erased. Throws IndexError if
  // the key is not there.
  Parameter& operator[](absl::string_view key);
  const Parameter& operator[](absl::string_view key) const;
  std::vector<std::string> keys() const;
  std::vector<Tensor> values() const;
  Named<Tensor> items() const;

 private:
  using Items = std::list<std::pair<std::string, Parameter>>;
  const Items& items_of() const;
  template <class T>
  void put(const std::string& key, const T& value);
  Items items_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_PARAMETER_LIST_H_
