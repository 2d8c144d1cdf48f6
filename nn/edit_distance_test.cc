#include "lamina/nn/edit_distance.h"

#include "gtest/gtest.h"

namespace lamina::nn {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsAndReplacements) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("weight", "weight"), 0u);
  EXPECT_EQ(edit_distance("SalePrice", "Sale_Price"), 1u);
  EXPECT_EQ(edit_distance("weihgt", "weight"), 2u);  // a swap is two replacements
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("sunday", "saturday"), 3u);
}

}  // namespace
}  // namespace lamina::nn
