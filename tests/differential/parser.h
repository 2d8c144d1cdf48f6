// Reads the words that replay.h and graph.h describe.
#ifndef LAMINA_TESTS_DIFFERENTIAL_PARSER_H_
#define LAMINA_TESTS_DIFFERENTIAL_PARSER_H_

#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "lamina/tensor.h"
#include "lamina/tests/differential/arguments.h"

namespace lamina::differential {

inline DType parse_dtype(const std::string& name) {
  for (int i = 0; i < kDTypeCount; ++i) {
    if (name == name_of(static_cast<DType>(i))) return static_cast<DType>(i);
  }
  throw std::invalid_argument("no dtype " + name);
}

class Parser {
 public:
  explicit Parser(const std::string& text) : words_(text) {}

  bool done() {
    words_ >> std::ws;
    return words_.eof();
  }
  std::string word() {
    std::string word;
    if (!(words_ >> word)) throw std::invalid_argument("the line ends too early");
    return word;
  }
  // Whether this word comes next; if so, it is read.
  bool next_is(const std::string& expected) {
    const std::streampos here = words_.tellg();
    if (std::string word; words_ >> word && word == expected) return true;
    words_.clear();
    words_.seekg(here);
    return false;
  }
  int64_t integer() { return std::stoll(word()); }
  double number() { return std::strtod(word().c_str(), nullptr); }
  Shape list() {
    Shape all;
    for (int64_t n = integer(); n > 0; --n) all.push_back(integer());
    return all;
  }
  NDArray values(int64_t n, DType dtype) {
    if (!is_floating(dtype)) {
      std::vector<int64_t> all;
      for (; n > 0; --n) all.push_back(integer());
      return NDArray::from(all, static_cast<int64_t>(all.size())).to(dtype);
    }
    std::vector<double> all;
    for (; n > 0; --n) all.push_back(number());
    return NDArray::from(all, static_cast<int64_t>(all.size())).to(dtype);
  }
  NDArray array() {  // after the T
    const DType dtype = parse_dtype(word());
    Shape shape;
    Strides strides;
    const int64_t rank = integer();
    for (int64_t d = 0; d < rank; ++d) shape.push_back(integer());
    for (int64_t d = 0; d < rank; ++d) strides.push_back(integer());
    const int64_t offset = integer(), n = integer();
    return values(n, dtype).view_of(shape, strides, offset);
  }
  // V k is known[k].
  template <class A>
  Argument<A> argument(absl::Span<const A> known = {}) {
    const std::string kind = word();
    Argument<A> a;
    a.kind = kind[0];
    if (kind == "V") {
      a.kind = 'T';
      a.arrays = {value(known)};
    } else if (kind == "T") {
      a.arrays = {array()};
    } else if (kind == "I" || kind == "B") {
      a.integer = integer();
    } else if (kind == "F") {
      a.number = number();
    } else if (kind == "L") {
      a.list = list();
    } else if (kind == "S") {
      a.text = word();
    } else if (kind == "D") {
      a.dtype = parse_dtype(word());
    } else if (kind == "A") {
      for (int64_t n = integer(); n > 0; --n) {
        const std::string of = word();
        if (of != "T" && of != "V")
          throw std::invalid_argument("expected T or V in a list of arrays");
        a.arrays.push_back(of == "T" ? A(array()) : value(known));
      }
    } else if (kind != "N") {
      throw std::invalid_argument("no argument begins with " + kind);
    }
    return a;
  }
  // A result: its dtype, shape and values.
  NDArray result() {
    const DType dtype = parse_dtype(word());
    Shape shape;
    const int64_t rank = integer();
    for (int64_t d = 0; d < rank; ++d) shape.push_back(integer());
    return values(shape.numel(), dtype).reshape(shape);
  }

 private:
  template <class A>
  const A& value(absl::Span<const A> known) {
    const int64_t k = integer();
    if (k < 0 || k >= static_cast<int64_t>(known.size()))
      throw std::invalid_argument("no value " + std::to_string(k));
    return known[static_cast<size_t>(k)];
  }

  std::istringstream words_;
};

}  // namespace lamina::differential

#endif  // LAMINA_TESTS_DIFFERENTIAL_PARSER_H_
