// For tests: IDX files made to measure.
#ifndef LAMINA_NN_DATA_IDX_TESTING_H_
#define LAMINA_NN_DATA_IDX_TESTING_H_

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace lamina::nn::data {

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

// Magic number, rank and extents, of which each is below 2^32.
inline std::string idx_header(const std::vector<uint64_t>& extents) {
  std::string bytes = {0, 0, 8, static_cast<char>(extents.size())};
  for (uint64_t extent : extents) {
    for (int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(extent >> shift & 0xff));
  }
  return bytes;
}

}  // namespace lamina::nn::data

#endif  // LAMINA_NN_DATA_IDX_TESTING_H_
