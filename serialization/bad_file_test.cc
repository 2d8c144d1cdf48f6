// Files that somebody made to do harm, under checksums that are right: each is refused with one line that
// says what is wrong, and none throws or crashes.
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/serialization/checkpoint.h"
#include "lamina/serialization/checkpoint.pb.h"
#include "lamina/serialization/checkpoint_reader.h"
#include "lamina/serialization/checkpoint_testing.h"
#include "lamina/serialization/mapped_checkpoint.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::FileBuilder;
using ::testing::StartsWith;

constexpr uint64_t kTwo32 = uint64_t{1} << 32;
constexpr int kFloat32 = 7;
constexpr int kUint8 = 2;

class BadFile : public ::testing::Test {
 protected:
  const std::string path_ = test::new_folder() + "/bad.ckpt";
  // `what` comes after the path.
  void expect_error(const std::string& bytes, const std::string& what,
                    absl::StatusCode code = absl::StatusCode::kDataLoss) {
    test::write_file(path_, bytes);
    const absl::StatusOr<NamedArrays> state = load_checkpoint(path_);
    ASSERT_FALSE(state.ok()) << what;
    EXPECT_THAT(std::string(state.status().message()), StartsWith(path_ + ": " + what));
    EXPECT_EQ(state.status().message().find('\n'), absl::string_view::npos) << state.status();
    EXPECT_EQ(state.status().code(), code) << state.status();
  }
  void expect_silent_error(const std::string& bytes, const std::string& what) {
    ::testing::internal::CaptureStderr();
    expect_error(bytes, what);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  }
  void expect_loads(const std::string& bytes) {
    test::write_file(path_, bytes);
    EXPECT_EQ(load_checkpoint(path_).status(), absl::OkStatus());
  }
};

TEST_F(BadFile, OfAnotherKindIsNoCheckpoint) {
  const auto code = absl::StatusCode::kInvalidArgument;
  expect_error("", "expected a checkpoint, got a file of 0 bytes", code);
  expect_error("\x89PNG\r\n\x1a\n",
               "expected a checkpoint, got a file of 8 bytes that begins with 89504e470d0a1a0a",
               code);
  expect_error(std::string(100, '\0'),
               "expected a checkpoint, got a file of 100 bytes that begins with 0000000000000000",
               code);
  proto::Header header = FileBuilder::good_header();
  header.set_magic("something\nelse");
  expect_error(FileBuilder(header).finish(),
               "expected a header of lamina.checkpoint, got 'something\\nelse'", code);
  header.clear_magic();
  expect_error(FileBuilder(header).finish(), "expected a header of lamina.checkpoint, got ''",
               code);
}

TEST_F(BadFile, OfAnotherMajorVersionIsRefused) {
  proto::Header header = FileBuilder::good_header();
  header.set_major_version(2);
  header.set_minor_version(5);
  expect_error(FileBuilder(header).finish(),
               "expected format version 1, got 2.5, written by 'test'",
               absl::StatusCode::kUnimplemented);
  header.set_major_version(0);
  expect_error(FileBuilder(header).finish(), "expected format version 1, got 0.5",
               absl::StatusCode::kUnimplemented);
}

