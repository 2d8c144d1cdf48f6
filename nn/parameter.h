// Parameter and Buffer: tensors that are members of a module and register themselves with it.
//
//   nn::Parameter weight{this, "weight", nn::init::xavier_uniform(4, 3)};
//   nn::Buffer steps{this, "steps", zeros({}, int64)};
//
// They are not Tensors but convert to `const Tensor&`, so that no `Tensor&` can be bound to one and
// take it out of the registry. Operators, functions and methods work on them as on tensors: weight
// * x, sum(weight), weight.sum(), and in place, on a parameter under NoGradGuard: weight.mul_(2),
// which returns the tensor. An assignment replaces what is registered: decoder.weight =
// encoder.weight ties the two. An optimizer made before keeps the old one, as in PyTorch.
#ifndef LAMINA_NN_PARAMETER_H_
#define LAMINA_NN_PARAMETER_H_

#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nn/module.h"

namespace lamina::nn {

// What the two have in common.
class TensorMember : public Methods<Tensor, TensorMember>,
                     public InPlaceMethods<Tensor, TensorMember> {
 public:
  TensorMember(TensorMember&&) noexcept = default;  // with its module
  // Puts the other's tensor, or another one, in the module's registry. Throw as the constructors do.
  // A member never leaves the registry: erasing one from a std::vector of members moves values about
  // and leaves the last name registered; use ParameterList.
  TensorMember& operator=(const TensorMember& other);
  TensorMember& operator=(const Tensor& value);

  const Tensor& get() const {  // throws RuntimeError if it was moved from
    if (!slot_) fail_moved_from();
    return slot_->value;
  }
  operator const Tensor&() const { return get(); }  // implicit

  bool defined() const { return get().defined(); }
  const NDArray& data() const { return get().data(); }
  const Shape& shape() const { return get().shape(); }
  DType dtype() const { return get().dtype(); }
  int dim() const { return get().dim(); }
  int64_t size(int64_t dim) const { return get().size(dim); }
  int64_t numel() const { return get().numel(); }
  bool requires_grad() const { return get().requires_grad(); }
  Tensor grad() const { return get().grad(); }
  Tensor detach() const { return get().detach(); }
  template <class T>
  T item() const {
    return get().item<T>();
  }
  template <class T>
  std::vector<T> to_vector() const {
    return get().to_vector<T>();
  }
  void set_data(NDArray data) const { get().set_data(std::move(data)); }
  friend std::ostream& operator<<(std::ostream& out, const TensorMember& x) {
    return out << x.get();
  }

 protected:
  TensorMember(Module* owner, std::string name, Tensor value, bool is_buffer,
               bool is_persistent = true);
  TensorMember(Module* owner, std::string name, const TensorMember& parameter);
  TensorMember(const TensorMember& other);  // with its module, by clone()

 private:
  friend class ParameterList;
  friend class ParameterDict;
  [[noreturn, gnu::cold]] static void fail_moved_from();

  std::shared_ptr<internal::TensorSlot> slot_;
};

// A tensor to train. It requires a gradient; an undefined value is a disabled optional parameter.
// Throws ValueError if the value is not a leaf, DTypeError if it is not floating.
class Parameter : public TensorMember {
 public:
  Parameter(Module* owner, std::string name, Tensor value)
      : TensorMember(owner, std::move(name), std::move(value), false) {}
  // Ties the two; a frozen one stays frozen.
  Parameter(Module* owner, std::string name, const Parameter& other)
      : TensorMember(owner, std::move(name), other) {}
  Parameter(Parameter&&) noexcept = default;
  Parameter(const Parameter&) = default;
  Parameter& operator=(const Parameter&) = default;
  using TensorMember::operator=;

  void requires_grad_(bool requires_grad = true) const;  // false freezes it
};
void swap(Parameter&, Parameter&) = delete;  // it would move them out of their modules

// A tensor that belongs to the module's state but is not trained; the result of an operation is
// detached from its history. One that is not persistent is left
// out of state_dict().
class Buffer : public TensorMember {
 public:
  Buffer(Module* owner, std::string name, Tensor value, bool persistent = true)
      : TensorMember(owner, std::move(name), std::move(value), true, persistent) {}
  Buffer(Buffer&&) noexcept = default;
  Buffer(const Buffer&) = default;
  Buffer& operator=(const Buffer&) = default;
  using TensorMember::operator=;
};
void swap(Buffer&, Buffer&) = delete;

}  // namespace lamina::nn

#endif  // LAMINA_NN_PARAMETER_H_
