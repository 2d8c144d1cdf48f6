// Large numbers for people to read.
#ifndef LAMINA_NN_COMMAS_H_
#define LAMINA_NN_COMMAS_H_

#include <cstdint>
#include <string>

namespace lamina::nn {

// 1234567 -> "1,234,567"
inline std::string with_commas(int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3) {
    text.insert(static_cast<size_t>(at), 1, ',');
  }
  return text;
}

}  // namespace lamina::nn

#endif  // LAMINA_NN_COMMAS_H_
