#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/safetensors.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

constexpr char kGolden[] = "serialization/testdata/golden.safetensors";

class SafetensorsWriterTest : public ::testing::Test {
 protected:
  const std::string path_ = test::new_folder() + "/model.safetensors";

  absl::StatusOr<SafetensorsWriter> create() {
    return SafetensorsWriter::create(path_, {{"a", uint8, {2}}, {"b", float32, {}}});
  }
  void expect_nothing_there() {
    EXPECT_FALSE(test::exists(path_));
    EXPECT_FALSE(test::exists(path_ + ".saving"));
  }
};

TEST_F(SafetensorsWriterTest, CopiesTheGoldenFileOneArrayAtATime) {
  const auto reader = SafetensorsReader::open(kGolden);
  ASSERT_TRUE(reader.ok()) << reader.status();
  auto writer = SafetensorsWriter::create(path_, reader->entries(), {reader->metadata()});
  ASSERT_TRUE(writer.ok()) << writer.status();
  while (const SafetensorsEntry* entry = writer->next()) {
    const auto array = reader->read(entry->name);
    ASSERT_TRUE(array.ok()) << array.status();
    ASSERT_EQ(writer->add(*array), absl::OkStatus());
  }
  EXPECT_FALSE(test::exists(path_));
  ASSERT_EQ(writer->finish(), absl::OkStatus());
  EXPECT_EQ(test::read_file(path_), test::read_file(kGolden));
}

TEST_F(SafetensorsWriterTest, AsksForLargeElementsFirst) {
  auto writer = create();
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_NE(writer->next(), nullptr);
  EXPECT_EQ(writer->next()->name, "b");
  EXPECT_EQ(writer->add(NDArray::full({}, 1.5)), absl::OkStatus());
  EXPECT_EQ(writer->next()->name, "a");
}

TEST_F(SafetensorsWriterTest, WithoutFinishLeavesNothing) {
  {
    auto writer = create();
    ASSERT_TRUE(writer.ok()) << writer.status();
    EXPECT_EQ(writer->add(NDArray::full({}, 1.5)), absl::OkStatus());
  }
  expect_nothing_there();
}

TEST_F(SafetensorsWriterTest, RefusesAnotherArrayThanItAskedForAndIsDone) {
  const std::pair<NDArray, std::string> others[] = {
      {NDArray(), "an undefined one"},
      {NDArray::full({}, 1.5, float64), "float64 ()"},
      {NDArray::zeros({1}), "float32 (1,)"},
  };
  for (const auto& [other, what] : others) {
    auto writer = create();
    ASSERT_TRUE(writer.ok()) << writer.status();
    const auto error = absl::InvalidArgumentError(
        path_ + ": entry 'b': expected an array of float32 and shape (), got " + what);
    EXPECT_EQ(writer->add(other), error);
    EXPECT_EQ(writer->add(NDArray::full({}, 1.5)), error);
    EXPECT_EQ(writer->finish(), error);
  }
  expect_nothing_there();
}

TEST_F(SafetensorsWriterTest, RefusesToFinishEarlyAndToGoOnAfterwards) {
  auto writer = create();
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ(writer->finish(),
            absl::FailedPreconditionError(path_ + ": entry 'b': expected its array, got finish()"));
  writer = absl::UnknownError("");  // a path has one writer
  expect_nothing_there();

  auto none = SafetensorsWriter::create(path_, {});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->next(), nullptr);
  ASSERT_EQ(none->finish(), absl::OkStatus());
  EXPECT_EQ(none->add(NDArray::zeros({})),
            absl::FailedPreconditionError(
                path_ + ": expected nothing more after finish(), got another call"));
  const auto state = load_safetensors(path_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(state->empty());
}

TEST_F(SafetensorsWriterTest, ThatWasMovedFromSaysSoAndTheOtherGoesOn) {
  auto writer = create();
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ(writer->add(NDArray::full({}, 1.5)), absl::OkStatus());
  SafetensorsWriter taken = *std::move(writer);
  const auto moved = absl::FailedPreconditionError(
      "SafetensorsWriter: expected one with an open file, got one that was moved from");
  EXPECT_EQ(writer->next(), nullptr);
  EXPECT_EQ(writer->add(NDArray::zeros({2}, uint8)), moved);
  EXPECT_EQ(writer->finish(), moved);
  EXPECT_EQ(taken.add(NDArray::zeros({2}, uint8)), absl::OkStatus());
  EXPECT_EQ(taken.finish(), absl::OkStatus());
}

TEST_F(SafetensorsWriterTest, RefusesEntriesOfWhichThereIsNoArray) {
  constexpr int64_t kHalf = int64_t{1} << 61;
  const std::pair<SafetensorsEntry, std::string> bad[] = {
      {{"x", static_cast<DType>(77), {2}}, "expected a DType of 0 to 7, got 77"},
      {{"x", static_cast<DType>(8), {}}, "expected a DType of 0 to 7, got 8"},
      {{"x", uint8, {3, -1}}, "expected extents of at least 0, got (3, -1)"},
      {{"x", uint8, {0, -5}}, "expected extents of at least 0, got (0, -5)"},
      {{"x", uint8, {kHalf, 2}}, "expected a shape of less than 2^62 bytes, got a larger one"},
      {{"x", float64, {0, kHalf}}, "expected a shape of less than 2^62 bytes, got a larger one"},
      {{"x", uint8, {INT64_MAX}}, "expected a shape of less than 2^62 bytes, got a larger one"},
      {{"x", uint8, {kHalf}}, "expected less than 2^62 bytes with those before, got more"},
  };
  for (const auto& [entry, error] : bad) {
    EXPECT_EQ(SafetensorsWriter::create(path_, {{"before", uint8, {kHalf}}, entry}).status(),
              absl::InvalidArgumentError(path_ + ": entry 'x': " + error));
  }
  expect_nothing_there();
}

TEST_F(SafetensorsWriterTest, RefusesMoreArraysThanEntries) {
  auto writer = SafetensorsWriter::create(path_, {});
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ(writer->add(NDArray::zeros({})),
            absl::FailedPreconditionError(path_ + ": expected no more arrays, got another one"));
}

}  // namespace
}  // namespace lamina
