#include "lamina/serialization/safetensors.h"

#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

constexpr char kGolden[] = "serialization/testdata/golden.safetensors";
constexpr DType kEveryDType[] = {bool_, uint8, int32, int64, float16, bfloat16, float32, float64};

// What make_safetensors.py has.
NamedArrays golden_state() {
  const float infinity = std::numeric_limits<float>::infinity();
  return {
      {"weight", NDArray::from({{0.5f, -1.5f, 2.f}, {3.25f, -infinity, 65504.f}})},
      {"step", NDArray::full({}, int64_t{1234567890123}, int64)},
      {"mask", NDArray::from({true, false, true})},
      {"nothing", NDArray::empty({0, 4}, float64)},
      {"half", NDArray::from({Half(1), Half(-2)})},
      {"brain", NDArray::from({BFloat16(1), BFloat16(3.140625f)})},
      {"a \"quoted\\name\"/\t\x01", NDArray::from<uint8_t>({0, 1, 128, 255})},
      {"labels", NDArray::from<int32_t>({1, -1, 2147483647, -2147483647 - 1}, {2, 1, 2})},
      {"double", NDArray::from({-0.1})},
  };
}
const SaveOptions kGoldenOptions{{{"epoch", "3"}, {"format", "größer\n"}}};

class Safetensors : public ::testing::Test {
 protected:
  const std::string path_ = test::new_folder() + "/model.safetensors";

  void expect_round_trip(const NamedArrays& state) {
    ASSERT_EQ(save_safetensors(path_, state), absl::OkStatus());
    const absl::StatusOr<NamedArrays> loaded = load_safetensors(path_);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_TRUE(test::is_same(*loaded, state));
  }
  void expect_no_save(const NamedArrays& state, const SaveOptions& options,
                      const std::string& what) {
    EXPECT_EQ(save_safetensors(path_, state, options),
              absl::InvalidArgumentError(path_ + ": " + what));
    EXPECT_FALSE(test::exists(path_));
    EXPECT_FALSE(test::exists(path_ + ".saving"));
  }
};

TEST_F(Safetensors, GoldenFileLoadsAsWhatItWasMadeFrom) {
  const absl::StatusOr<NamedArrays> state = load_safetensors(kGolden);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(test::is_same(*state, golden_state()));
  const auto reader = SafetensorsReader::open(kGolden);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->metadata(), kGoldenOptions.metadata);
}

TEST_F(Safetensors, GoldenFileIsWhatASaveOfTheSameStateWrites) {
  ASSERT_EQ(save_safetensors(path_, golden_state(), kGoldenOptions), absl::OkStatus());
  EXPECT_EQ(test::read_file(path_), test::read_file(kGolden));
}

TEST_F(Safetensors, GivesBackEveryDTypeShapeAndLayout) {
  NamedArrays state;
  for (DType dtype : kEveryDType) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{7}, Shape{3, 5}, Shape{2, 0, 3},
                               Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
      state.emplace_back(std::string(name_of(dtype)) + shape.str(), test::noise(shape, dtype));
    }
    int i = 0;
    for (const NDArray& layout : test::layouts(test::noise({3, 4, 5}, dtype))) {
      state.emplace_back(name_of(dtype) + std::to_string(i++), layout);
    }
  }
  expect_round_trip(state);
  expect_round_trip({});
  expect_round_trip({{"", test::noise({2})}, {std::string("a\0b", 3), test::noise({200000})}});
}

TEST_F(Safetensors, OfAHundredThousandEntriesLoads) {
  NamedArrays state;
  const NDArray x = test::noise({1});
  for (int i = 0; i < 100000; ++i) state.emplace_back("layer" + std::to_string(i), x);
  expect_round_trip(state);
}

TEST_F(Safetensors, AlignsElementsToTheirSize) {
  ASSERT_EQ(save_safetensors(path_, {{"a", NDArray::full({3}, 7, uint8)},
                                     {"b", NDArray::full({1}, 0x0101010101010101, int64)},
                                     {"c", NDArray::full({1}, 0x02020202, int32)}}),
            absl::OkStatus());
  const std::string bytes = test::read_file(path_);
  EXPECT_EQ(bytes.size() % 64, 15u);
  EXPECT_EQ(bytes.substr(bytes.size() - 15),
            std::string(8, 1) + std::string(4, 2) + std::string(3, 7));
}

