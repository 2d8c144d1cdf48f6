// StateReader: takes numbers and arrays out of a StateDict that may be anybody's, and collects what is
// wrong with it, so that a load is refused whole.
#ifndef LAMINA_NN_STATE_READER_H_
#define LAMINA_NN_STATE_READER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "lamina/nn/state_dict.h"

namespace lamina::nn::internal {

// A 0-d array for StateDict::set.
Tensor saved(double value);   // float64
Tensor saved(int64_t value);  // int64
Tensor saved(bool value);     // bool

// `state` must outlive the reader.
class StateReader {
 public:
  explicit StateReader(const StateDict& state) : state_(state) {}

  // Whether the key is there; from then on it is an expected one.
  bool has(const std::string& key);
  // The value of one element; without one, after a problem was noted, if there is none or it is of
  // another kind.
  std::optional<double> number(const std::string& key);
  std::optional<int64_t> integer(const std::string& key);
  std::optional<bool> flag(const std::string& key);
  // How often something has happened, with room to count on; `least` after a problem was noted.
  int64_t count(const std::string& key, int64_t least = 0);
  // Several numbers, 1-d.
  std::optional<std::vector<double>> numbers(const std::string& key);
  // A copy of a floating array of this shape, in this dtype; undefined after a problem was noted.
  // `what` says in a problem whose it is.
  NDArray array(const std::string& key, const Shape& shape, DType dtype, const std::string& what);
  // As array(), but the entry may have no value: then the result is undefined.
  NDArray optional_array(const std::string& key, const Shape& shape, DType dtype,
                         const std::string& what);
  // The entry that tells whose state it is: its key is prefix + name, and it has no value.
  void marker(const std::string& prefix, const char* name);

  void note(const std::string& key, const std::string& problem);
  // Notes keys that nobody asked for; throws RuntimeError that lists all problems, if there are any.
  void finish(const char* op);

 private:
  // Null, after a problem was noted, unless the key has a value of one element, if so wanted.
  const Tensor* value(const std::string& key, bool of_one_element = true);

  const StateDict& state_;
  absl::flat_hash_set<std::string> expected_;
  std::vector<std::string> problems_;
};

}  // namespace lamina::nn::internal

#endif  // LAMINA_NN_STATE_READER_H_