// Fields 100 and above stand for those of a later minor version.
TEST(NewerFile, IsReadWithoutTheFieldsThatThisVersionDoesNotKnow) {
  const std::string path = test::new_folder() + "/newer.ckpt";
  const std::string varint = FileBuilder::varint(100 << 3) + FileBuilder::varint(300);
  const std::string fixed64 = FileBuilder::varint(101 << 3 | 1) + "12345678";
  const std::string text = FileBuilder::field(102, "abc");
  const std::string fixed32 = FileBuilder::varint(103 << 3 | 5) + "1234";
  const std::string unknown = varint + fixed64 + text + fixed32;

  proto::Header header = FileBuilder::good_header();
  header.set_minor_version(7);
  FileBuilder file(header);
  file.bytes.clear();
  file.message(1, header.SerializeAsString() + unknown);
  file.bytes += unknown;
  const proto::Tensor tensor = FileBuilder::tensor_of("x", kUint8, {3});
  proto::Index::Entry* entry = file.index.add_entry();
  *entry->mutable_tensor() = tensor;
  entry->set_offset(file.bytes.size());
  file.message(2, tensor.SerializeAsString() + unknown);
  file.bytes += unknown;
  // The chunk has its unknown fields behind the data, so that FileBuilder can align it.
  FileBuilder aligned = file;
  aligned.chunk("abc");
  std::string body;
  for (size_t padding = 0; padding < 64; ++padding) {
    proto::Chunk chunk;
    chunk.set_tensor(0);
    chunk.set_padding(std::string(padding, '\0'));
    chunk.set_data("abc");
    body = chunk.SerializeAsString() + unknown;
    const size_t begin = file.bytes.size() +
                         FileBuilder::field(3, FileBuilder::checked(body)).size() - 6 -
                         unknown.size() - 3;
    if (begin % 64 != 0) continue;
    entry->set_data_offset(begin);
    break;
  }
  file.message(3, body);
  file.bytes += unknown;
  std::string index = FileBuilder::field(1, entry->SerializeAsString() + unknown) + unknown;
  test::write_file(path, file.finish(index));

  const absl::StatusOr<NamedArrays> state = load_checkpoint(path);
  ASSERT_TRUE(state.ok()) << state.status();
  const NamedArrays expected = {{"x", NDArray::from<uint8_t>({'a', 'b', 'c'})}};
  EXPECT_TRUE(test::is_same(*state, expected));
  const absl::StatusOr<CheckpointReader> reader = CheckpointReader::open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto one = reader->read("x");
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_TRUE(test::is_same({{"x", *one}}, expected));
  const absl::StatusOr<MappedCheckpoint> mapped = MappedCheckpoint::open(path);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  EXPECT_EQ(mapped->verify(), absl::OkStatus());
  const auto view = mapped->get("x");
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE(test::is_same({{"x", *view}}, expected));
}

TEST_F(BadFile, WithoutAFooterSaysSo) {
  const std::string file =
      FileBuilder().tensor(FileBuilder::tensor_of("x", kUint8, {4})).chunk("abcd").finish();
  expect_error(
      file.substr(0, file.size() - 20),
      "offset " + std::to_string(file.size() - 37) +
          ": expected the footer that ends a checkpoint, got other bytes: the file was cut "
          "short, or something was appended to it");
  FileBuilder header_only;
  expect_error(header_only.bytes, "offset " + std::to_string(header_only.bytes.size()) +
                                      ": expected more than the header, got the end of the file");
}

TEST_F(BadFile, WithAWrongDTypeIsRefused) {
  const auto file = [](int dtype) {
    return FileBuilder().tensor(FileBuilder::tensor_of("x", dtype, {1})).chunk("abcd").finish();
  };
  expect_error(file(9), "entry 'x': expected a dtype from 1 to 8, got 9");
  expect_error(file(-1), "entry 'x': expected a dtype from 1 to 8, got -1");
  expect_error(file(0), "entry 'x': expected no shape where there is no value, got one");
}

TEST_F(BadFile, WithAShapeThatOverflowsIsRefused) {
  const auto file = [](const std::vector<uint64_t>& shape) {
    return FileBuilder().tensor(FileBuilder::tensor_of("x", kFloat32, shape)).finish();
  };
  const std::string large = "entry 'x': expected a shape of less than 2^62 bytes, got a larger one";
  expect_error(file({kTwo32, kTwo32}), large);  // 2^64 elements: 0 of them, in 64 bits
  expect_error(file({kTwo32, kTwo32, 0}), large);
  expect_error(file({uint64_t{1} << 63}), large);
  expect_error(file({~uint64_t{0}}), large);
  expect_error(file({uint64_t{1} << 60}), large);
  expect_error(file({uint64_t{3} << 57}),
               "entry 'x': expected the 1729382256910270464 bytes of shape");
  expect_error(file(std::vector<uint64_t>(9, 1)), "entry 'x': expected a rank of at most 8, got 9");
  expect_error(file(std::vector<uint64_t>(100000, 1)),
               "entry 'x': expected a rank of at most 8, got 100000");
}

