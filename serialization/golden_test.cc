// A file of format version 1 that another program wrote (testdata/make_version_1.py), and what
// protobuf's own parser makes of the files that this one writes.
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint.pb.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

constexpr char kGolden[] = "serialization/testdata/version_1.ckpt";

// What make_version_1.py has.
NamedArrays golden_state() {
  const float infinity = std::numeric_limits<float>::infinity();
  return {
      {"weight", NDArray::from({{0.5f, -1.5f, 2.f}, {3.25f, -infinity, 65504.f}})},
      {"bias", std::nullopt},
      {"step", NDArray::full({}, int64_t{1234567890123}, int64)},
      {"mask", NDArray::from({true, false, true})},
      {"nothing", NDArray::empty({0, 4}, float64)},
      {"half", NDArray::from({Half(1), Half(-2)})},
      {"brain", NDArray::from({BFloat16(1), BFloat16(3.140625f)})},
      {"pixels", NDArray::from<uint8_t>({0, 1, 128, 255})},
      {"labels", NDArray::from<int32_t>({1, -1, 2147483647, -2147483647 - 1}, {2, 1, 2})},
      {"double", NDArray::from({-0.1})},
  };
}
const SaveOptions kGoldenOptions{{{"note", "größer"}, {"epoch", "3"}}};

TEST(GoldenFile, LoadsAsWhatItWasMadeFrom) {
  const absl::StatusOr<NamedArrays> state = load_checkpoint(kGolden);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(test::is_same(*state, golden_state()));
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(kGolden);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->metadata(), kGoldenOptions.metadata);
}

TEST(GoldenFile, IsWhatASaveOfTheSameStateWrites) {
  const std::string path = test::new_folder() + "/file";
  ASSERT_EQ(save_checkpoint(path, golden_state(), kGoldenOptions), absl::OkStatus());
  EXPECT_EQ(test::read_file(path), test::read_file(kGolden));
}

TEST(Protobuf, ParsesAWholeFileWithEveryChecksumRight) {
  const std::string path = test::new_folder() + "/file";
  // The second is above one chunk of 32 MiB.
  NDArray large = NDArray::zeros({(32 << 20) + 1000}, uint8);
  for (int64_t i = 0; i < large.numel(); ++i) large.data<uint8_t>()[i] = (i * 2654435761u) >> 24;
  ASSERT_EQ(save_checkpoint(path, {{"small", test::noise({3})}, {"large", large}, {"none", {}}}),
            absl::OkStatus());
  const std::string bytes = test::read_file(path);
  proto::Checkpoint file;
  ASSERT_TRUE(file.ParseFromString(bytes));
  EXPECT_EQ(file.GetReflection()->GetUnknownFields(file).field_count(), 0);

  const auto is_intact = [](auto message) {
    const uint32_t crc = message.crc32c();
    message.clear_crc32c();
    return test::naive_crc32c(message.SerializeAsString()) == crc;
  };
  EXPECT_TRUE(is_intact(file.header()));
  EXPECT_TRUE(is_intact(file.index()));
  EXPECT_TRUE(is_intact(file.footer()));
  ASSERT_EQ(file.tensor_size(), 3);
  for (const proto::Tensor& tensor : file.tensor()) EXPECT_TRUE(is_intact(tensor)) << tensor.name();
  EXPECT_EQ(file.tensor(0).dtype(), proto::DTYPE_FLOAT32);
  EXPECT_EQ(file.tensor(1).shape(0), 33555432u);
  EXPECT_EQ(file.tensor(2).dtype(), proto::DTYPE_NO_VALUE);

  ASSERT_EQ(file.chunk_size(), 3);
  std::string elements[3];
  std::vector<size_t> begins;
  size_t end = 0;  // of the data of the chunk before
  for (const proto::Chunk& chunk : file.chunk()) {
    EXPECT_TRUE(is_intact(chunk));
    // By its beginning: ThreadSanitizer compares no less than all, at each place.
    begins.push_back(bytes.find(chunk.data().substr(0, 256), end));
    ASSERT_EQ(bytes.compare(begins.back(), chunk.data().size(), chunk.data()), 0);
    end = begins.back() + chunk.data().size();
    elements[chunk.tensor()] += chunk.data();
  }
  EXPECT_EQ(begins[0] % 64, 0u);
  EXPECT_EQ(begins[1] % 65536, 0u);
  EXPECT_EQ(begins[2] % 65536, 0u);
  EXPECT_EQ(file.chunk(1).data().size() % 65536, 0u);
  EXPECT_EQ(elements[1], std::string(large.raw_data(), 33555432));
  EXPECT_EQ(elements[0].size(), 12u);

  ASSERT_EQ(file.index().entry_size(), 3);
  for (int i = 0; i < 3; ++i) {
    proto::Tensor tensor = file.tensor(i);
    tensor.clear_crc32c();
    EXPECT_EQ(file.index().entry(i).tensor().SerializeAsString(), tensor.SerializeAsString());
    EXPECT_EQ(bytes[file.index().entry(i).offset()], 2 << 3 | 2);
  }
  EXPECT_EQ(file.index().entry(0).data_offset(), begins[0]);
  EXPECT_EQ(file.index().entry(1).data_offset(), begins[1]);
  EXPECT_EQ(file.index().entry(2).data_offset(), 0u);
  EXPECT_EQ(bytes[file.footer().index_offset()], 4 << 3 | 2);
}

}  // namespace
}  // namespace lamina
