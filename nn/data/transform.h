// Transform: a function of a sample's x, which may draw random numbers; and Compose, several in turn.
#ifndef LAMINA_NN_DATA_TRANSFORM_H_
#define LAMINA_NN_DATA_TRANSFORM_H_

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/autograd.h"

namespace lamina::nn::data {

namespace internal {
// Whether a callable of this type may hold none.
template <class F>
struct MayBeEmpty : std::is_pointer<F> {};
template <class Signature>
struct MayBeEmpty<std::function<Signature>> : std::true_type {};
}  // namespace internal

// Made of anything that is called as f(x) or f(x, generator), a lambda as well:
//   data::Transform scaled = [](const Tensor& x) { return x.to(float32) / 255; };
// ValueError for a std::function or a pointer that is empty; a Transform that is none is Transform().
// Several threads call it at once. It must not write to x, which is the data set's own, and draws
// from no other generator, so that batches do not depend on who makes them.
class Transform {
 public:
  Transform() = default;  // none
  template <class F, class = std::enable_if_t<!std::is_base_of_v<Transform, std::decay_t<F>>>>
  Transform(F function) {  // implicit
    if constexpr (internal::MayBeEmpty<F>::value) {
      if (function == nullptr) fail<ValueError>("Transform", "expected a function, got none");
    }
    if constexpr (std::is_invocable_r_v<Tensor, const F&, const Tensor&, Generator&>) {
      function_ = std::move(function);
    } else {
      static_assert(
          std::is_invocable_r_v<Tensor, const F&, const Tensor&>,
          "a Transform is called as f(x) or f(x, generator), const, and returns a Tensor");
      function_ = [f = std::move(function)](const Tensor& x, Generator&) -> Tensor { return f(x); };
    }
  }

  explicit operator bool() const { return static_cast<bool>(function_); }
  // Throws RuntimeError if there is none.
  Tensor operator()(const Tensor& x, Generator& generator) const;

 private:
  std::function<Tensor(const Tensor&, Generator&)> function_;
};

// The first transform, then the second on its result, ...; with none, x itself.
class Compose {
 public:
  explicit Compose(std::vector<Transform> transforms);  // ValueError for one that is none
  Tensor operator()(const Tensor& x, Generator& generator) const;

 private:
  std::vector<Transform> transforms_;
};

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_TRANSFORM_H_
