// The text of an array, as PyTorch 1.13 prints a tensor by default: four digits, lines of 80
// characters, and of more than 1000 elements the first and last three in each dimension. There are
// no options. The one difference from PyTorch: "dtype=float64", not "dtype=torch.float64".
#ifndef LAMINA_TENSOR_PRINT_H_
#define LAMINA_TENSOR_PRINT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {

// "tensor([1., 2.])". `suffix`, where not empty, is one more item at the end: "requires_grad=True"
// makes "tensor([1., 2.], requires_grad=True)", with a line break before it if the last line has no
// room. An undefined array is "NDArray(undefined)", whatever the suffix. Reads only what it shows.
std::string to_text(const NDArray& x, absl::string_view suffix = "");

}  // namespace lamina

#endif  // LAMINA_TENSOR_PRINT_H_
