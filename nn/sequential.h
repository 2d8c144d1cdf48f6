// Sequential: modules that run one after the other, named "0", "1", ... or as you say.
//
//   nn::Sequential model{nn::Linear(784, 300), nn::ReLU(), nn::Linear(300, 10)};
//   nn::Sequential named{{"hidden", nn::Linear(784, 300)}, {"act", nn::ReLU()}};
//   named.push_back("out", nn::Linear(300, 10));
//   model.insert(1, nn::Dropout(0.5));  // what follows is named "2", "3" now
//   for (nn::Module& module : model) std::cout << module << "\n";
//
// A change invalidates iterators, as of a vector, and while the Sequential runs it is an error.
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
  using Run = std::any (*)(Module& module, std::any* arguments);
  std::vector<std::type_index> takes;  // without const and &
  std::type_index gives;
  bool is_layer;
  Run run;
  Run run_first;      // with the first argument alone; null if the others cannot be left out
  CheckModule check;  // that another module can be called so
};

template <class... In, class M, size_t... I>
std::any run_step(M& module, [[maybe_unused]] std::any* arguments, std::index_sequence<I...>) {
  return module(static_cast<In>(*std::any_cast<std::decay_t<In>>(&arguments[I]))...);
}

template <class M, class First, class... Rest>
constexpr Step::Run run_first_of() {
  if constexpr (sizeof...(Rest) > 0 && std::is_invocable_v<M&, First>) {
    return [](Module& module, std::any* arguments) {
      return run_step<First>(static_cast<M&>(module), arguments, std::index_sequence<0>());
    };
  }
  return nullptr;
}
template <class M>
constexpr Step::Run run_first_of() {
  return nullptr;
}

template <class M, class R, class... In>
Step step_of_callable(const Callable<R(In...)>*) {
  static_assert(!std::is_void_v<R>, "a module of a Sequential gives something to the next one");
  constexpr Step::Run kRunFirst = run_first_of<M, In...>();
  return {{typeid(std::decay_t<In>)...},
          typeid(R),
          std::is_same_v<R(In...), Tensor(const Tensor&)>,
          [](Module& module, std::any* arguments) {
            return run_step<In...>(static_cast<Callable<R(In...)>&>(module), arguments,
                                   std::index_sequence_for<In...>());
          },
          kRunFirst,
          kRunFirst != nullptr ? check_is<M> : check_is<Callable<R(In...)>>};
}
template <class M>
Step step_of() {
  return step_of_callable<M>(static_cast<const M*>(nullptr));
}

template <class M>
using IsCallable =
    decltype(step_of_callable<GivenModule<M>>(static_cast<const GivenModule<M>*>(nullptr)));
// Callable, and to be moved in or a shared_ptr.
template <class M>
using IsStep = std::enable_if_t<kTakes<Module, M>, IsCallable<M>>;

// Throws ValueError unless the module takes `given`.
void check_takes(const std::vector<std::type_index>& given, const Step& step, const Module& module,
                 absl::string_view name, bool is_first);
[[noreturn]] void fail_gives(std::type_index wanted, std::type_index given);
[[noreturn]] void fail_edited();

}  // namespace internal

template <class Signature>
class SequentialOf;