TEST_F(BadFile, WithFewerElementsThanItsShapeIsRefused) {
  const auto file = [](uint64_t extent, const std::string& data) {
    return FileBuilder().tensor(FileBuilder::tensor_of("x", kUint8, {extent})).chunk(data).finish();
  };
  expect_loads(file(40, std::string(40, 'x')));
  expect_error(file(1000, "abc"),
               "entry 'x': expected the 1000 bytes of shape (1000,), got room for ");
  expect_error(file(41, std::string(40, 'x')),
               "entry 'x': offset 110: expected a chunk with the next of 1 bytes, got field 4");
  expect_error(
      file(39, std::string(40, 'x')),
      "entry 'x': offset 64: expected up to 39 bytes of data, once and at a multiple of 64, "
      "got 40");
  expect_error(file(0, "abc"),
               "entry 'x': offset 51: expected the elements at offset 64, got them at 0");
}

TEST_F(BadFile, WithTwoEntriesOfOneNameIsRefused) {
  FileBuilder file;
  for (const char* name : {"a", "b", "a"}) {
    file.tensor(FileBuilder::tensor_of(name, kUint8, {1})).chunk("x");
  }
  expect_error(file.finish(), "entry 'a': expected different names, got this one twice");
}

TEST_F(BadFile, WithOverlappingOrForeignOffsetsIsRefused) {
  const auto file = [](uint64_t first, uint64_t second, uint64_t data) {
    FileBuilder file;
    for (const char* name : {"a", "b"}) {
      file.tensor(FileBuilder::tensor_of(name, kUint8, {1})).chunk("x");
    }
    // Relative to what they should be.
    proto::Index::Entry* const a = file.index.mutable_entry(0);
    proto::Index::Entry* const b = file.index.mutable_entry(1);
    const uint64_t offset = a->offset();
    a->set_offset(offset + first);
    b->set_offset(second == 1 ? offset : b->offset() + second);
    b->set_data_offset(b->data_offset() + data);
    return file.finish();
  };
  expect_loads(file(0, 0, 0));
  expect_error(file(-1, 0, 0), "entry 'a': expected offsets from ");
  expect_error(file(2, 0, 0), "entry 'a': offset ");  // within the record
  expect_error(file(kTwo32, 0, 0), "entry 'a': expected offsets from ");
  expect_error(file(0, 1, 0), "entry 'b': expected offsets from ");
  expect_error(file(0, kTwo32, 0), "entry 'b': expected offsets from ");
  expect_error(file(0, ~uint64_t{0} - 200, 0), "entry 'b': expected offsets from ");
  expect_error(file(0, 0, 1),
               "entry 'b': offset 135: expected the elements at offset 129, got them at 128");
  expect_error(file(0, 0, -64),
               "entry 'b': offset 135: expected the elements at offset 64, got them at 128");
  expect_error(file(0, 0, kTwo32), "entry 'b': expected offsets from ");
}

TEST_F(BadFile, WhoseIndexIsElsewhereIsRefused) {
  for (uint64_t offset : {uint64_t{0}, uint64_t{5}, uint64_t{60}, kTwo32, ~uint64_t{0}}) {
    FileBuilder file;
    proto::Footer footer;
    footer.set_index_offset(offset);
    file.message(4, "").message(5, footer.SerializeAsString());
    test::write_file(path_, file.bytes);
    EXPECT_EQ(load_checkpoint(path_).status().code(), absl::StatusCode::kDataLoss) << offset;
  }
}

TEST_F(BadFile, WithARecordThatIsNotWhatTheIndexSaysIsRefused) {
  for (const proto::Tensor& other :
       {FileBuilder::tensor_of("y", kUint8, {4}), FileBuilder::tensor_of("x", 1, {4}),
        FileBuilder::tensor_of("x", kUint8, {2, 2}), FileBuilder::tensor_of("x", kFloat32, {1})}) {
    FileBuilder file;
    file.tensor(other).chunk("abcd");
    *file.index.mutable_entry(0)->mutable_tensor() = FileBuilder::tensor_of("x", kUint8, {4});
    expect_error(file.finish(),
                 "entry 'x': offset 35: expected what the index says, got another tensor");
  }
}

