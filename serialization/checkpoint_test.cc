#include "lamina/serialization/checkpoint.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

constexpr DType kEveryDType[] = {bool_, uint8, int32, int64, float16, bfloat16, float32, float64};

class Checkpoint : public ::testing::Test {
 protected:
  const std::string folder_ = test::new_folder();
  const std::string path_ = folder_ + "/model.ckpt";

  void expect_round_trip(const NamedArrays& state) {
    ASSERT_EQ(save_checkpoint(path_, state), absl::OkStatus());
    const absl::StatusOr<NamedArrays> loaded = load_checkpoint(path_);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_TRUE(test::is_same(*loaded, state));
  }
  void expect_no_save(const NamedArrays& state, const SaveOptions& options,
                      const std::string& what) {
    const absl::Status status = save_checkpoint(path_, state, options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), path_ + ": " + what);
    EXPECT_FALSE(test::exists(path_));
    EXPECT_FALSE(test::exists(path_ + ".saving"));
  }
};

TEST_F(Checkpoint, GivesBackEveryDTypeAndShape) {
  NamedArrays state;
  for (DType dtype : kEveryDType) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{7}, Shape{3, 5}, Shape{2, 0, 3},
                               Shape{16, 4, 2}, Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
      state.emplace_back(std::string(name_of(dtype)) + shape.str(), test::noise(shape, dtype));
    }
    state.emplace_back(std::string("none ") + name_of(dtype), std::nullopt);
  }
  expect_round_trip(state);
}

TEST_F(Checkpoint, GivesBackAStateWithoutEntries) { expect_round_trip({}); }

TEST_F(Checkpoint, GivesBackUnusualNames) {
  expect_round_trip({{"", test::noise({2})},
                     {std::string("a\0b", 3), std::nullopt},
                     {"größe\n", test::noise({1})},
                     {std::string(100000, 'x'), test::noise({3})}});
}

TEST_F(Checkpoint, GivesBackEveryBitOfNanAndOfNegativeZero) {
  NDArray x = NDArray::empty({4}, float32);
  const uint32_t bits[] = {0x7fc00001, 0xff800001, 0x80000000, 0x00000001};
  std::memcpy(x.raw_data(), bits, sizeof(bits));
  expect_round_trip({{"x", x}});
}

