// The arguments of a replayed operation, and the table of operations; A is NDArray or Tensor.
#ifndef LAMINA_TESTS_DIFFERENTIAL_ARGUMENTS_H_
#define LAMINA_TESTS_DIFFERENTIAL_ARGUMENTS_H_

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "lamina/autograd.h"
#include "lamina/tensor.h"

namespace lamina::differential {

template <class A>
struct Argument {
  char kind = 'N';
  std::vector<A> arrays;  // of T and A
  int64_t integer = 0;    // of I and B
  double number = 0;      // of F
  Shape list;             // of L
  std::string text;       // of S
  DType dtype = float32;  // of D
};

// Reads arguments by position; one that is not there reads as N.
template <class A>
class Arguments : public std::vector<Argument<A>> {
 public:
  const Argument<A>& get(size_t i, const char* kinds) const {
    static const Argument<A> none;
    const Argument<A>& a = i < this->size() ? (*this)[i] : none;
    if (std::string(kinds).find(a.kind) == std::string::npos) {
      throw std::invalid_argument("argument " + std::to_string(i) + ": expected one of " + kinds +
                                  ", got " + a.kind);
    }
    return a;
  }
  bool has(size_t i) const { return i < this->size() && (*this)[i].kind != 'N'; }
  bool is_array(size_t i) const { return i < this->size() && (*this)[i].kind == 'T'; }
  const A& array(size_t i) const { return get(i, "T").arrays[0]; }
  const std::vector<A>& arrays(size_t i) const { return get(i, "A").arrays; }
  Scalar scalar(size_t i) const {
    const Argument<A>& a = get(i, "IFB");
    return a.kind == 'F'   ? Scalar(a.number)
           : a.kind == 'B' ? Scalar(a.integer != 0)
                           : Scalar(a.integer);
  }
  int64_t integer(size_t i, int64_t otherwise = 0) const {
    return has(i) ? get(i, "I").integer : otherwise;
  }
  bool flag(size_t i) const { return has(i) && get(i, "B").integer != 0; }
  const Shape& list(size_t i) const { return get(i, "LN").list; }
  const std::string& text(size_t i) const { return get(i, "S").text; }
  DType dtype(size_t i) const { return get(i, "D").dtype; }
};

template <class A>
using Operation = std::function<std::vector<A>(const Arguments<A>&)>;
template <class A>
const std::map<std::string, Operation<A>>& operation_table();
template <>
const std::map<std::string, Operation<NDArray>>& operation_table();
template <>
const std::map<std::string, Operation<Tensor>>& operation_table();

}  // namespace lamina::differential

#endif  // LAMINA_TESTS_DIFFERENTIAL_ARGUMENTS_H_
