// Optimizer: what all optimizers share: the parameters in groups, each with its own options, and
// the state that steps keep of each parameter.
//
//   nn::optim::AdamW adamw(encoder.parameters(), {.lr = 1e-4});
//   adamw.add_group(head.parameters(), {.lr = 1e-3, .weight_decay = 0});
//   for (const auto& [x, y] : loader) {
//     adamw.zero_grad();
//     loss(model(x), y).backward();
//     adamw.step();
//   }
#ifndef LAMINA_NN_OPTIM_OPTIMIZER_H_
#define LAMINA_NN_OPTIM_OPTIMIZER_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "lamina/autograd.h"
#include "lamina/nn/state_dict.h"

namespace lamina::nn::internal {
class StateReader;
}  // namespace lamina::nn::internal

namespace lamina::nn::optim {

// What an optimizer is to update: model.parameters(), or model.named_parameters(), whose names its
// errors then use, or {a, b}.
struct Parameters {
  Parameters(std::vector<Tensor> all) : tensors(std::move(all)) {}  // implicit
  Parameters(std::initializer_list<Tensor> all) : tensors(all) {}   // implicit
  Parameters(std::vector<std::pair<std::string, Tensor>> named);    // implicit

  // Throws ValueError unless there are as many names as tensors, or none.
  void check_names(const char* op) const;

  std::vector<Tensor> tensors;
  std::vector<std::string> names;  // none, or one for each
};

// Where an option must lie.
enum class OptionRange { kFinite, kNotNegative, kBelowOne, kUpToOne };  // the last two from 0 on

// Is called with each option by its name, to check, save, load or find it.
class OptionVisitor {
 public:
  virtual ~OptionVisitor() = default;
  virtual void number(const char* name, double& value, OptionRange range) = 0;
  virtual void count(const char* name, int64_t& value, int64_t least) = 0;
  virtual void flag(const char* name, bool& value) = 0;
};

namespace internal {

// An array that steps may keep of each parameter.
struct StateArray {
  const char* name;
  bool is_kept = true;     // by the options that the group has now
  double initial = 0;      // what it is filled with
  bool is_scalar = false;  // float64 and 0-d; else of the parameter's shape, contiguous, and of the
                           // dtype that the parameter is computed in
};

// A parameter, and what steps have left behind.
struct ParameterState {
  Tensor parameter;
  std::string name;  // "parameter 3 (head.weight)"
  int64_t group;
  int64_t steps = 0;                 // those with a gradient
  std::vector<NDArray> arrays = {};  // as state_arrays() has them; undefined unless kept
  bool is_new = false;               // whether one of them has just been made
};

}  // namespace internal

// Holds handles on the parameters that it updates. Gradients are read, never changed; a parameter
// without one is left alone. One that is frozen after backward() still has its gradient: zero_grad()
// clears it. The state is of the parameter's dtype; of float16 and bfloat16 parameters it is float32,
// in which their steps are computed before they are rounded.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Updates the parameters from their gradients. Throws, before it changes anything, for a parameter
  // with a gradient: ShapeError if it has got another shape since the last step, or the gradient has
  // another one; DTypeError if it is no longer floating; RuntimeError if it is no longer a leaf, or is
  // expanded.
  virtual void step() = 0;
  // Calls the closure, which computes the loss and its gradients, with gradients recorded, and then
  // steps; returns the loss. Throws RuntimeError for an empty one.
  virtual Tensor step(const std::function<Tensor()>& closure);
  // Clears the gradients, or fills them with zeros.
  void zero_grad(bool set_to_none = true);

  // ---- Groups, in the order in which they were added. Throw IndexError for one that is not there.
  int64_t group_count() const { return group_count_; }
  std::vector<Tensor> parameters() const;  // of all groups
  std::vector<Tensor> parameters(int64_t group) const;
  // The learning rate. Throws ValueError unless it is finite and at least 0.
  double lr(int64_t group = 0) const;
  void set_lr(double lr);  // of all groups
  void set_lr(int64_t group, double lr);
  // The option `momentum`, or the first beta of Adam and its kind. Throw RuntimeError if the optimizer
  // has neither, ValueError for a value out of its range or that contradicts another option.
  double momentum(int64_t group = 0) const;
  void set_momentum(int64_t group, double momentum);

