// Errors, and what event_file_reader_test.py does not see: whose bytes are in the file when, and values at the
// edges.
#include "lamina/serialization/event_file.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/serialization/event.pb.h"

namespace {

// The bytes that still fit on the disk.
int64_t room = std::numeric_limits<int64_t>::max();

}  // namespace

// The library's call: the linker prefers it to the C library's.
extern "C" ssize_t pwrite64(int file, const void* bytes, size_t size, off_t offset) {
  if (room == 0) {
    errno = ENOSPC;
    return -1;
  }
  if (static_cast<int64_t>(size) > room) size = static_cast<size_t>(room);
  room -= static_cast<int64_t>(size);
  return syscall(SYS_pwrite64, file, bytes, size, offset);
}
extern "C" ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  return pwrite64(file, bytes, size, offset);
}

namespace lamina {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class E, class F>
void expect_error(const F& f, const std::string& text) {
  try {
    f();
    ADD_FAILURE() << "no error, expected " << text;
  } catch (const E& error) {
    EXPECT_EQ(std::string(error.what()), text);
  }
}

class EventFile : public ::testing::Test {
 protected:
  void SetUp() override { room = std::numeric_limits<int64_t>::max(); }

  static EventWriter create(const std::string& folder) {
    absl::StatusOr<EventWriter> events = EventWriter::create(folder);
    EXPECT_TRUE(events.ok()) << events.status();
    return *std::move(events);
  }
  // The file's events, of which the records' lengths tell where they are.
  static std::vector<proto::Event> read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::vector<proto::Event> events;
    for (size_t at = 0; at < bytes.size();) {
      const auto length = static_cast<unsigned char>(bytes[at]) +
                          256 * static_cast<size_t>(static_cast<unsigned char>(bytes[at + 1]));
      events.emplace_back();
      EXPECT_TRUE(at + length + 16 <= bytes.size());
      EXPECT_TRUE(events.back().ParseFromString(bytes.substr(at + 12, length)));
      at += length + 16;
    }
    return events;
  }
  static const proto::HistogramProto& last_histogram(const std::vector<proto::Event>& events) {
    return events.back().summary().value(0).histo();
  }

  const std::string folder_ = ::testing::TempDir() + "/a/b";
};

TEST_F(EventFile, HasAnEventWhenTheCallReturns) {
  EventWriter events = create(folder_);
  EXPECT_EQ(read(events.path()).size(), 1u);
  EXPECT_EQ(events.add_scalar("x", 1, 0), absl::OkStatus());
  EXPECT_EQ(read(events.path()).size(), 2u);
}

TEST_F(EventFile, IsItsWritersOwn) {
  EventWriter first = create(folder_);
  EventWriter second = create(folder_);
  EXPECT_NE(first.path(), second.path());
  EXPECT_EQ(first.add_scalar("x", 1, 0), absl::OkStatus());
  EXPECT_EQ(read(second.path()).size(), 1u);
}

TEST_F(EventFile, NeedsAFolder) {
  EXPECT_EQ(EventWriter::create("/dev/null/x").status().message().substr(0, 40),
            "/dev/null/x: cannot make the folder: Not");
}

// It looked for a name that is not there yet, and looked at one that was.
TEST_F(EventFile, OfAFolderWithANulInItsPathIsRefusedAndDoesNotLoopForEver) {
  const std::string cut = ::testing::TempDir() + "/cut";
  EXPECT_EQ(EventWriter::create(cut + std::string("\0/a", 3)).status(),
            absl::InvalidArgumentError(
                cut + "\\000/a: expected a path without a NUL character, got one with it"));
  EXPECT_NE(access(cut.c_str(), F_OK), 0);
}

TEST_F(EventFile, OfAFullDiskKeepsItsWholeRecordsAndGoesOnWhenThereIsRoom) {
  for (int64_t left : {0, 1, 12, 20}) {
    EventWriter events = create(folder_);
    EXPECT_EQ(events.add_scalar("x", 1, 1), absl::OkStatus());
    room = left;
    for (int i = 0; i < 2; ++i) {
      const absl::Status status = events.add_scalar("x", 2, 2);
      EXPECT_EQ(status.message(), events.path() + ": cannot write: No space left on device");
      EXPECT_EQ(read(events.path()).size(), 2u);
      room = left;
    }
    room = std::numeric_limits<int64_t>::max();
    EXPECT_EQ(events.add_scalar("x", 3, 3), absl::OkStatus());
    const std::vector<proto::Event> read_back = read(events.path());
    ASSERT_EQ(read_back.size(), 3u);
    EXPECT_EQ(read_back[2].step(), 3);
  }
}

TEST_F(EventFile, RefusesATagThatIsNotUtf8) {
  EventWriter events = create(folder_);
  expect_error<ValueError>([&] { (void)events.add_scalar("\xff", 1, 1); },
                           "[add_scalar] expected a tag in UTF-8, got '\\377'");
  EXPECT_EQ(read(events.path()).size(), 1u);
}

