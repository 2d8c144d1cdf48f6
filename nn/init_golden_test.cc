// The deterministic initializers beside PyTorch 1.13, whose results init_golden.py wrote to
// init_golden.txt.
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/init.h"

namespace lamina::nn::init {
namespace {

using ::testing::ElementsAreArray;

// The integers up to "=" or the end of the line.
std::vector<int64_t> integers(std::istringstream& words) {
  std::vector<int64_t> all;
  for (std::string word; words >> word && word != "=";) all.push_back(std::stoll(word));
  return all;
}

Tensor sevens(const std::vector<int64_t>& shape) { return full(Shape(shape), 7.0); }

// The tensor whose ones are at these positions.
std::vector<double> ones_at(const std::vector<int64_t>& positions, int64_t numel) {
  std::vector<double> values(static_cast<size_t>(numel));
  for (int64_t position : positions) values.at(static_cast<size_t>(position)) = 1;
  return values;
}

TEST(InitGolden, GivesWhatPyTorchGives) {
  std::ifstream file("nn/init_golden.txt");
  ASSERT_TRUE(file);
  std::map<std::string, int> seen;
  for (std::string line; std::getline(file, line);) {
    SCOPED_TRACE(line);
    std::istringstream words(line);
    std::string what;
    words >> what;
    ++seen[what];
    if (what == "gain") {
      std::string name, equals;
      double slope, gain;
      ASSERT_TRUE(words >> name >> slope >> equals >> gain);
      EXPECT_DOUBLE_EQ(calculate_gain(name, slope), gain);
    } else if (what == "fans") {
      const auto [fan_in, fan_out] = calculate_fan_in_and_fan_out(sevens(integers(words)));
      EXPECT_THAT(integers(words), ElementsAreArray({fan_in, fan_out}));
    } else if (what == "eye") {
      const Tensor x = eye_(sevens(integers(words)));
      EXPECT_EQ(x.to_vector<double>(), ones_at(integers(words), x.numel()));
    } else {
      ASSERT_EQ(what, "dirac");
      int64_t groups;
      ASSERT_TRUE(words >> groups);
      const Tensor x = dirac_(sevens(integers(words)), groups);
      EXPECT_EQ(x.to_vector<double>(), ones_at(integers(words), x.numel()));
    }
  }
  EXPECT_EQ(seen,
            (std::map<std::string, int>{{"gain", 17}, {"fans", 7}, {"eye", 5}, {"dirac", 12}}));
}

}  // namespace
}  // namespace lamina::nn::init
