// Module: the base of everything that holds parameters. Declaring a member registers it:
//
//   class SimpleNet : public nn::Layer {
//    public:
//     SimpleNet(int64_t in, int64_t hidden, int64_t out)
//         : layer1(this, "layer1", in, hidden), layer2(this, "layer2", hidden, out) {}
//     std::string name() const override { return "SimpleNet"; }
//     Tensor forward(const Tensor& x) override { return layer2(activation(layer1(x))); }
//
//    private:
//     nn::Child<nn::Linear> layer1;
//     nn::Child<nn::ReLU> activation{this, "activation"};
//     nn::Child<nn::Linear> layer2;
//   };
//
// Members of type Parameter, Buffer and Child (their headers) enter the registry in their
// constructors, in the order of declaration. The registry lives on the heap and members point into
// it, so a module may be moved; it is not copied. Calls on one module are not synchronised; in eval
// mode, forward may run on several threads at once.
#ifndef LAMINA_NN_MODULE_H_
#define LAMINA_NN_MODULE_H_

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "lamina/autograd.h"

namespace lamina::nn {

class Module;
template <class Signature>
class Callable;

template <class T>
using Named = std::vector<std::pair<std::string, T>>;  // in registration order, "child.member"

namespace internal {

struct TensorSlot {
  std::string name;
  Tensor value;  // undefined: a disabled optional member
  bool is_buffer;
};
struct ModuleSlot {
  std::string name;
  std::shared_ptr<Module> module;
};
// What a module knows of its members. Shared with them, so that they find it after a move.
struct Registry {
  std::vector<std::shared_ptr<TensorSlot>> tensors;
  std::vector<std::shared_ptr<ModuleSlot>> children;
  bool training = true;

  // Throws ValueError if the name is empty, has a dot, or is taken.
  void check_new_name(const std::string& name) const;
  // Throws as check_new_name does.
  void add_child(std::string name, std::shared_ptr<Module> module);
};

}  // namespace internal

class Module {
 public:
  Module() : registry_(std::make_shared<internal::Registry>()) {}
  Module(Module&&) noexcept = default;
  Module& operator=(Module&&) =
      delete;  // construct a new one: members could not tell an assignment from a replacement
  virtual ~Module() = default;

  // The class in the printed model: "Linear".
  virtual std::string name() const = 0;
  // What stands between its brackets: "in_features=784, out_features=10, bias=True".
  virtual std::string extra_repr() const { return ""; }

  // The tensors to train, immediate members first, then the children's; each shared one once.
  // Handles on the parameters themselves: an optimizer that writes to them writes to the model.
  std::vector<Tensor> parameters(bool recursive = true) const;
  Named<Tensor> named_parameters(bool recursive = true) const;
  // State that is not trained, such as running statistics.
  std::vector<Tensor> buffers(bool recursive = true) const;
  Named<Tensor> named_buffers(bool recursive = true) const;
  // The modules directly below; the pointers last as long as they are in the model.
  Named<Module*> named_children() const;

  // Training mode, on at first, for this module and all below: it decides what Dropout and
  // BatchNorm do.
  void train(bool training = true);
  void eval() { train(false); }
  bool is_training() const { return registry().training; }

  // Clears the gradients of all parameters.
  void zero_grad();

  // The text that PyTorch prints for the model.
  std::string str() const;
  friend std::ostream& operator<<(std::ostream& out, const Module& module) {
    return out << module.str();
  }

 private:
  friend class TensorMember;
  template <class Signature>
  friend class Callable;
  template <class T>
  friend class Child;
  template <class T>
  friend class ModuleList;
  friend class Sequential;
  friend class ModeGuard;

  // Throws RuntimeError if the module has been moved from.
  internal::Registry& registry() const;
  // That of the owner of a `member`; throws ValueError if there is none.
  static internal::Registry& registry_of(const char* member, const Module* owner);
  void collect(bool buffers, bool recursive, const std::string& prefix, Named<Tensor>& out) const;

  std::shared_ptr<internal::Registry> registry_;
};

// Puts the mode of a module and of all below it back at the end of a scope, each one's own. A
// module that was moved away meanwhile gets its mode back where it is now.
class ModeGuard {
 public:
  explicit ModeGuard(const Module& module) { remember(module); }
  ~ModeGuard() {
    for (const auto& [registry, training] : modes_) registry->training = training;
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  void remember(const Module& module);
  std::vector<std::pair<std::shared_ptr<internal::Registry>, bool>> modes_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_MODULE_H_