TEST_F(Safetensors, ReaderListsEntriesAndReadsOne) {
  const NDArray weight = test::noise({2, 3}, float16);
  ASSERT_EQ(save_safetensors(path_, {{"w", weight}, {"n", test::noise({}, int64)}}),
            absl::OkStatus());
  const auto reader = SafetensorsReader::open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ(reader->entries().size(), 2u);
  EXPECT_EQ(reader->entries()[0].name, "w");
  EXPECT_EQ(reader->entries()[0].dtype, float16);
  EXPECT_EQ(reader->entries()[0].shape, Shape({2, 3}));
  EXPECT_EQ(reader->entries()[1].shape, Shape());
  EXPECT_TRUE(reader->metadata().empty());
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const auto array = reader->read("w");
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_TRUE(test::is_same({{"w", *array}}, {{"w", weight}}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const absl::Status missing = reader->read("bias").status();
  EXPECT_EQ(missing, absl::NotFoundError(path_ + ": expected one of its 2 entries, got 'bias'"));
}

TEST_F(Safetensors, ReaderThatWasMovedFromSaysSo) {
  ASSERT_EQ(save_safetensors(path_, {{"x", test::noise({2})}}), absl::OkStatus());
  absl::StatusOr<SafetensorsReader> reader = SafetensorsReader::open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const SafetensorsReader taken = *std::move(reader);
  const auto moved = absl::FailedPreconditionError(
      "SafetensorsReader: expected one with an open file, got one that was moved from");
  EXPECT_EQ(reader->read("x").status(), moved);
  EXPECT_EQ(reader->read_all().status(), moved);
  EXPECT_TRUE(taken.read("x").ok());
}

TEST_F(Safetensors, IsNotSavedFromABadState) {
  const NDArray x = test::noise({2});
  expect_no_save({{"a", x}, {"bias", std::nullopt}}, {},
                 "entry 'bias': expected a value, which every entry of safetensors has, got none");
  expect_no_save({{"a", x}, {"b", x}, {"a", x}}, {},
                 "entry 'a': expected different names, got this one twice");
  expect_no_save({{"a", NDArray()}}, {}, "entry 'a': expected a defined array");
  expect_no_save({{"a\xff", x}}, {}, "entry 'a\\377': expected a name in UTF-8");
  expect_no_save({{"__metadata__", x}}, {},
                 "entry '__metadata__': expected a name that safetensors leaves free");
  expect_no_save({{"a", x}}, {{{"k\xff", ""}}}, "metadata 'k\\377': expected text in UTF-8");
  expect_no_save({{"a", x}}, {{{"k", "\xff"}}}, "metadata 'k': expected text in UTF-8");
  expect_no_save({}, {{{"k", std::string(100'000'000, 'x')}}},
                 "expected names and metadata for a header of at most 100000000 bytes, got "
                 "100000001");
  SaveOptions many;
  for (int i = 0; i <= 65536; ++i) many.metadata[std::to_string(i)] = "";
  expect_no_save({}, many, "expected at most 65536 entries of metadata, got 65537");
}

TEST_F(Safetensors, IsNotReplacedByASaveThatFails) {
  expect_round_trip({{"a", test::noise({5})}});
  const std::string bytes = test::read_file(path_);
  EXPECT_FALSE(save_safetensors(path_, {{"a", std::nullopt}}).ok());
#if LAMINA_CACHING_ALLOCATOR && !defined(__SANITIZE_THREAD__)  // which end the process
  // More elements than memory has: found after the header has been written.
  const absl::Status status =
      save_safetensors(path_, {{"a", NDArray::zeros({1}).expand({int64_t{1} << 55})}});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message().find(path_ + ": entry 'a': "), 0u) << status;
#endif
  EXPECT_EQ(test::read_file(path_), bytes);
  EXPECT_FALSE(test::exists(path_ + ".saving"));
}

}  // namespace
}  // namespace lamina
