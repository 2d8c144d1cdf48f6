#include "lamina/tests/differential/replay.h"

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "lamina/tests/differential/arguments.h"
#include "lamina/tests/differential/parser.h"

namespace lamina::differential {
namespace {

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
  Arguments<NDArray> all;
  while (!parser.done()) all.push_back(parser.argument<NDArray>());
  const auto found = operation_table<NDArray>().find(op);
  if (found == operation_table<NDArray>().end()) throw std::invalid_argument("no operation " + op);
  return found->second(all);
}

std::vector<std::string> operations() {
  std::vector<std::string> names;
  for (const auto& entry : operation_table<NDArray>()) names.push_back(entry.first);
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
