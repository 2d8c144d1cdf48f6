// Mathematical functions, logic, bits, and choices between elements.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {

void add_pointwise_rows(Table&) {}

}  // namespace lamina::op_cases
