// Numbers as Python prints them, for extra_repr.
#ifndef LAMINA_NN_REPR_H_
#define LAMINA_NN_REPR_H_

#include <string>

namespace lamina::nn::internal {

// repr(float(x)): the fewest digits that read back as x, "0.5", "1.0", "1e-05", "inf".
std::string python_float(double x);
// Likewise, but whole numbers as int: for arguments whose default is an int.
std::string python_number(double x);
inline const char* python_bool(bool x) { return x ? "True" : "False"; }

}  // namespace lamina::nn::internal

#endif  // LAMINA_NN_REPR_H_
