#include "lamina/tests/differential/replay.h"

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "lamina/tests/differential/arguments.h"

namespace lamina::differential {
namespace {

DType parse_dtype(const std::string& name) {
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
  Argument argument() {
    const std::string kind = word();
    Argument a;
    a.kind = kind[0];
    if (kind == "T") {
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
        if (word() != "T") throw std::invalid_argument("expected a T in a list of arrays");
        a.arrays.push_back(array());
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
  std::istringstream words_;
};

bool is_close(double got, double want, const Case& c) {
  if (std::isnan(want)) return std::isnan(got);
  if (got == want) return true;
  return std::isfinite(got) && std::abs(got - want) <= c.absolute + c.relative * std::abs(want);
}

}  // namespace

Case parse_case(const std::string& line) {
  Case c;
  std::istringstream fields(line);
  std::string tolerances;
  std::getline(fields, c.op, '|');
  std::getline(fields, c.arguments, '|');
  std::getline(fields, tolerances, '|');
  std::getline(fields, c.expected, '|');
  if (c.op.empty() || c.expected.empty()) throw std::invalid_argument("not a case: " + line);
  std::istringstream(tolerances) >> c.relative >> c.absolute;
  return c;
}

std::vector<NDArray> run(const std::string& op, const std::string& arguments) {
  Parser parser(arguments);
  Arguments all;
  while (!parser.done()) all.push_back(parser.argument());
  const auto found = operation_table().find(op);
  if (found == operation_table().end()) throw std::invalid_argument("no operation " + op);
  return found->second(all);
}

std::vector<std::string> operations() {
  std::vector<std::string> names;
  for (const auto& entry : operation_table()) names.push_back(entry.first);
  return names;
}

std::string disagreement(const Case& c) {
  std::vector<NDArray> got;
  try {
    got = run(c.op, c.arguments);
  } catch (const Error& e) {
    return c.expected == "error" ? "" : std::string("threw: ") + e.what();
  }
  std::ostringstream text;
  if (c.expected == "error") {
    text << "expected an error, got " << got[0];
    return text.str();
  }
  Parser expected(c.expected);
  const int64_t count = expected.integer();
  if (count != static_cast<int64_t>(got.size())) {
    text << "expected " << count << " results, got " << got.size();
    return text.str();
  }
  for (const NDArray& x : got) {
    const NDArray want = expected.result();
    if (x.dtype() != want.dtype() || x.shape() != want.shape()) {
      text << "expected " << want.dtype() << " " << want.shape() << ", got " << x.dtype() << " "
           << x.shape();
      return text.str();
    }
    const std::vector<double> a = x.to_vector<double>(), b = want.to_vector<double>();
    const std::vector<int64_t> m =
        is_floating(x.dtype()) ? std::vector<int64_t>() : x.to_vector<int64_t>();
    const std::vector<int64_t> n = m.empty() ? m : want.to_vector<int64_t>();
    for (size_t i = 0; i < a.size(); ++i) {
      if (m.empty() ? is_close(a[i], b[i], c) : m[i] == n[i]) continue;
      text.precision(17);
      text << "element " << i << " of " << x.dtype() << " " << x.shape() << ": expected " << b[i]
           << ", got " << a[i];
      return text.str();
    }
  }
  return "";
}

}  // namespace lamina::differential
