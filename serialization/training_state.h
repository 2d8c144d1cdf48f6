// TrainingState: all that training goes on from, as one checkpoint.
//
//   TrainingState state;
//   state.add("model", model);
//   state.add("optimizer", adamw);
//   state.add("schedule", schedule);
//   state.add("generator", default_generator());  // which dropout draws from
//   state.add("loader", loader);                  // and its place in the data
//
//   absl::Status saved = state.save("training.ckpt");
//   absl::Status loaded = state.load("training.ckpt");  // in another process
//
// What trains on from there has the same bits as what was never interrupted. Checkpointer (checkpointer.h)
// saves one now and then, and finds the newest.
//
// The file is a checkpoint like any other: "step" is an int64, and the entries of each part stand under
// its name, as "model.layer1.weight". So the model alone can be taken from it:
//
//   absl::Status status = load_model("training.ckpt", model, true, "model.");  // model_file.h
#ifndef LAMINA_SERIALIZATION_TRAINING_STATE_H_
#define LAMINA_SERIALIZATION_TRAINING_STATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lamina/nn.h"

namespace lamina {

namespace serialization {
// The entry with the metric of a Checkpointer's file, which a TrainingState passes over.
inline constexpr char kMetricEntry[] = "metric";
}  // namespace serialization

// Refers to its parts, which must outlive it and stay where they are. As safe for threads as they are.
class TrainingState {
 public:
  // Adds a part: a model, an optimizer, a schedule, an average of weights, a data loader, or an object
  // of any class with state_dict() and load_state_dict(). Throws ValueError for a name that is empty,
  // has a dot, or is there already, and for a TrainingState that has this one for a part, or is it.
  template <class T>
  void add(std::string name, T& part) {
    const TrainingState* state_of_parts = nullptr;
    if constexpr (std::is_convertible_v<T*, const TrainingState*>) state_of_parts = &part;
    add_part({std::move(name), [&part] { return part.state_dict(); },
              [&part](const nn::StateDict& state) { part.load_state_dict(state); },
              state_of_parts});
  }
  // Its entry is "seed_and_position", int64 (2): the bits of both.
  void add(std::string name, Generator& generator);

  // Both are the program's; they are saved, and loaded once all parts are.
  int64_t step = 0;                             // how far training is; at least 0
  std::map<std::string, std::string> metadata;  // SaveOptions tells the limits

  // Saves to a file as save_checkpoint() does, with its errors; so does load() with load_checkpoint()'s.
  absl::Status save(const std::string& path) const;
  // FailedPrecondition, with a list of all that differs, for a file that is whole but not of these
  // parts: parts that are missing or unexpected, and what each part's load_state_dict() throws. The
  // parts are loaded in the order in which they were added. After any error the states of all are what
  // they were before: those that had been loaded, or had thrown midway, have got theirs back, by
  // load_state_dict(), which a loop under way over a DataLoader tells from no load: it goes on, but no
  // longer moves the loader's position. Meanwhile memory holds the old states and the file's.
  absl::Status load(const std::string& path);

  // What save() writes but for the metadata; shares storage with the parts.
  nn::StateDict state_dict() const;
  // As load(), but throws RuntimeError for a state that does not fit.
  void load_state_dict(const nn::StateDict& state);

 private:
  struct Part {
    std::string name;
    std::function<nn::StateDict()> state_dict;
    std::function<void(const nn::StateDict&)> load;
    const TrainingState* state_of_parts = nullptr;  // if it is one
  };
  void add_part(Part part);
  bool reaches(const TrainingState& other) const;  // is it, or has it below it
  std::vector<nn::StateDict> part_states() const;
  // What is wrong with the state, and then the parts have their old ones; "" if it was loaded. `old` are
  // copies of those, in the order of the parts.
  std::string try_to_load(const nn::StateDict& state, const std::vector<nn::StateDict>& old);

  std::vector<Part> parts_;
};

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_TRAINING_STATE_H_
