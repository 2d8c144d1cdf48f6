// Linear algebra beyond the matrix product.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {

void add_linalg_rows(Table&) {}

}  // namespace lamina::op_cases