// protobuf writes nothing above 2 GiB, and so an empty event.
TEST_F(EventFile, RefusesATagThatIsTooLong) {
  EventWriter events = create(folder_);
  EXPECT_EQ(events.add_scalar(std::string(65536, 'x'), 1, 1), absl::OkStatus());
  constexpr size_t kBytes = size_t{3} << 30;
  void* const zeros = mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(zeros, MAP_FAILED);
  for (size_t bytes : {size_t{65537}, kBytes}) {
    const absl::string_view tag(static_cast<const char*>(zeros), bytes);
    expect_error<ValueError>(
        [&] { (void)events.add_scalar(tag, 1, 1); },
        "[add_scalar] expected a tag of at most 65536 bytes, got one of " + std::to_string(bytes));
  }
  munmap(zeros, kBytes);
}

TEST_F(EventFile, ThatWasMovedFromSaysSo) {
  EventWriter events = create(folder_);
  EventWriter taken = std::move(events);
  EXPECT_EQ(events.add_scalar("x", 1, 1),
            absl::FailedPreconditionError(
                "EventWriter: expected one with an open file, got one that was moved from"));
  EXPECT_EQ(taken.add_scalar("x", 1, 1), absl::OkStatus());
}

TEST_F(EventFile, LeavesOutOfAHistogramWhatIsNotFinite) {
  EventWriter events = create(folder_);
  const NDArray values = NDArray::from({1.0, kNaN, 2.0, kInfinity, -kInfinity}, {5});
  EXPECT_EQ(events.add_histogram("x", values, 0), absl::OkStatus());
  const std::vector<proto::Event> written = read(events.path());
  const proto::HistogramProto& histogram = last_histogram(written);
  EXPECT_EQ(histogram.num(), 2);
  EXPECT_EQ(histogram.min(), 1);
  EXPECT_EQ(histogram.max(), 2);
  EXPECT_EQ(histogram.sum(), 3);
  EXPECT_EQ(histogram.sum_squares(), 5);
}

TEST_F(EventFile, TakesAHistogramWithoutValues) {
  EventWriter events = create(folder_);
  EXPECT_EQ(events.add_histogram("x", NDArray::from({kNaN}, {1}), 0), absl::OkStatus());
  EXPECT_EQ(events.add_histogram("x", NDArray::zeros({0}), 0), absl::OkStatus());
  const std::vector<proto::Event> written = read(events.path());
  EXPECT_EQ(last_histogram(written).num(), 0);
  EXPECT_EQ(last_histogram(written).bucket_size(), 0);
}

TEST_F(EventFile, CountsTheLargestAndTheSmallestNumbers) {
  EventWriter events = create(folder_);
  constexpr double kMost = std::numeric_limits<double>::max();
  EXPECT_EQ(events.add_histogram("x", NDArray::from({-kMost, 0.0, kMost, 5e-324}, {4}), 0),
            absl::OkStatus());
  const std::vector<proto::Event> written = read(events.path());
  const proto::HistogramProto& histogram = last_histogram(written);
  double counted = 0;
  for (double count : histogram.bucket()) counted += count;
  EXPECT_EQ(counted, 4);
  EXPECT_EQ(histogram.bucket_limit(0), -kMost);
  EXPECT_EQ(histogram.bucket(1), 1);
  EXPECT_EQ(histogram.bucket_limit(histogram.bucket_size() - 1), kMost);
  EXPECT_EQ(histogram.bucket(histogram.bucket_size() - 1), 1);
}

TEST_F(EventFile, TakesFloatingImagesFrom0To1) {
  EventWriter events = create(folder_);
  const NDArray shares = NDArray::from({0.0f, 0.4f, 1.0f, 2.0f, -1.0f, float(kNaN)}, {1, 2, 3});
  const NDArray bytes = NDArray::from<uint8_t>({0, 102, 255, 255, 0, 0}, {1, 2, 3});
  EXPECT_EQ(events.add_image("x", shares, 0), absl::OkStatus());
  EXPECT_EQ(events.add_image("x", bytes, 0), absl::OkStatus());
  const std::vector<proto::Event> written = read(events.path());
  const auto& image = written[1].summary().value(0).image();
  EXPECT_EQ(image.encoded_image_string(),
            written[2].summary().value(0).image().encoded_image_string());
  EXPECT_EQ(image.height(), 2);
  EXPECT_EQ(image.width(), 3);
  EXPECT_EQ(image.colorspace(), 1);
}

TEST_F(EventFile, RefusesWhatIsNoImage) {
  EventWriter events = create(folder_);
  expect_error<ShapeError>(
      [&] {
        (void)events.add_image("x", NDArray::zeros({2, 4, 4}), 0);
      },
      "[add_image] expected an image (1, height, width), (3, height, width) or "
      "(height, width), got (2, 4, 4)");
  expect_error<DTypeError>(
      [&] {
        (void)events.add_image("x", NDArray::zeros({1, 4, 4}, int64), 0);
      },
      "[add_image] expected uint8 or a floating dtype, got int64");
}

}  // namespace
}  // namespace lamina