// The first module takes In..., each other one what the module before it gives, and the last gives
// R: types that agree but for const and &. One that can be called with its first argument alone, as
// an LSTM can, also takes just that. Where a module is given it is moved in; a shared_ptr to one is
// shared, for a module with several owners.
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
    template <class M, class = internal::IsStep<M>>
    Item(std::string name, M&& module)
        : add_([name = std::move(name),
                shared = internal::shared_from("Sequential", std::forward<M>(module))](
                   SequentialOf& sequential) { sequential.push_back(name, shared); }) {}

   private:
    friend class SequentialOf;
    std::function<void(SequentialOf&)> add_;
  };

  // Moves the modules in. A single Sequential moves as a whole, without becoming a module of another
  // one.
  template <class... M, class = std::void_t<internal::IsStep<M>...>,
            class = std::enable_if_t<!std::is_same_v<void(M...), void(SequentialOf)>>>
  explicit SequentialOf(M&&... modules) {
    (push_back(std::forward<M>(modules)), ...);
  }
  SequentialOf(std::initializer_list<Item> items) {
    for (const Item& item : items) item.add_(*this);
  }

  std::string name() const override {
    return typeid(*this) == typeid(SequentialOf) ? "Sequential" : Module::name();
  }
  // Throws RuntimeError if the last module gives something else than R, or if there is none, unless
  // it would hand on what it got; and if what runs inserts or erases modules, or replaces one by one
  // of other types.
  R forward(In... in) override {
    if constexpr (kIsLayer) {
      if (all_layers_) {
        Tensor y(in...);
        const int64_t edits = edits_;
        const size_t count = modules_.size();
        for (size_t i = 0; i < count; ++i) {
          y = static_cast<Layer&>(*modules_[i])(y);
          check_not_edited(edits, count);
        }
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
    const int64_t edits = edits_;
    const size_t count = modules_.size();
    std::any value = run(0, sizeof...(In), arguments.data());
    check_not_edited(edits, count);
    for (size_t i = 1; i < count; ++i) {
      std::any next = run(i, 1, &value);
      check_not_edited(edits, count);
      value = std::move(next);
    }
    return std::any_cast<R>(std::move(value));
  }

  // Throw ValueError if the module does not take what comes before, or for a name that is empty, has
  // a dot or is taken.
  template <class M, class = internal::IsStep<M>>
  void push_back(M&& module) {  // append
    insert(size(), std::forward<M>(module));
  }
  template <class M, class = internal::IsStep<M>>
  void push_back(std::string name, M&& module) {
    insert(size(), std::move(name), std::forward<M>(module));
  }
  // Puts a module before number i, counted from the end if negative, or at the end for i = size().
  // Those behind it that are named by their numbers get the next; names of yours stay. Throws
  // IndexError outside, ValueError if it does not take and give what its neighbours do.
  template <class M, class = internal::IsStep<M>>
  void insert(int64_t i, M&& module) {
    const size_t at = place(i);
    insert_at(at, absl::StrCat(at), internal::shared_from("Sequential", std::forward<M>(module)));
  }
  template <class M, class = internal::IsStep<M>>
  void insert(int64_t i, std::string name, M&& module) {
    insert_at(place(i), std::move(name),
              internal::shared_from("Sequential", std::forward<M>(module)));
  }
  // Puts a module in the place of number i, whose name it gets: model.set(-1, head).
  template <class M, class = internal::IsStep<M>>
  void set(int64_t i, M&& module) {
    const size_t at = index(i);
    const auto shared = internal::shared_from("Sequential", std::forward<M>(module));
    const internal::Step step = internal::step_of<internal::GivenModule<M>>();
    internal::check_takes(given_to(at), step, *shared, absl::StrCat(at), at == 0);
    if (at + 1 < steps_.size()) check_follows({step.gives}, at + 1, false);
    modules_[at] = shared;
    modules_[at].slot().check = step.check;
    const internal::Step& old = steps_[at];
    if (step.takes != old.takes || step.gives != old.gives || step.is_layer != old.is_layer) {
      ++edits_;
    }
    steps_[at] = step;
    check_for_layers();
  }
  // Those behind it move up, as in insert.
  void erase(int64_t i) {
    const size_t at = index(i);
    if (at + 1 == steps_.size()) {
      pop_back();
      return;
    }
    check_follows(given_to(at), at + 1, at == 0);
    internal::erase_module("Sequential", this->registry(), slots(), at);
    std::vector<Child<Module>> rest;  // not vector::erase: an assignment of a Child is of modules
    for (size_t j = 0; j < modules_.size(); ++j) {
      if (j != at) rest.push_back(std::move(modules_[j]));
    }
    modules_.swap(rest);
    steps_.erase(steps_.begin() + static_cast<std::ptrdiff_t>(at));
    ++edits_;
    check_for_layers();
  }
  void clear() {
    while (!empty()) pop_back();
  }
  // It would not be among those that run.
  template <class M>
  void register_module(std::string name, M&& module) = delete;  // push_back(name, module)
  // The other's modules are in both from then on, here under the numbers that are next.
  void extend(const SequentialOf& other) {
    const size_t before = modules_.size();
    const size_t count = static_cast<size_t>(other.size());  // other may be this one
    try {
      for (size_t i = 0; i < count; ++i) {
        const internal::ModuleSlot& slot = other.modules_[i].slot();
        const internal::Step step = other.steps_[i];  // steps_ may be what grows
        insert_at(modules_.size(), absl::StrCat(size()), slot.module, step, slot.copy);
      }
    } catch (...) {
      while (modules_.size() > before) pop_back();
      throw;
    }
  }

  int64_t size() const {
    this->registry();  // throws if moved from
    return static_cast<int64_t>(steps_.size());
  }
  bool empty() const { return size() == 0; }
  // Counted from the end if negative. Throws IndexError outside.
  Module& operator[](int64_t i) const { return *modules_[index(i)]; }
  // As what it is; throws ValueError if it is no M.
  template <class M>
  M& at(int64_t i) const {
    return internal::module_as<M>("Sequential", absl::StrCat(i), (*this)[i]);
  }
  std::shared_ptr<Module> shared(int64_t i) const { return modules_[index(i)].shared(); }

  using Iterator = internal::ModuleIterator<Module>;
  Iterator begin() const {
    this->registry();  // throws if moved from
    return Iterator(modules_.begin());
  }
  Iterator end() const { return Iterator(modules_.end()); }

 private:
  size_t index(int64_t i) const {
    return internal::checked_index("Sequential", i, static_cast<size_t>(size()));
  }
  size_t place(int64_t i) const {  // for a new one
    return i == size() ? static_cast<size_t>(i) : index(i);
  }
  std::any run(size_t i, size_t given, std::any* arguments) {
    const internal::Step& step = steps_[i];
    return (given < step.takes.size() ? step.run_first : step.run)(*modules_[i], arguments);
  }
  template <class M>
  void insert_at(size_t at, std::string name, const std::shared_ptr<M>& module) {
    insert_at(at, std::move(name), module, internal::step_of<M>(), internal::copier(module.get()));
  }
  void insert_at(size_t at, std::string name, const std::shared_ptr<Module>& module,
                 const internal::Step& step, internal::CopyModule copy) {
    internal::check_takes(given_to(at), step, *module, name, at == 0);
    if (at < steps_.size()) check_follows({step.gives}, at, false);
    const bool is_last = at == modules_.size();
    Child<Module> child(is_last ? this->registry().add_module(std::move(name), module, copy)
                                : internal::insert_module("Sequential", this->registry(), slots(),
                                                          at, std::move(name), module, copy));
    child.slot().check = step.check;
    if (is_last) {
      modules_.push_back(std::move(child));
    } else {
      std::vector<Child<Module>> all;
      for (size_t i = 0; i < at; ++i) all.push_back(std::move(modules_[i]));
      all.push_back(std::move(child));
      for (size_t i = at; i < modules_.size(); ++i) all.push_back(std::move(modules_[i]));
      modules_.swap(all);
    }
    steps_.insert(steps_.begin() + static_cast<std::ptrdiff_t>(at), step);
    ++edits_;
    all_layers_ = all_layers_ && step.is_layer;
  }
  void pop_back() {
    this->registry().remove(modules_.back().slot_);
    modules_.pop_back();
    steps_.pop_back();
    ++edits_;
    if (!all_layers_) check_for_layers();
  }
  void check_not_edited(int64_t edits, size_t count) const {
    // The count shows that it was moved.
    if (edits_ != edits || modules_.size() != count) internal::fail_edited();
  }
  internal::Slots slots() const {
    internal::Slots out;
    for (const Child<Module>& module : modules_) out.push_back(module.slot_);
    return out;
  }
  // Throws ValueError unless number i takes `given`.
  void check_follows(const std::vector<std::type_index>& given, size_t i, bool is_first) const {
    internal::check_takes(given, steps_[i], *modules_[i], modules_[i].slot().name, is_first);
  }
  void check_for_layers() {
    all_layers_ = std::all_of(steps_.begin(), steps_.end(),
                              [](const internal::Step& step) { return step.is_layer; });
  }
  // What number i gets.
  std::vector<std::type_index> given_to(size_t i) const {
    if (i == 0) return {typeid(std::decay_t<In>)...};
    return {steps_[i - 1].gives};
  }

  std::vector<Child<Module>> modules_;
  std::vector<internal::Step> steps_;  // one per module
  bool all_layers_ = true;
  int64_t edits_ = 0;  // what a running forward does not bear
};

using Sequential = SequentialOf<Tensor(const Tensor&)>;

}  // namespace lamina::nn

#endif  // LAMINA_NN_SEQUENTIAL_H_
