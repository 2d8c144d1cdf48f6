// StateDict: the state of a model, by name: what is saved, and what load_state_dict() takes.
//
//   nn::StateDict state = model.state_dict();
//   for (const auto& [name, value] : state) std::cout << name << "\n";  // "layer1.weight", ...
//   other.load_state_dict(state);
//
// To a file and back, with lamina/serialization.h:
//
//   absl::Status saved = save_checkpoint("model.ckpt", model.state_dict().arrays());
//   absl::StatusOr<NamedArrays> arrays = load_checkpoint("model.ckpt");
//   if (arrays.ok()) model.load_state_dict(nn::StateDict(*arrays));
//
// A model with all that its training goes on from is a TrainingState there; of the file of one, the
// model alone is StateDict(*arrays).take("model.").
//
// Module by module, its parameters, then its buffers, then its children. A disabled optional
// parameter or buffer (a bias) is there without a value. A tied parameter stands under each of its
// paths.
#ifndef LAMINA_NN_STATE_DICT_H_
#define LAMINA_NN_STATE_DICT_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "lamina/autograd.h"

namespace lamina::nn {

// Values, or none, by name, in the order in which the names came. Those of state_dict() share
// storage with the model and have no history.
class StateDict {
 public:
  using Entry = std::pair<std::string, std::optional<Tensor>>;

  StateDict() = default;
  StateDict(std::initializer_list<Entry> entries);
  // As load_checkpoint() gives them, and save_checkpoint() takes them. Throws ValueError for a name
  // that comes twice.
  explicit StateDict(const std::vector<std::pair<std::string, std::optional<NDArray>>>& arrays);
  std::vector<std::pair<std::string, std::optional<NDArray>>> arrays() const;

  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  bool empty() const { return entries_.empty(); }
  bool contains(absl::string_view name) const { return index_.contains(name); }
  // Null if the name is not there.
  const std::optional<Tensor>* find(absl::string_view name) const;
  // Throws IndexError if the name is not there, or has no value.
  const Tensor& at(absl::string_view name) const&;
  Tensor at(absl::string_view name) const&& { return at(name); }  // of a temporary: a handle
  // Puts a value in place, or at the end; an undefined tensor counts as none.
  void set(std::string name, std::optional<Tensor> value);
  bool erase(absl::string_view name);  // whether it was there

  // ---- Several states in one, each under a prefix:
  //
  //   both.add("encoder.", encoder.state_dict());
  //   encoder.load_state_dict(both.take("encoder."));
  //
  // Adds each entry of a part, as prefix + name. Throws ValueError if such a name is there already, and
  // then nothing has changed.
  void add(absl::string_view prefix, StateDict part);
  // Takes out the entries whose names begin with the prefix; gives them, without it, in their order.
  StateDict take(absl::string_view prefix);

  // The same with copies of the values, which later writes to the model leave as they are.
  StateDict clone() const;

  std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
  std::vector<Entry>::const_iterator end() const { return entries_.end(); }

 private:
  void add_new(const std::string& name, std::optional<Tensor> value);

  std::vector<Entry> entries_;
  absl::flat_hash_map<std::string, size_t> index_;  // into entries_
};

// What a load that is not strict passed over.
struct LoadResult {
  std::vector<std::string> missing_keys;     // in the model, but not in the state
  std::vector<std::string> unexpected_keys;  // in the state, but not in the model
};

}  // namespace lamina::nn

#endif  // LAMINA_NN_STATE_DICT_H_
