// Sequential: modules that run one after the other, named "0", "1", ... or as you say.
//
//   nn::Sequential model{nn::Linear(784, 300), nn::ReLU(), nn::Linear(300, 10)};
//   nn::Sequential named{{"hidden", nn::Linear(784, 300)}, {"act", nn::ReLU()}};
//   named.push_back("out", nn::Linear(300, 10));
//
// In braces the modules are made in order. In parentheses C++ leaves the order open (g++ makes the
// last one first), and one seed would give other starting values with another compiler.
#ifndef LAMINA_NN_SEQUENTIAL_H_
#define LAMINA_NN_SEQUENTIAL_H_

#include <algorithm>
#include <any>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <typeindex>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lamina/nn/child.h"
#include "lamina/nn/container.h"
#include "lamina/nn/layer.h"

namespace lamina::nn {
namespace internal {

// How to call a module of a signature that is known only where it was added.
struct Step {
  std::vector<std::type_index> takes;  // without const and &
  std::type_index gives;
  bool is_layer;
  std::any (*run)(Module& module, std::any* arguments);
};

template <class R, class... In, size_t... I>
std::any run_step(Callable<R(In...)>& module, [[maybe_unused]] std::any* arguments,
                  std::index_sequence<I...>) {
  return module(static_cast<In>(*std::any_cast<std::decay_t<In>>(&arguments[I]))...);
}

template <class R, class... In>
Step step_of(const Callable<R(In...)>*) {
  static_assert(!std::is_void_v<R>, "a module of a Sequential gives something to the next one");
  return {{typeid(std::decay_t<In>)...},
          typeid(R),
          std::is_same_v<R(In...), Tensor(const Tensor&)>,
          [](Module& module, std::any* arguments) {
            return run_step(static_cast<Callable<R(In...)>&>(module), arguments,
                            std::index_sequence_for<In...>());
          }};
}

template <class M>
using IsCallable = decltype(step_of(static_cast<const std::decay_t<M>*>(nullptr)));

// Throws ValueError unless the module takes `given`.
void check_takes(const std::vector<std::type_index>& given, const Step& step, const Module& module,
                 absl::string_view name, bool is_first);
[[noreturn]] void fail_gives(std::type_index wanted, std::type_index given);

}  // namespace internal

template <class Signature>
class SequentialOf;

// The first module takes In..., each other one what the module before it gives, and the last gives
// R: types that agree but for const and &. Where a module is given it is moved in; push_back and set
// also take a shared_ptr, for a module with several owners.
//
// Constructors of a subclass are best left to the compiler: one that passes a SequentialOf&& on by hand
// would make that a module of this one.
template <class R, class... In>
class SequentialOf<R(In...)> : public Callable<R(In...)> {
  static constexpr bool kIsLayer = std::is_same_v<R(In...), Tensor(const Tensor&)>;

 public:
  // A name and a module that may be copied, as braces want it.
  class Item {
   public:
    template <class M, class = internal::IsCallable<M>>
    Item(std::string name, M&& module)
        : add_([name = std::move(name), shared = internal::take(std::forward<M>(module))](
                   SequentialOf& sequential) { sequential.push_back(name, shared); }) {}

   private:
    friend class SequentialOf;
    std::function<void(SequentialOf&)> add_;
  };

  // Moves the modules in. A single Sequential moves as a whole, without becoming a module of another
  // one.
  template <class... M, class = std::void_t<internal::IsCallable<M>...>,
            class = std::enable_if_t<(!std::is_lvalue_reference_v<M> && ...) &&
                                     !std::is_same_v<void(M...), void(SequentialOf)>>>
  explicit SequentialOf(M&&... modules) {
    (push_back(std::move(modules)), ...);
  }
  SequentialOf(std::initializer_list<Item> items) {
    for (const Item& item : items) item.add_(*this);
  }

  std::string name() const override {
    return typeid(*this) == typeid(SequentialOf) ? "Sequential" : Module::name();
  }
  // Throws RuntimeError if the last module gives something else than R, or if there is none, unless
  // it would hand on what it got.
  R forward(In... in) override {
    if constexpr (kIsLayer) {
      if (all_layers_) {
        Tensor y(in...);
        for (const Child<Module>& module : modules_) y = static_cast<Layer&>(*module)(y);
        return y;
      }
    }
    if constexpr (std::is_same_v<void(std::decay_t<In>...), void(R)>) {
      if (modules_.empty()) return R(std::forward<In>(in)...);
    }
    if (modules_.empty()) {
      fail<RuntimeError>("Sequential",
                         "expected at least one module, for the result is of another "
                         "type than the arguments");
    }
    if (steps_.back().gives != typeid(R)) internal::fail_gives(typeid(R), steps_.back().gives);
    std::vector<std::any> arguments{std::any(std::decay_t<In>(std::forward<In>(in)))...};
    std::any value = steps_[0].run(*modules_[0], arguments.data());
    for (size_t i = 1; i < steps_.size(); ++i) {
      std::any next = steps_[i].run(*modules_[i], &value);
      value = std::move(next);
    }
    return std::any_cast<R>(std::move(value));
  }