TEST_F(BadFile, WithATensorThatTheIndexDoesNotHaveIsRefused) {
  FileBuilder file;
  file.tensor(FileBuilder::tensor_of("x", kUint8, {4})).chunk("abcd");
  file.index.clear_entry();
  expect_error(file.finish(), "offset 35: expected nothing more before the index, got field 2");
}

TEST_F(BadFile, WithBoolsThatAreNone) {
  const auto file = [](const std::string& data) {
    return FileBuilder().tensor(FileBuilder::tensor_of("x", 1, {4})).chunk(data).finish();
  };
  expect_loads(file(std::string("\0\1\1\0", 4)));
  expect_error(file(std::string("\0\1\2\0", 4)), "entry 'x': offset 64: expected bools of 0 and 1");
  expect_error(file(std::string("\0\1\1\xff", 4)),
               "entry 'x': offset 64: expected bools of 0 and 1");
}

TEST_F(BadFile, WithABadChunkIsRefused) {
  const proto::Tensor tensor = FileBuilder::tensor_of("x", kUint8, {4});
  const auto file = [&](const proto::Chunk& chunk) {
    FileBuilder file;
    file.tensor(tensor).message(3, chunk.SerializeAsString());
    file.index.mutable_entry(0)->set_data_offset(64);
    return file.finish();
  };
  proto::Chunk chunk;
  chunk.set_tensor(0);
  chunk.set_padding(std::string(5, '\0'));
  expect_error(
      file(chunk),
      "entry 'x': offset 51: expected a chunk with data of tensor 0, got 0 bytes of tensor 0");
  chunk.set_data("abcd");
  expect_loads(file(chunk));
  chunk.set_tensor(1);
  expect_error(
      file(chunk),
      "entry 'x': offset 51: expected a chunk with data of tensor 0, got 4 bytes of tensor 1");
  chunk.clear_tensor();
  chunk.set_padding(std::string(7, '\0'));
  expect_error(file(chunk),
               "entry 'x': offset 51: expected a chunk with data of tensor 0, got 4 bytes of "
               "tensor unknown");
  expect_error(
      FileBuilder().tensor(tensor).chunk("abcd", 64, 1).finish(),
      "entry 'x': offset 65: expected up to 4 bytes of data, once and at a multiple of 64");
  for (const char* more : {"", "abcd"}) {
    expect_error(FileBuilder().tensor(tensor).chunk("abcd").chunk(more).finish(),
                 "offset 74: expected nothing more before the index, got field 3");
  }
  FileBuilder large;
  large.tensor(FileBuilder::tensor_of("x", kUint8, {64 << 20}));
  large.bytes += FileBuilder::field(3, std::string(64 << 20, '\0'));
  expect_error(large.finish(),
               "entry 'x': offset 54: expected a chunk of less than 67108864 bytes, got 67108864");
}

TEST_F(BadFile, ThatDeclaresMoreThanItHoldsIsRefused) {
  const std::string huge = FileBuilder::varint(0x7fffffff);
  const std::string beyond = FileBuilder::varint(~uint64_t{0});  // -1, to who reads it as signed
  expect_error(
      "\x0a" + huge + "abc",
      "offset 0: expected a field that ends at offset 9 or before, got one of 2147483647 bytes");
  expect_error("\x0a" + beyond + "abc",
               "expected a checkpoint, got a file of 14 bytes that begins with 0affffffffffffff",
               absl::StatusCode::kInvalidArgument);
  for (const std::string& size : {huge, beyond}) {
    FileBuilder file;
    file.tensor(FileBuilder::tensor_of("x", kUint8, {4}));
    file.bytes += "\x1a" + size;
    expect_error(file.finish(), "entry 'x': offset 51: expected a field");
    expect_error(FileBuilder().finish("\x0a" + size),
                 "offset 35: expected an index of fields, got something else");
    // A record of a few bytes with a name of 2 GiB.
    expect_error(FileBuilder().finish(FileBuilder::field(1, FileBuilder::field(2, "\x0a" + size))),
                 "offset 35: expected entry 0 of the index, got no such message");
  }
  FileBuilder header;
  header.bytes.clear();
  header.message(1, "\x0a" + huge);
  expect_error(header.finish(), "offset 0: expected a header, got no such message");
  expect_error("\x0a" + FileBuilder::varint(2 << 20) + std::string(3 << 20, 'x'),
               "offset 0: expected a header of less than 1048577 bytes, got 2097152");
}

