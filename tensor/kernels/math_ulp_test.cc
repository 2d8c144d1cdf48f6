// A sample of what math_ulp measures over all floats.
#include "lamina/tensor/kernels/math_ulp.h"

#include "gtest/gtest.h"

namespace lamina::kernels {
namespace {

TEST(MathUlpTest, FunctionsOfOneArgumentStayWithinTheStatedBounds) {
  for (const UnaryFunction& f : unary_functions()) {
    for (const uint32_t step : {65536u, 30011u}) {  // powers of two and round numbers; others
      const Worst worst = worst_of(f, 0, step);
      EXPECT_LE(worst.error, f.bound)
          << f.name << "(" << worst.x << ") = " << worst.got << " instead of " << worst.expected;
    }
  }
}

TEST(MathUlpTest, FunctionsOfTwoArgumentsStayWithinTheStatedBounds) {
  for (const BinaryFunction& f : binary_functions()) {
    const Worst worst = worst_of(f, 200000);
    EXPECT_LE(worst.error, f.bound) << f.name << "(" << worst.x << ", " << worst.y
                                    << ") = " << worst.got << " instead of " << worst.expected;
  }
}

}  // namespace
}  // namespace lamina::kernels