  // Throw ValueError if the module does not take what comes before, or for a name that is empty, has
  // a dot or is taken.
  template <class M>
  void push_back(M&& module) {  // append
    push_back(absl::StrCat(size()), std::forward<M>(module));
  }
  template <class M, class = internal::IsCallable<M>>
  void push_back(std::string name, M&& module) {
    push_back(std::move(name), internal::take(std::forward<M>(module)));
  }
  template <class M, class = internal::IsCallable<M>>
  void push_back(std::string name, std::shared_ptr<M> module) {
    if (module == nullptr) fail<ValueError>("Sequential", "expected a module, got null");
    const internal::Step step = internal::step_of(module.get());
    check_fits(step, *module, name);
    modules_.emplace_back(this, std::move(name), std::move(module));
    add(step);
  }
  // Puts a module in the place of number i, counted from the end if negative: model.set(-1, head).
  // Throws IndexError outside, ValueError if it does not take and give what its neighbours do.
  template <class M, class = internal::IsCallable<M>>
  void set(int64_t i, M&& module) {
    set(i, internal::take(std::forward<M>(module)));
  }
  template <class M, class = internal::IsCallable<M>>
  void set(int64_t i, std::shared_ptr<M> module) {
    if (module == nullptr) fail<ValueError>("Sequential", "expected a module, got null");
    const size_t at = internal::checked_index("Sequential", i, static_cast<size_t>(size()));
    const internal::Step step = internal::step_of(module.get());
    internal::check_takes(given_to(at), step, *module, absl::StrCat(at), at == 0);
    if (at + 1 < steps_.size()) {
      internal::check_takes({step.gives}, steps_[at + 1], *modules_[at + 1], absl::StrCat(at + 1),
                            false);
    }
    modules_[at] = std::move(module);
    steps_[at] = step;
    all_layers_ = std::all_of(steps_.begin(), steps_.end(),
                              [](const internal::Step& s) { return s.is_layer; });
  }
  // The other's modules are in both from then on, here under the numbers that are next.
  void extend(const SequentialOf& other) {
    const size_t count = static_cast<size_t>(other.size());  // other may be this one
    modules_.reserve(modules_.size() + count);
    for (size_t i = 0; i < count; ++i) {
      const internal::Step step = other.steps_[i];
      const std::string name = absl::StrCat(size());
      check_fits(step, *other.modules_[i], name);
      modules_.emplace_back(this, name, other.modules_[i]);
      add(step);
    }
  }

  int64_t size() const {
    this->is_training();  // throws if moved from
    return static_cast<int64_t>(steps_.size());
  }
  bool empty() const { return size() == 0; }
  // Counted from the end if negative. Throws IndexError outside.
  Module& operator[](int64_t i) const {
    return *modules_[internal::checked_index("Sequential", i, static_cast<size_t>(size()))];
  }
  // As what it is; throws ValueError if it is no M.
  template <class M>
  M& at(int64_t i) const {
    return internal::module_as<M>("Sequential", absl::StrCat(i), (*this)[i]);
  }

 private:
  void check_fits(const internal::Step& step, const Module& module, absl::string_view name) const {
    internal::check_takes(given_to(steps_.size()), step, module, name, steps_.empty());
  }
  // What number i gets.
  std::vector<std::type_index> given_to(size_t i) const {
    if (i == 0) return {typeid(std::decay_t<In>)...};
    return {steps_[i - 1].gives};
  }
  void add(const internal::Step& step) {
    steps_.push_back(step);
    all_layers_ = all_layers_ && step.is_layer;
  }

  std::vector<Child<Module>> modules_;
  std::vector<internal::Step> steps_;  // one per module
  bool all_layers_ = true;
};

using Sequential = SequentialOf<Tensor(const Tensor&)>;

}  // namespace lamina::nn

#endif  // LAMINA_NN_SEQUENTIAL_H_
