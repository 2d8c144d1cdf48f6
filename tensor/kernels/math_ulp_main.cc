// Prints the greatest error of each float32 function in units in the last place: of one argument over every
// float, of two over 100 million pairs.
//
//   bazel run -c opt //tensor/kernels:math_ulp [-- NAME [STEP]]
//
// With STEP only every STEP-th float. Takes some 20 minutes; exits with 1 if an error is above its bound.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "lamina/tensor/kernels/math_ulp.h"

int main(int argc, char** argv) {
  using namespace lamina::kernels;  // NOLINT: a program of its own
  const char* only = argc > 1 ? argv[1] : "";
  const uint32_t step = argc > 2 ? static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 1;
  if (step == 0) {
    std::fprintf(stderr, "math_ulp: expected a step of at least 1, got %s\n", argv[2]);
    return 1;
  }
  bool good = true;
  const auto print = [&](const char* name, double bound, const Worst& w) {
    std::printf("%-8s %7.3f ULP, bound %.2f; at %.9g, %.9g: %.9g instead of %.12g\n", name, w.error,
                bound, w.x, w.y, w.got, w.expected);
    std::fflush(stdout);
    good = good && w.error <= bound;
  };
  for (const UnaryFunction& f : unary_functions()) {
    if (std::strstr(f.name, only) != nullptr) print(f.name, f.bound, worst_of(f, 0, step));
  }
  for (const BinaryFunction& f : binary_functions()) {
    if (std::strstr(f.name, only) != nullptr) print(f.name, f.bound, worst_of(f, 100000000 / step));
  }
  return good ? 0 : 1;
}
