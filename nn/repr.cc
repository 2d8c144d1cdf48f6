#include "lamina/nn/repr.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace lamina::nn::internal {

std::string python_float(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  char text[64];
  const auto scientific =
      std::to_chars(text, text + sizeof(text), x, std::chars_format::scientific);
  *scientific.ptr = '\0';
  // Python's rule: fixed notation for exponents from -4 to 15.
  const int exponent = std::atoi(std::strchr(text, 'e') + 1);
  if (exponent < -4 || exponent >= 16) return text;
  const auto fixed = std::to_chars(text, text + sizeof(text), x, std::chars_format::fixed);
  std::string result(text, fixed.ptr);
  return result.find('.') == std::string::npos ? result + ".0" : result;
}

std::string python_number(double x) {
  std::string text = python_float(x);
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
  return text;
}

}  // namespace lamina::nn::internal
