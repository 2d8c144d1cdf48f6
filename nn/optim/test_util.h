// What tests of optimizers, schedules and averages share.
#ifndef LAMINA_NN_OPTIM_TEST_UTIL_H_
#define LAMINA_NN_OPTIM_TEST_UTIL_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd.h"
#include "lamina/nn/state_dict.h"
#include "lamina/tensor/test_util.h"

namespace lamina::test {

// A float64 vector to train.
inline Tensor parameter(const std::vector<double>& values) {
  return tensor(values, {static_cast<int64_t>(values.size())}).requires_grad_();
}

// A state with memory of its own, which further steps do not reach.
inline nn::StateDict copy_of(const nn::StateDict& state) {
  nn::StateDict copy;
  for (const auto& [key, value] : state) {
    copy.set(key, value ? std::optional<Tensor>(value->clone()) : std::nullopt);
  }
  return copy;
}

inline nn::StateDict with(nn::StateDict state, const char* key, std::optional<Tensor> value) {
  state.set(key, std::move(value));
  return state;
}

// Keys and elements, to compare.
inline std::vector<std::pair<std::string, std::vector<double>>> contents_of(
    const nn::StateDict& state) {
  std::vector<std::pair<std::string, std::vector<double>>> all;
  for (const auto& [key, value] : state) {
    all.emplace_back(key, value ? elements(value->data()) : std::vector<double>());
  }
  return all;
}

// The text of the error that x.load_state_dict(state) throws, after a check that nothing has changed.
// To notice that, x must have gone on since it had the state.
template <class T>
std::string refusal_of(T& x, const nn::StateDict& state) {
  const auto before = contents_of(x.state_dict());
  try {
    x.load_state_dict(state);
  } catch (const RuntimeError& error) {
    EXPECT_EQ(contents_of(x.state_dict()), before);
    return error.what();
  }
  ADD_FAILURE() << "expected an error";
  return "";
}

}  // namespace lamina::test

#endif  // LAMINA_NN_OPTIM_TEST_UTIL_H_
