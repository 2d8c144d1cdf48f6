// For tests of Checkpointer: a model of one weight, and the folder of its checkpoints.
#ifndef LAMINA_SERIALIZATION_CHECKPOINTER_TESTING_H_
#define LAMINA_SERIALIZATION_CHECKPOINTER_TESTING_H_

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/checkpointer.h"
#include "lamina/serialization/training_state.h"

namespace lamina::test {

class CheckpointerTest : public ::testing::Test {
 protected:
  CheckpointerTest() { state_.add("model", model_); }

  std::string path(int step) const {
    std::string digits = std::to_string(step);
    return folder_ + "/step_" + std::string(12 - digits.size(), '0') + digits + ".ckpt";
  }
  void set_weight(float value) { model_.weight.set_data(NDArray::full({1, 1}, value)); }
  float weight() const { return model_.weight.get().item<float>(); }

  // The weight tells the step.
  void save(Checkpointer& checkpointer, int step, std::optional<double> metric = std::nullopt) {
    state_.step = step;
    set_weight(static_cast<float>(step));
    ASSERT_EQ(checkpointer.save(state_, metric), absl::OkStatus());
    ASSERT_EQ(checkpointer.wait(), absl::OkStatus());
  }
  void save_all(Checkpointer& checkpointer,
                const std::vector<std::pair<int, std::optional<double>>>& steps) {
    for (const auto& [step, metric] : steps) save(checkpointer, step, metric);
  }
  // The names of all files, sorted.
  std::vector<std::string> files() const {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      names.insert(file.path().filename().string());
    }
    return {names.begin(), names.end()};
  }

  const std::string folder_ = test::new_folder() + "/run";
  nn::Linear model_{1, 1, {.bias = false}};
  TrainingState state_;
};

}  // namespace lamina::test

#endif  // LAMINA_SERIALIZATION_CHECKPOINTER_TESTING_H_
