// The tensors in an argument or a result of a module: those that hooks see.
#ifndef LAMINA_NN_TENSORS_IN_H_
#define LAMINA_NN_TENSORS_IN_H_

#include <array>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/autograd.h"

namespace lamina::nn::internal {

// How to visit the tensors of a T, in order; kAny: whether it may hold any. hooks.h says how a struct
// takes part.
template <class T, class = void>
struct TensorsIn {
  static constexpr bool kAny = false;
  template <class F>
  static void visit(T&, F&) {}
};

struct AnyVisitor {
  void operator()(Tensor&) const {}
};
template <class T>
struct TensorsIn<T, std::void_t<decltype(std::declval<T&>().for_each_tensor(AnyVisitor()))>> {
  static constexpr bool kAny = true;
  template <class F>
  static void visit(T& x, F& f) {
    x.for_each_tensor([&](Tensor& tensor) { f(tensor); });
  }
};

template <>
struct TensorsIn<Tensor> {
  static constexpr bool kAny = true;
  template <class F>
  static void visit(Tensor& x, F& f) {
    f(x);
  }
};
template <class T>
struct TensorsIn<std::optional<T>> {
  static constexpr bool kAny = TensorsIn<T>::kAny;
  template <class F>
  static void visit(std::optional<T>& x, F& f) {
    if (x) TensorsIn<T>::visit(*x, f);
  }
};
template <class List, class T>
struct TensorsInList {
  static constexpr bool kAny = TensorsIn<T>::kAny;
  template <class F>
  static void visit(List& list, F& f) {
    if constexpr (kAny) {
      for (T& x : list) TensorsIn<T>::visit(x, f);
    }
  }
};
template <class T>
struct TensorsIn<std::vector<T>> : TensorsInList<std::vector<T>, T> {};
template <class T, size_t N>
struct TensorsIn<std::array<T, N>> : TensorsInList<std::array<T, N>, T> {};
template <class... T>
struct TensorsIn<std::tuple<T...>> {
  static constexpr bool kAny = (TensorsIn<std::decay_t<T>>::kAny || ...);
  template <class Decayed, class X, class F>
  static void visit_one(X& x, F& f) {
    if constexpr (TensorsIn<Decayed>::kAny) TensorsIn<Decayed>::visit(x, f);
  }
  template <class F>
  static void visit(std::tuple<T...>& all, F& f) {
    std::apply([&](auto&... x) { (visit_one<std::decay_t<T>>(x, f), ...); }, all);
  }
};
template <class A, class B>
struct TensorsIn<std::pair<A, B>> {
  static constexpr bool kAny = TensorsIn<A>::kAny || TensorsIn<B>::kAny;
  template <class F>
  static void visit(std::pair<A, B>& x, F& f) {
    TensorsIn<A>::visit(x.first, f);
    TensorsIn<B>::visit(x.second, f);
  }
};

template <class T>
std::vector<Tensor> tensors_in(T& x) {
  std::vector<Tensor> out;
  const auto add = [&](Tensor& tensor) { out.push_back(tensor); };
  TensorsIn<T>::visit(x, add);
  return out;
}
// Puts others in their place, as many.
template <class T>
void put_tensors(T& x, const std::vector<Tensor>& tensors) {
  size_t i = 0;
  const auto put = [&](Tensor& tensor) { tensor = tensors[i++]; };
  TensorsIn<T>::visit(x, put);
}

// How an argument of type In waits for forward, so that hooks can replace the tensors in it: as a
// copy if it holds any, unless the callee is to write to the caller's.
template <class In>
using Argument = std::conditional_t<TensorsIn<std::decay_t<In>>::kAny &&
                                        !(std::is_lvalue_reference_v<In> &&
                                          !std::is_const_v<std::remove_reference_t<In>>),
                                    std::decay_t<In>, In&&>;

}  // namespace lamina::nn::internal

#endif  // LAMINA_NN_TENSORS_IN_H_