TEST_F(Checkpoint, SavesTheElementsOfAViewInRowMajorOrder) {
  const NDArray x = test::noise({4, 6}, int32);
  const NamedArrays views = {{"transposed", x.t()},
                             {"column", x.select(1, 2)},
                             {"piece", x.narrow(0, 1, 2)},
                             {"expanded", x.select(0, 1).expand({3, 6})}};
  ASSERT_EQ(save_checkpoint(path_, views), absl::OkStatus());
  const absl::StatusOr<NamedArrays> loaded = load_checkpoint(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  for (size_t i = 0; i < views.size(); ++i) {
    const NDArray& array = *(*loaded)[i].second;
    EXPECT_TRUE(array.is_contiguous());
    EXPECT_EQ(array.shape(), views[i].second->shape());
    EXPECT_EQ(test::elements(array), test::elements(*views[i].second)) << views[i].first;
  }
  for (DType dtype : kEveryDType) {
    for (const NDArray& layout : test::layouts(test::noise({3, 4, 5}, dtype))) {
      expect_round_trip({{"x", layout}});
    }
  }
}

TEST_F(Checkpoint, OfTheSameStateHasTheSameBytes) {
  const NamedArrays state = {{"a", test::noise({5})}, {"b", std::nullopt}};
  const SaveOptions options{{{"z", "1"}, {"y", "2"}, {"x", "3"}, {"w", "4"}, {"v", "5"}}};
  ASSERT_EQ(save_checkpoint(path_, state, options), absl::OkStatus());
  const std::string bytes = test::read_file(path_);
  ASSERT_EQ(save_checkpoint(path_, *load_checkpoint(path_), options), absl::OkStatus());
  EXPECT_EQ(test::read_file(path_), bytes);
}

TEST_F(Checkpoint, ReplacesAnother) {
  expect_round_trip({{"a", test::noise({500})}});
  expect_round_trip({{"b", test::noise({5})}});
  EXPECT_FALSE(test::exists(path_ + ".saving"));
}

TEST_F(Checkpoint, IsNotReplacedByASaveThatFails) {
  const NamedArrays state = {{"a", test::noise({5})}};
  expect_round_trip(state);
  // Found at the start, and after most of the file has been written.
  EXPECT_FALSE(save_checkpoint(path_, {{"a", {}}, {"a", {}}}).ok());
  EXPECT_FALSE(save_checkpoint(path_, {{"b", test::noise({100000})},
                                       {std::string(2 << 20, 'x'), test::noise({1})}})
                   .ok());
  EXPECT_TRUE(test::is_same(*load_checkpoint(path_), state));
  EXPECT_FALSE(test::exists(path_ + ".saving"));
}

TEST_F(Checkpoint, IsNotSavedFromABadState) {
  const NDArray x = test::noise({2});
  expect_no_save({{"a.b", x}, {"c", x}, {"a.b", std::nullopt}}, {},
                 "entry 'a.b': expected different names, got this one twice");
  expect_no_save({{"a", NDArray()}}, {},
                 "entry 'a': expected a defined array, or an entry without a value");
  expect_no_save({{"a\xff", x}}, {}, "entry 'a\\377': expected a name in UTF-8");
  expect_no_save({{"a", x}}, {{{"k\xff", ""}}}, "metadata 'k\\377': expected text in UTF-8");
  expect_no_save({{"a", x}}, {{{"k", "\xff"}}}, "metadata 'k': expected text in UTF-8");
  expect_no_save({{"a", x}}, {{{"k", std::string(1 << 20, 'x')}}},
                 "expected metadata for a header of at most 1048576 bytes, got 1048577");
  expect_no_save({{std::string(1 << 20, 'x'), x}}, {},
                 "entry '" + std::string(100, 'x') +
                     "...': expected a name for a record of at most 1048576 bytes, got 1048595");
}

TEST_F(Checkpoint, ReaderThatWasMovedFromSaysSo) {
  ASSERT_EQ(save_checkpoint(path_, {{"x", test::noise({2})}}), absl::OkStatus());
  absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const CheckpointReader taken = *std::move(reader);
  const auto moved = absl::FailedPreconditionError(
      "CheckpointReader: expected one with an open file, got one that was moved from");
  EXPECT_EQ(reader->read("x").status(), moved);
  EXPECT_EQ(reader->read_all().status(), moved);
  EXPECT_TRUE(taken.read("x").ok());
}

TEST_F(Checkpoint, SavesMetadataUpToTheLimit) {
  const std::string text((1 << 20) - 100, 'x');
  ASSERT_EQ(save_checkpoint(path_, {}, {{{"k", text}, {"", ""}}}), absl::OkStatus());
  const auto reader = CheckpointReader::open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_THAT(reader->metadata(),
              ::testing::ElementsAre(::testing::Pair("", ""), ::testing::Pair("k", text)));
}

TEST_F(Checkpoint, ReaderListsEntriesAndReadsOne) {
  const NDArray weight = test::noise({2, 3}, float16);
  ASSERT_EQ(save_checkpoint(path_, {{"w", weight}, {"none", {}}, {"n", test::noise({}, int64)}}),
            absl::OkStatus());
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ(reader->entries().size(), 3u);
  EXPECT_EQ(reader->entries()[0].name, "w");
  EXPECT_EQ(reader->entries()[0].dtype, float16);
  EXPECT_EQ(reader->entries()[0].shape, Shape({2, 3}));
  EXPECT_EQ(reader->entries()[1].dtype, std::nullopt);
  EXPECT_EQ(reader->entries()[2].dtype, int64);
  EXPECT_EQ(reader->entries()[2].shape, Shape());
  EXPECT_TRUE(reader->metadata().empty());

  const auto array = reader->read("w");
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE(test::is_same({{"w", *array}}, {{"w", weight}}));
  const auto none = reader->read("none");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
  const absl::Status missing = reader->read("bias").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), path_ + ": expected one of its 3 entries, got 'bias'");
}

TEST_F(Checkpoint, ReaderKeepsReadingTheFileThatItOpened) {
  const NDArray old = test::noise({1000});
  ASSERT_EQ(save_checkpoint(path_, {{"x", old}}), absl::OkStatus());
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path_);
  ASSERT_EQ(save_checkpoint(path_, {{"y", test::noise({3})}}), absl::OkStatus());
  const auto array = reader->read("x");
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE(test::is_same({{"x", *array}}, {{"x", old}}));
}

TEST_F(Checkpoint, ReaderServesSeveralThreads) {
  NamedArrays state;
  for (int i = 0; i < 50; ++i)
    state.emplace_back(std::to_string(i), test::noise({i, 100}, int32, i));
  ASSERT_EQ(save_checkpoint(path_, state), absl::OkStatus());
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  std::vector<NamedArrays> read(3);
  std::vector<std::thread> threads;
  for (NamedArrays& mine : read) {
    threads.emplace_back([&] {
      for (const CheckpointEntry& entry : reader->entries()) {
        const auto array = reader->read(entry.name);
        if (array.ok()) mine.emplace_back(entry.name, *array);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const NamedArrays& mine : read) EXPECT_TRUE(test::is_same(mine, state));
}

TEST_F(Checkpoint, OfSeveralChunksLoads) {
  NDArray large = NDArray::empty({3, 3 << 20, 2}, float32);  // 72 MiB: chunks of 32, 32 and 8
  for (int64_t i = 0; i < large.numel(); ++i) large.data<float>()[i] = static_cast<float>(i);
  const NamedArrays state = {
      {"a", test::noise({1})}, {"large", large}, {"none", {}}, {"z", test::noise({1})}};
  expect_round_trip(state);
  const auto reader = CheckpointReader::open(path_);
  const auto array = reader->read("large");
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_TRUE(test::is_same({{"large", *array}}, {{"large", large}}));
}

TEST_F(Checkpoint, OfAHundredThousandEntriesLoads) {
  NamedArrays state;
  const NDArray x = test::noise({1});
  for (int i = 0; i < 100000; ++i) state.emplace_back("layer" + std::to_string(i), x);
  expect_round_trip(state);
}

}  // namespace
}  // namespace lamina
