// What must compile, with which type, and what must not.
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd.h"

namespace lamina {
namespace {

// A module's parameter: converts to const Tensor& and is none.
class ParameterLike {
 public:
  explicit ParameterLike(Tensor tensor) : tensor_(std::move(tensor)) {}
  operator const Tensor&() const { return tensor_; }  // implicit

 private:
  Tensor tensor_;
};

// Whether `left op right` compiles.
#define LAMINA_CAN(name, expression)                                                            \
  template <class A, class B, class = void>                                                     \
  struct Can##name : std::false_type {};                                                        \
  template <class A, class B>                                                                   \
  struct Can##name<A, B, std::void_t<decltype(std::declval<A>() expression std::declval<B>())>> \
      : std::true_type {};                                                                      \
  template <class A, class B>                                                                   \
  inline constexpr bool can_##name = Can##name<A, B>::value
LAMINA_CAN(multiply, *);
LAMINA_CAN(add, +);
LAMINA_CAN(compare, ==);

template <class A, class B>
using Product = decltype(std::declval<A>() * std::declval<B>());

TEST(Compile, OperatorsOnArraysStayArrays) {
  static_assert(std::is_same_v<Product<NDArray, NDArray>, NDArray>);
  static_assert(std::is_same_v<Product<NDArray, int>, NDArray>);
  static_assert(std::is_same_v<Product<double, NDArray>, NDArray>);
  static_assert(std::is_same_v<Product<bool, NDArray>, NDArray>);
  static_assert(std::is_same_v<decltype(-NDArray()), NDArray>);
  static_assert(std::is_same_v<decltype(exp(NDArray())), NDArray>);
  static_assert(std::is_same_v<decltype(NDArray().sum()), NDArray>);
}

TEST(Compile, OperatorsWithATensorGiveATensor) {
  static_assert(std::is_same_v<Product<Tensor, Tensor>, Tensor>);
  static_assert(std::is_same_v<Product<Tensor, NDArray>, Tensor>);
  static_assert(std::is_same_v<Product<NDArray, Tensor>, Tensor>);
  static_assert(std::is_same_v<Product<Tensor, int>, Tensor>);
  static_assert(std::is_same_v<Product<int64_t, Tensor>, Tensor>);
  static_assert(std::is_same_v<Product<Tensor, float>, Tensor>);
  static_assert(std::is_same_v<Product<double, Tensor>, Tensor>);
  static_assert(std::is_same_v<Product<Tensor, bool>, Tensor>);
  static_assert(std::is_same_v<decltype(-Tensor()), Tensor>);
  static_assert(std::is_same_v<decltype(1 - Tensor()), Tensor>);
  static_assert(std::is_same_v<decltype(Tensor() == NDArray()), Tensor>);
  static_assert(std::is_same_v<decltype(add(NDArray(), Tensor())), Tensor>);
  static_assert(std::is_same_v<decltype(matmul(Tensor(), NDArray())), Tensor>);
  static_assert(std::is_same_v<decltype(Tensor().exp()), Tensor>);
  static_assert(std::is_same_v<decltype(Tensor().max(0)), MaxResult<Tensor>>);
  static_assert(std::is_same_v<decltype(true ? Tensor() : NDArray()), Tensor>);
}

TEST(Compile, WhatConvertsToATensorMultipliesLikeOne) {
  static_assert(std::is_same_v<Product<ParameterLike, ParameterLike>, Tensor>);
  static_assert(std::is_same_v<Product<ParameterLike, Tensor>, Tensor>);
  static_assert(std::is_same_v<Product<Tensor, ParameterLike>, Tensor>);
  static_assert(std::is_same_v<Product<NDArray, ParameterLike>, Tensor>);
  static_assert(std::is_same_v<Product<ParameterLike, int>, Tensor>);
  static_assert(std::is_same_v<Product<double, ParameterLike>, Tensor>);
  static_assert(std::is_same_v<decltype(sum(std::declval<ParameterLike>())), Tensor>);
}

TEST(Compile, HistoryIsNeverLostByAConversion) {
  static_assert(std::is_convertible_v<NDArray, Tensor>);
  static_assert(!std::is_convertible_v<Tensor, NDArray>);
  static_assert(!std::is_constructible_v<NDArray, Tensor>);
  static_assert(!std::is_assignable_v<NDArray&, Tensor>);
  static_assert(!std::is_convertible_v<ParameterLike, NDArray>);
}

TEST(Compile, StringsAndPointersAreNoNumbersAndNoTensors) {
  static_assert(!can_multiply<Tensor, const char*>);
  static_assert(!can_multiply<Tensor, const char(&)[2]>);
  static_assert(!can_multiply<NDArray, const char*>);
  static_assert(!can_add<Tensor, std::nullptr_t>);
  static_assert(!can_compare<Tensor, std::nullptr_t>);
  static_assert(!can_add<Tensor, int*>);
  static_assert(!std::is_convertible_v<std::nullptr_t, Tensor>);
  static_assert(!std::is_constructible_v<Tensor, std::nullptr_t>);
  static_assert(!std::is_constructible_v<NDArray, std::nullptr_t>);
  static_assert(!std::is_convertible_v<int, Tensor>);
  static_assert(!std::is_convertible_v<double, Tensor>);
  static_assert(!std::is_convertible_v<const char*, Tensor>);
  static_assert(!std::is_convertible_v<Shape, Tensor>);
}

TEST(Compile, ShapesAreNotAddedToTensors) {
  static_assert(!can_add<Tensor, Dims>);
  static_assert(!can_multiply<Shape, Tensor>);
}

TEST(Compile, AComparisonIsATensorAndNoCondition) {
  static_assert(!std::is_convertible_v<Tensor, bool>);
  static_assert(!std::is_constructible_v<bool, Tensor>);
  static_assert(!std::is_convertible_v<NDArray, bool>);
}

TEST(Compile, NoAssignmentToATemporaryArray) {
  static_assert(std::is_assignable_v<NDArray&, NDArray>);
  static_assert(!std::is_assignable_v<NDArray, NDArray>);
  static_assert(std::is_assignable_v<Tensor&, Tensor>);
  static_assert(!std::is_assignable_v<Tensor, Tensor>);  // x[0] = y
  // data() gives no way to write past the history: an NDArray copied from it is one, and says so.
  static_assert(std::is_same_v<decltype(std::declval<Tensor&>().data()), const NDArray&>);
}

TEST(Compile, RequiresGradOfATemporaryGivesAValue) {
  static_assert(std::is_same_v<decltype(std::declval<Tensor&>().requires_grad_()), Tensor&>);
  static_assert(std::is_same_v<decltype(Tensor().requires_grad_()), Tensor>);
}

TEST(Compile, HandlesGoIntoContainers) {
  const ParameterLike p(ones({2}));
  const NDArray n = NDArray::ones({2});
  const std::vector<Tensor> all{p, n, ones({2})};
  const std::optional<Tensor> some = p;
  EXPECT_EQ(all[0].impl(), static_cast<const Tensor&>(p).impl());
  EXPECT_EQ(some->impl(), static_cast<const Tensor&>(p).impl());
  const Tensor undefined = {};
  EXPECT_FALSE(undefined.defined());
}

}  // namespace
}  // namespace lamina
