#include "lamina/serialization/crc32c.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "lamina/serialization/checkpoint_testing.h"

namespace lamina::serialization {
namespace {

// On each instruction set that there is code for and that this processor has; all others take the tables.
class Crc32c : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

std::vector<int64_t> targets() {
  std::vector<int64_t> targets;
  for (int64_t target : {HWY_AVX3_DL, HWY_AVX2, HWY_NEON, HWY_SCALAR}) {
    if ((hwy::SupportedTargets() & target) != 0) targets.push_back(target);
  }
  return targets;
}
INSTANTIATE_TEST_SUITE_P(On, Crc32c, ::testing::ValuesIn(targets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

// RFC 3720, appendix B.4, where the bytes of the checksum stand least significant first.
TEST_P(Crc32c, OfTheExamplesOfRfc3720IsTheirs) {
  std::string rising, falling;
  for (char i = 0; i < 32; ++i) {
    rising.push_back(i);
    falling.push_back(static_cast<char>(31 - i));
  }
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(crc32c(falling), 0x113fdb5cu);
}

// The check value of the catalogue of parametrised CRC algorithms, CRC-32/ISCSI.
TEST_P(Crc32c, OfTheNineDigitsIsTheCheckValue) { EXPECT_EQ(crc32c("123456789"), 0xe3069283u); }

TEST_P(Crc32c, OfNothingChangesNothing) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("", 0x12345678), 0x12345678u);
}

TEST_P(Crc32c, OfEveryLengthAndAlignmentIsThatOfTheBitwiseDefinition) {
  std::string bytes;
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) bytes.push_back(static_cast<char>(random()));
  const absl::string_view all = bytes;
  for (size_t begin = 0; begin < 9; ++begin) {
    for (size_t size = 0; size < 100; ++size) {
      ASSERT_EQ(crc32c(all.substr(begin, size)), test::naive_crc32c(all.substr(begin, size)))
          << begin << " " << size;
    }
  }
}

// Long messages go by blocks of 128 and of 256 bytes.
TEST_P(Crc32c, OfLongMessagesIsThatOfTheBitwiseDefinition) {
  std::string bytes;
  std::mt19937 random(2);
  for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<char>(random()));
  const absl::string_view all = bytes;
  for (size_t size : {255, 256, 257, 383, 384, 511, 512, 513, 519, 520, 767, 768, 1000, 1023, 1024,
                      1025, 2048, 4999}) {
    for (size_t begin = 0; begin < 2; ++begin) {
      EXPECT_EQ(crc32c(all.substr(begin, size)), test::naive_crc32c(all.substr(begin, size)))
          << begin << " " << size;
      const uint32_t front = test::naive_crc32c(all.substr(0, begin));
      EXPECT_EQ(crc32c(all.substr(begin, size), front),
                test::naive_crc32c(all.substr(0, begin + size)));
    }
  }
}

TEST_P(Crc32c, OfTwoPartsInARowIsThatOfTheWhole) {
  const absl::string_view all = "The quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(crc32c(all.substr(cut), crc32c(all.substr(0, cut))), crc32c(all));
  }
}

}  // namespace
}  // namespace lamina::serialization
