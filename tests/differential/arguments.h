// The arguments of a replayed operation, and the table of operations.
#ifndef LAMINA_TESTS_DIFFERENTIAL_ARGUMENTS_H_
#define LAMINA_TESTS_DIFFERENTIAL_ARGUMENTS_H_

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "lamina/tensor.h"

namespace lamina::differential {

struct Argument {
  char kind = 'N';
  std::vector<NDArray> arrays;  // of T and A
  int64_t integer = 0;          // of I and B
  double number = 0;            // of F
  Shape list;                   // of L
  std::string text;             // of S
  DType dtype = float32;        // of D
};

// Reads arguments by position; one that is not there reads as N.
class Arguments : public std::vector<Argument> {
 public:
  const Argument& get(size_t i, const char* kinds) const {
    static const Argument none;
    const Argument& a = i < size() ? (*this)[i] : none;
    if (std::string(kinds).find(a.kind) == std::string::npos) {
      throw std::invalid_argument("argument " + std::to_string(i) + ": expected one of " + kinds +
                                  ", got " + a.kind);
    }
    return a;
  }
  bool has(size_t i) const { return i < size() && (*this)[i].kind != 'N'; }
  bool is_array(size_t i) const { return i < size() && (*this)[i].kind == 'T'; }
  const NDArray& array(size_t i) const { return get(i, "T").arrays[0]; }
  const std::vector<NDArray>& arrays(size_t i) const { return get(i, "A").arrays; }
  Scalar scalar(size_t i) const {
    const Argument& a = get(i, "IFB");
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

using Operation = std::function<std::vector<NDArray>(const Arguments&)>;
const std::map<std::string, Operation>& operation_table();

}  // namespace lamina::differential

#endif  // LAMINA_TESTS_DIFFERENTIAL_ARGUMENTS_H_
