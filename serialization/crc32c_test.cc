#include "lamina/serialization/crc32c.h"

#include <cstdint>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_testing.h"

namespace lamina::serialization {
namespace {

using Crc32c = uint32_t (*)(absl::string_view, uint32_t);

class Crc32cOf : public ::testing::TestWithParam<Crc32c> {};
INSTANTIATE_TEST_SUITE_P(Both, Crc32cOf, ::testing::Values(&crc32c, &crc32c_portable));

// RFC 3720, appendix B.4, where the bytes of the checksum stand least significant first.
TEST_P(Crc32cOf, TheExamplesOfRfc3720IsTheirs) {
  std::string rising, falling;
  for (char i = 0; i < 32; ++i) {
    rising.push_back(i);
    falling.push_back(static_cast<char>(31 - i));
  }
  EXPECT_EQ(GetParam()(std::string(32, '\0'), 0), 0x8a9136aau);
  EXPECT_EQ(GetParam()(std::string(32, '\xff'), 0), 0x62a8ab43u);
  EXPECT_EQ(GetParam()(rising, 0), 0x46dd794eu);
  EXPECT_EQ(GetParam()(falling, 0), 0x113fdb5cu);
}

// The check value of the catalogue of parametrised CRC algorithms, CRC-32/ISCSI.
TEST_P(Crc32cOf, TheNineDigitsIsTheCheckValue) {
  EXPECT_EQ(GetParam()("123456789", 0), 0xe3069283u);
}

TEST_P(Crc32cOf, NothingChangesNothing) {
  EXPECT_EQ(GetParam()("", 0), 0u);
  EXPECT_EQ(GetParam()("", 0x12345678), 0x12345678u);
}

TEST_P(Crc32cOf, EveryLengthAndAlignmentIsThatOfTheBitwiseDefinition) {
  std::string bytes;
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) bytes.push_back(static_cast<char>(random()));
  const absl::string_view all = bytes;
  for (size_t begin = 0; begin < 9; ++begin) {
    for (size_t size = 0; size < 100; ++size) {
      ASSERT_EQ(GetParam()(all.substr(begin, size), 0), test::naive_crc32c(all.substr(begin, size)))
          << begin << " " << size;
    }
  }
}

TEST_P(Crc32cOf, TwoPartsInARowIsThatOfTheWhole) {
  const absl::string_view all = "The quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(GetParam()(all.substr(cut), GetParam()(all.substr(0, cut), 0)), GetParam()(all, 0));
  }
}

}  // namespace
}  // namespace lamina::serialization
