// Further reductions, scans and sorting.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {

void add_order_rows(Table&) {}

}  // namespace lamina::op_cases
