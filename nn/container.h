// Containers: modules that hold modules, named "0", "1", ... in order.
#ifndef LAMINA_NN_CONTAINER_H_
#define LAMINA_NN_CONTAINER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lamina/nn/layer.h"

namespace lamina::nn {

// Modules of one base type, for the loop in forward to use. (A plain std::vector of modules would
// not be registered.)
//
//   nn::Child<nn::ModuleList<nn::Linear>> linears{this, "linears"};
//   linears->push_back(nn::Linear(784, 300));
//   for (nn::Linear& linear : *linears) x = linear(x);
template <class T = Layer>
class ModuleList : public Module {
 public:
  std::string name() const override { return "ModuleList"; }

  // Moves a T, or a class derived from it, to the end.
  template <class M>
  void push_back(M module) {
    static_assert(std::is_base_of_v<T, M>, "a ModuleList<T> holds modules derived from T");
    auto shared = std::make_shared<M>(std::move(module));
    registry().add_child(absl::StrCat(modules_.size()), shared);
    modules_.push_back(std::move(shared));
  }
  int64_t size() const { return static_cast<int64_t>(modules().size()); }
  bool empty() const { return modules().empty(); }
  // Counted from the end if negative. Throws IndexError outside the list.
  T& operator[](int64_t i) const {
    if (i < -size() || i >= size()) {
      if (empty())
        fail<IndexError>("ModuleList", "expected an index into a list that is not empty, got ", i);
      fail<IndexError>("ModuleList", "expected an index from ", -size(), " to ", size() - 1,
                       ", got ", i);
    }
    return *modules_[i < 0 ? i + size() : i];
  }

  class Iterator {
   public:
    using Base = typename std::vector<std::shared_ptr<T>>::const_iterator;
    explicit Iterator(Base at) : at_(at) {}
    T& operator*() const { return **at_; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    Base at_;
  };
  Iterator begin() const { return Iterator(modules().begin()); }
  Iterator end() const { return Iterator(modules().end()); }

 private:
  const std::vector<std::shared_ptr<T>>& modules() const {
    registry();  // throws if moved from, where an empty list would go unnoticed
    return modules_;
  }
  std::vector<std::shared_ptr<T>> modules_;
};

// Layers that run one after the other.
//
//   nn::Sequential model{nn::Linear(784, 300), nn::ReLU(), nn::Linear(300, 10)};
//
// In braces the layers are made in order. In parentheses C++ leaves the order open (g++ makes the
// last one first), and one seed would give other starting values with another compiler.
class Sequential : public Layer {
 public:
  // Moves the layers in. A single Sequential moves as a whole, without becoming a layer of another
  // one.
  template <class... Layers,
            class = std::enable_if_t<(std::is_base_of_v<Layer, Layers> && ...) &&
                                     !std::is_same_v<void(Layers...), void(Sequential)>>>
  explicit Sequential(Layers... layers) {
    (push_back(std::move(layers)), ...);
  }

  std::string name() const override { return "Sequential"; }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (const std::shared_ptr<Layer>& layer : layers_) y = (*layer)(y);
    return y;
  }
  template <class L>
  void push_back(L layer) {
    auto shared = std::make_shared<L>(std::move(layer));
    registry().add_child(absl::StrCat(layers_.size()), shared);
    layers_.push_back(std::move(shared));
  }
  int64_t size() const {
    registry();  // throws if moved from
    return static_cast<int64_t>(layers_.size());
  }

 private:
  std::vector<std::shared_ptr<Layer>> layers_;
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_CONTAINER_H_