  // ---- State, to resume from: the optimizer's name, without a value; the options of each group
  // ("groups.0.lr"); the step count and arrays of each parameter ("state.3.exp_avg"), which share
  // storage with the optimizer's own.
  StateDict state_dict() const;
  // Copies a state in. Throws RuntimeError that lists every problem, and then nothing has changed:
  // missing and unexpected keys, another optimizer's state, other groups, other shapes, and options
  // out of range.
  void load_state_dict(const StateDict& state);

 protected:
  // `name` begins the texts of errors.
  explicit Optimizer(const char* name) : name_(name) {}

  using Entry = internal::ParameterState;
  using StateArray = internal::StateArray;
  const std::vector<Entry>& entries() const { return entries_; }

  // Throws as step() does for a parameter, and its gradient, with which it cannot go on.
  void check_can_step(const Entry& entry) const;
  // Calls fn with each parameter that has a gradient, its step counted and its arrays made.
  void for_each_gradient(absl::FunctionRef<void(Entry& entry, const NDArray& gradient)> fn);

  // Appends a group, whose options the subclass has already. Throws ValueError, and changes nothing,
  // for no parameters, an undefined tensor, one that is no leaf or not floating, or the same one
  // twice, in this group or in another; the text says which. And for names that are not one for each.
  void add_entries(Parameters parameters);
  void check_group(int64_t group) const;
  // Throws ValueError unless the options are in range, as `visit` tells the visitor that it calls.
  void check(absl::FunctionRef<void(OptionVisitor&)> visit) const;

 private:
  friend class LRScheduler;

  // Shows a visitor the options of a group; what it writes is lost, or kept unless visit() throws.
  virtual void read_options(int64_t group, OptionVisitor& visitor) const = 0;
  virtual void write_options(int64_t group, OptionVisitor& visitor) = 0;
  // The same arrays whatever the options, which decide which of them are kept.
  virtual std::vector<StateArray> state_arrays(int64_t group) const = 0;
  // Throws ValueError for a parameter, `which`, that the optimizer cannot train.
  virtual void check_parameter(const std::string& /*which*/, const Tensor& /*parameter*/) const {}
  // State beside that of each parameter. Adds it to what is saved; and reads it, the result being what
  // puts it in place, which is called once the whole state is known to fit.
  virtual void save_whole(StateDict* /*state*/) const {}
  virtual std::function<void()> load_whole(nn::internal::StateReader* /*reader*/) {
    return [] {};
  }

  const char* name_;
  int64_t group_count_ = 0;
  std::vector<Entry> entries_;
  // The base rates of schedules, by group: the rates when the first one was made; none before.
  std::vector<std::optional<double>> initial_lrs_;
};

// An optimizer whose groups have options of this type.
template <class Options>
class OptimizerOf : public Optimizer {
 public:
  // More parameters, with options of their own: those that are not given have their defaults, and not
  // the values that the constructor got. Throws as the constructor does, and then nothing has changed.
  void add_group(Parameters parameters, const Options& options) {
    check_all(options);
    options_.push_back(options);
    try {
      add_entries(std::move(parameters));
    } catch (...) {
      options_.pop_back();
      throw;
    }
  }
  const Options& options(int64_t group = 0) const {
    check_group(group);
    return options_[static_cast<size_t>(group)];
  }
  // Throws ValueError for options that the constructor refuses.
  void set_options(int64_t group, const Options& options) {
    check_group(group);
    check_all(options);
    options_[static_cast<size_t>(group)] = options;
  }

 protected:
  using Optimizer::Optimizer;
  // Calls the visitor with each option; throws ValueError for those that contradict one another.
  virtual void visit(Options& options, OptionVisitor& visitor) const = 0;

 private:
  void check_all(Options options) const {
    check([&](OptionVisitor& visitor) { visit(options, visitor); });
  }
  void read_options(int64_t group, OptionVisitor& visitor) const final {
    Options copy = options_[static_cast<size_t>(group)];
    visit(copy, visitor);
  }
  void write_options(int64_t group, OptionVisitor& visitor) final {
    Options changed = options_[static_cast<size_t>(group)];
    visit(changed, visitor);  // may throw
    options_[static_cast<size_t>(group)] = changed;
  }

  std::vector<Options> options_;
};

}  // namespace lamina::nn::optim

#endif  // LAMINA_NN_OPTIM_OPTIMIZER_H_
