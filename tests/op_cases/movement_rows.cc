// Operations that join, cut, repeat, pad, mask and rearrange arrays.
#include "lamina/tests/op_cases/op_case.h"

namespace lamina::op_cases {

void add_movement_rows(Table&) {}

}  // namespace lamina::op_cases