TEST_F(BadFile, WithAHundredThousandEmptyEntriesIsRefusedAtTheFirst) {
  std::string index;
  for (int i = 0; i < 100000; ++i) index += FileBuilder::field(1, "");
  expect_error(FileBuilder().finish(index), "entry '': expected offsets from ");
}

TEST_F(BadFile, WithDeepNestingIsRefused) {
  std::string groups, messages;
  for (int i = 0; i < 100000; ++i) groups += FileBuilder::varint(100 << 3 | 3);
  for (int i = 0; i < 1000; ++i) messages = FileBuilder::field(100, messages);
  FileBuilder nested(FileBuilder::good_header());
  nested.bytes.clear();
  nested.message(1, FileBuilder::good_header().SerializeAsString() + groups);
  expect_error(nested.finish(), "offset 0: expected a header, got no such message");
  FileBuilder top;
  top.bytes += groups;
  expect_error(top.finish(), "offset 35: expected a field, got none");
  FileBuilder skipped;  // not looked into
  skipped.bytes += messages;
  expect_loads(skipped.finish());
}

TEST_F(BadFile, WithANameThatIsNotUtf8IsRefused) {
  const std::string body = FileBuilder::field(1, "\xff\xfe");
  FileBuilder file;
  const std::string entry = FileBuilder::varint(1 << 3) + FileBuilder::varint(file.bytes.size()) +
                            FileBuilder::field(2, body);
  file.message(2, body);
  expect_error(file.finish(FileBuilder::field(1, entry)),
               "offset 47: expected entry 0 of the index, got no such message");
}

// Its checksums are right, so that all of it comes to be parsed.
TEST_F(BadFile, WithTextThatIsNotUtf8MakesProtobufPrintNothing) {
  const std::string bad = "\xff";
  const std::string good_header = FileBuilder::good_header().SerializeAsString();
  std::vector<std::string> headers;
  for (int field : {1, 4}) headers.push_back(good_header + FileBuilder::field(field, bad));
  for (int field : {1, 2}) {  // key and value of metadata
    headers.push_back(good_header + FileBuilder::field(5, FileBuilder::field(field, bad)));
  }
  for (const std::string& header : headers) {
    FileBuilder file;
    file.bytes.clear();
    expect_silent_error(file.message(1, header).finish(),
                        "offset 0: expected a header, got no such message");
  }
  for (const bool in_index : {false, true}) {
    FileBuilder file;
    const std::string body = FileBuilder::field(1, bad);
    const std::string entry = FileBuilder::varint(1 << 3) + FileBuilder::varint(file.bytes.size()) +
                              FileBuilder::field(2, in_index ? body : "");
    file.message(2, in_index ? "" : body);
    const size_t index = file.bytes.size();
    expect_silent_error(file.finish(FileBuilder::field(1, entry)),
                        in_index ? "offset " + std::to_string(index) +
                                       ": expected entry 0 of the index, got no such message"
                                 : "entry '': offset 35: expected a tensor, got no such message");
  }
}

TEST_F(BadFile, ThatIsNoneIsRefused) {
  const std::string folder = test::new_folder();
  EXPECT_EQ(load_checkpoint(folder).status().message(),
            folder + ": expected a regular file, got a folder");
  EXPECT_EQ(load_checkpoint(folder + "/a/b").status().message(),
            folder + "/a/b: cannot open: No such file or directory");
  EXPECT_EQ(load_checkpoint(folder + "/a").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace lamina
