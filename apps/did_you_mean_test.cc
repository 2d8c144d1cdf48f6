#include "lamina/apps/did_you_mean.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace lamina::apps {
namespace {

TEST(DidYouMean, FindsTheClosestWithinAThirdOrOneThatContainsIt) {
  const std::vector<std::string> names = {"weight", "bias", "layer1.weight", "layer2.weight"};
  EXPECT_EQ(did_you_mean("weihgt", names), "; did you mean 'weight'?");
  EXPECT_EQ(did_you_mean("layer2weight", names), "; did you mean 'layer2.weight'?");
  EXPECT_EQ(did_you_mean("layer3.weight", names), "; did you mean 'layer1.weight'?");  // the first
  EXPECT_EQ(did_you_mean("bia", names), "; did you mean 'bias'?");
  EXPECT_EQ(did_you_mean("bi", names), "; did you mean 'bias'?");
  EXPECT_EQ(did_you_mean("layer2", names), "; did you mean 'layer2.weight'?");
  EXPECT_EQ(did_you_mean("xy", names), "");
  EXPECT_EQ(did_you_mean("", names), "");
  EXPECT_EQ(did_you_mean(std::string(1 << 20, 'x'), names), "");
}

}  // namespace
}  // namespace lamina::apps
