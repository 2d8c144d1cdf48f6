#include "lamina/apps/mnist/image_file.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/data/idx_testing.h"
#include "lamina/serialization/png.h"
#include "lamina/tensor.h"

namespace lamina::apps::mnist {
namespace {

using nn::data::write_file;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A line of image_file_golden.txt.
struct GoldenImage {
  Shape shape;
  std::vector<int> shades;
  std::string file;
};

std::map<std::string, GoldenImage> golden_images() {
  std::map<std::string, GoldenImage> images;
  std::ifstream golden("apps/mnist/image_file_golden.txt");
  for (std::string line; std::getline(golden, line);) {
    std::istringstream in(line);
    std::string name, word;
    int64_t height = 0, width = 0;
    in >> name >> height >> width >> word;
    GoldenImage& image = images[name];
    image.shape = {height, width};
    while (in >> word && word != ":") image.shades.push_back(std::stoi(word));
    in >> word;
    image.file = absl::HexStringToBytes(word);
  }
  return images;
}

std::string big_endian(uint32_t number) {
  std::string bytes;
  for (int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<char>(number >> shift & 0xff));
  return bytes;
}

std::string chunk(const std::string& type_and_data) {
  const auto* bytes = reinterpret_cast<const Bytef*>(type_and_data.data());
  const auto size = static_cast<uInt>(type_and_data.size());
  return big_endian(size - 4) + type_and_data +
         big_endian(static_cast<uint32_t>(crc32(0, bytes, size)));
}

const std::string kSignature = "\x89PNG\r\n\x1a\n";
const std::string kEnd = chunk("IEND");

std::string png_header(uint32_t width, uint32_t height, int depth, int color_type) {
  const std::string rest = {static_cast<char>(depth), static_cast<char>(color_type), 0, 0, 0};
  return kSignature + chunk("IHDR" + big_endian(width) + big_endian(height) + rest);
}

// A chunk of pixels.
std::string idat(const std::string& lines) {
  std::string packed(compressBound(lines.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(&packed[0]), &size,
           reinterpret_cast<const Bytef*>(lines.data()), lines.size());
  return chunk("IDAT" + packed.substr(0, size));
}

class ReadGrayImage : public ::testing::Test {
 protected:
  const std::string path_ = ::testing::TempDir() + "/image";

  absl::StatusOr<NDArray> read(const std::string& file) {
    unlink(path_.c_str());  // ext4 waits for the disk where a file is truncated and written again
    write_file(path_, file);
    return read_gray_image(path_);
  }
  void expect_image(const std::string& file, const Shape& shape, const std::vector<int>& shades) {
    const absl::StatusOr<NDArray> image = read(file);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->dtype(), uint8);
    EXPECT_EQ(image->shape(), shape);
    EXPECT_EQ(image->to_vector<int>(), shades);
  }
  // `what` comes after the path.
  void expect_error(const std::string& file, const std::string& what) {
    const absl::StatusOr<NDArray> image = read(file);
    ASSERT_FALSE(image.ok()) << what;
    EXPECT_EQ(image.status().message(), path_ + ": " + what);
    EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
  }
  // An image or one line.
  void expect_sane(const absl::StatusOr<NDArray>& image) {
    if (image.ok()) {
      EXPECT_EQ(image->dim(), 2);
    } else {
      const std::string message(image.status().message());
      EXPECT_THAT(message, StartsWith(path_ + ": "));
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
};

// 0.2126 * 255 = 54.2, 0.7152 * 255 = 182.4, 0.0722 * 255 = 18.4; half of white is 127.5 + 0.5.
TEST_F(ReadGrayImage, WeighsColorsAndPutsThemOnBlack) {
  expect_image(png_header(4, 1, 8, 2) +
                   idat(std::string("\0\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff", 13)) + kEnd,
               {1, 4}, {54, 182, 18, 255});
  expect_image(png_header(3, 1, 8, 4) + idat(std::string("\0\xff\x80\xff\0\xff\xff", 7)) + kEnd,
               {1, 3}, {128, 0, 255});
}

// 65535 / 2 = 32767.5; the shade 127.5 is the sample 32767.5.
TEST_F(ReadGrayImage, RoundsSixteenBitsToTheNearestShade) {
  expect_image(png_header(3, 1, 16, 0) + idat(std::string("\0\x7f\xff\x80\x00\x00\x80", 7)) + kEnd,
               {1, 3}, {127, 128, 0});
}

TEST_F(ReadGrayImage, ReadsImagesOfEveryKind) {
  const std::map<std::string, GoldenImage> images = golden_images();
  EXPECT_EQ(images.size(), 92);
  for (const auto& [name, image] : images) {
    SCOPED_TRACE(name);
    expect_image(image.file, image.shape, image.shades);
  }
}

TEST_F(ReadGrayImage, ReadsAsManyRowsAndColumnsAs4096) {
  for (const Shape& shape : {Shape{4096, 300}, Shape{300, 4096}}) {
    NDArray image = NDArray::empty(shape, uint8);
    for (int64_t i = 0; i < image.numel(); ++i) {
      image.data<uint8_t>()[i] = static_cast<uint8_t>(i * i >> 7);
    }
    expect_image(encode_png(image), shape, image.to_vector<int>());
  }
}

TEST_F(ReadGrayImage, ReadsThePartOfAFileThatIsTheImage) {
  expect_image(png_header(1, 1, 8, 0) + idat(std::string("\0\x07", 2)) + kEnd + "and more", {1, 1},
               {7});
}

TEST_F(ReadGrayImage, ReadsCommentsWhereverAPgmHeaderMayHaveThem) {
  expect_image("P5#made\n# by hand\n2#wide\r\n1 # high\n255\nA#", {1, 2}, {65, 35});
  expect_image("P5 1 1 255#at the end\nA", {1, 1}, {65});
  expect_image("P2\n2 2\n# maximum\n9\n0 3 # first row\n6#second\n9", {2, 2}, {0, 85, 170, 255});
}

TEST_F(ReadGrayImage, ReadsPlainSamplesWithLeadingZerosAndSpacesOfAnyKind) {
  expect_image("P2\t0002\f1\v10\r\n 000000000000000000005\n\n10 \n", {1, 2}, {128, 255});
}

TEST_F(ReadGrayImage, RefusesWhatIsNoFile) {
  unlink(path_.c_str());
  EXPECT_EQ(read_gray_image(path_).status().message(),
            path_ + ": cannot open: No such file or directory");
  EXPECT_EQ(read_gray_image(path_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(read_gray_image("/").status().message(), "/: expected a regular file, got a folder");
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(read_gray_image(path_).status().message(),
            path_ + ": expected a regular file, got another kind");
  unlink(path_.c_str());
}

TEST_F(ReadGrayImage, SaysWhatAnotherKindOfFileBeginsWith) {
  const std::string expected =
      "expected an image, PNG (89 50 4e 47 0d 0a 1a 0a) or PGM (50 32 or 50 35, and a space), got ";
  expect_error("", expected + "an empty file");
  expect_error("P", expected + "50");
  expect_error("\xff\xd8\xff\xe0 JFIF, a photograph", expected + "ff d8 ff e0 20 4a 46 49");
  expect_error("P6\n1 1\n255\nRGB", expected + "50 36 0a 31 20 31 0a 32");
  expect_error("P55", expected + "50 35 35");
  expect_error(kSignature.substr(0, 7), expected + "89 50 4e 47 0d 0a 1a");
}

TEST_F(ReadGrayImage, RefusesExtentsOfZeroAndAbove4096) {
  const auto expected = [](const std::string& height, const std::string& width) {
    return "expected an image of 1 x 1 to 4096 x 4096 pixels, got a height of " + height +
           " and a width of " + width;
  };
  expect_error(png_header(0, 3, 8, 0), expected("3", "0"));
  expect_error(png_header(3, 0, 8, 0), expected("0", "3"));
  expect_error(png_header(4097, 1, 8, 0), expected("1", "4097"));
  expect_error(png_header(1, 4097, 8, 0), expected("4097", "1"));
  expect_error(png_header(0xffffffff, 0x7fffffff, 8, 0), expected("2147483647", "4294967295"));
  expect_error("P5 0 1 255\n", "offset 3: expected a width, 1 to 4096, got 0");
  expect_error("P5 1 4097 255\n", "offset 5: expected a height, 1 to 4096, got 4097");
  expect_error("P2 99999999999999999999999 1 1\n",
               "offset 3: expected a width, 1 to 4096, got 1000000000 or more");
  expect_error("P2 -1 1 1 0", "offset 3: expected a width, 1 to 4096, got the byte 2d");
}

TEST_F(ReadGrayImage, RefusesAnImageThatTheFileIsTooSmallFor) {
  expect_error(png_header(4096, 4096, 16, 6) + idat("") + kEnd,
               "expected a PNG file of 4096 x 4096 pixels, 134217728 bytes when unpacked, "
               "got a file of 65 bytes, which is too small");
  expect_error("P5 4096 4096 256\n1234",
               "offset 17: expected the 33554432 bytes of 4096 x 4096 samples, got 4");
  expect_error("P2 4096 4096 255\n1234",
               "offset 17: expected at least 33554431 bytes of 4096 x 4096 samples, got 4");
}

TEST_F(ReadGrayImage, RefusesAFileOf4GigabytesUnread) {
  write_file(path_, kSignature);
  ASSERT_EQ(truncate(path_.c_str(), int64_t{4} << 30), 0);
  EXPECT_EQ(read_gray_image(path_).status().message(),
            path_ + ": expected an image of at most 268435456 bytes, got 4294967296");
  unlink(path_.c_str());
}

TEST_F(ReadGrayImage, SaysWhereAPngFileIsBad) {
  const std::string header = png_header(2, 1, 8, 0);
  const std::string pixels = idat(std::string("\0\x07\x08", 3));
  std::string changed = header + pixels + kEnd;
  changed[29] ^= 1;  // the header's checksum
  expect_error(changed, "offset 33: bad PNG file: IHDR: CRC error");
  expect_error(header, "offset 33: bad PNG file: expected 8 bytes, got 0, where the file ends");
  expect_error(header + kEnd, "offset 41: bad PNG file: IEND: out of place");
  EXPECT_THAT(read(png_header(2, 1, 8, 3) + pixels + kEnd).status().message(),
              HasSubstr("bad PNG file: IDAT: Missing PLTE before IDAT"));
  EXPECT_THAT(read(png_header(2, 1, 3, 0) + pixels + kEnd).status().message(),
              HasSubstr("bad PNG file: Invalid IHDR data"));
  EXPECT_THAT(read(header + idat(std::string("\0\x07", 2)) + kEnd).status().message(),
              HasSubstr("bad PNG file: Not enough image data"));
  EXPECT_THAT(read(header + idat(std::string("\x09\x07\x08", 3)) + kEnd).status().message(),
              HasSubstr("bad PNG file: bad adaptive filter value"));
}

// To libpng, a checksum of what need not be read is worth a warning at most.
TEST_F(ReadGrayImage, RefusesAWrongChecksumOfATransparentColor) {
  std::string transparent = chunk(std::string("tRNS\0\x07", 6));
  const std::string pixels = idat(std::string("\0\x07\x08", 3)) + kEnd;
  expect_image(png_header(2, 1, 8, 0) + transparent + pixels, {1, 2}, {0, 8});
  transparent.back() ^= 1;
  EXPECT_THAT(read(png_header(2, 1, 8, 0) + transparent + pixels).status().message(),
              HasSubstr("bad PNG file: tRNS: CRC error"));
}

// As viewers do, rather than refuse the image.
TEST_F(ReadGrayImage, TakesAColorThatThePaletteLacksForBlack) {
  expect_image(
      png_header(3, 1, 8, 3) + chunk("PLTEAAAZZZ") + idat(std::string("\0\x01\x02\xff", 4)) + kEnd,
      {1, 3}, {'Z', 0, 0});
}

TEST_F(ReadGrayImage, SaysWhereAPgmFileIsBad) {
  expect_error("P5\n", "offset 3: expected a width, 1 to 4096, got the end of the file");
  expect_error("P5\n1,1", "offset 3: expected a width, 1 to 4096, got the byte 2c");
  expect_error("P5\n1 1\n0\nA", "offset 7: expected a maximum, 1 to 65535, got 0");
  expect_error("P5\n1 1\n65536\nA", "offset 7: expected a maximum, 1 to 65535, got 65536");
  expect_error("P5 2 1 255\nA", "offset 11: expected the 2 bytes of 1 x 2 samples, got 1");
  expect_error("P5 2 1 255\nABC", "offset 11: expected the 2 bytes of 1 x 2 samples, got 3");
  expect_error(std::string("P5 2 1 9\n\x09\x0a", 11),
               "offset 10: expected a sample, 0 to 9, got 10");
  expect_error(std::string("P5 1 1 256\n\x01\x01", 13),
               "offset 11: expected a sample, 0 to 256, got 257");
  expect_error("P2 2 1 9\n1    ", "offset 14: expected a sample, 0 to 9, got the end of the file");
  expect_error("P2 2 1 9\n1 10", "offset 11: expected a sample, 0 to 9, got 10");
  expect_error("P2 2 1 9\n1 2 3",
               "offset 13: expected the end of the file after 2 samples, got the byte 33");
}

TEST_F(ReadGrayImage, RefusesEveryCutOfAPngAndPrintsNothing) {
  const std::map<std::string, GoldenImage> images = golden_images();
  ::testing::internal::CaptureStderr();
  for (const char* name : {"gray_1", "rgb_16_interlaced", "palette_4_trns"}) {
    const std::string& file = images.at(name).file;
    for (size_t length = 0; length < file.size(); ++length) {
      const absl::StatusOr<NDArray> image = read(file.substr(0, length));
      EXPECT_FALSE(image.ok()) << name << " of " << length;
      expect_sane(image);
    }
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(ReadGrayImage, RefusesAChangeOfAnyByteOfAPng) {
  const std::map<std::string, GoldenImage> images = golden_images();
  for (const char* name : {"gray_1", "palette_4_trns"}) {
    const std::string& file = images.at(name).file;
    for (size_t at = 0; at < file.size(); ++at) {
      for (int bits : {0x01, 0x80, 0xff}) {
        std::string changed = file;
        changed[at] = static_cast<char>(changed[at] ^ bits);
        EXPECT_FALSE(read(changed).ok()) << name << " with byte " << at << " ^ " << bits;
      }
    }
  }
}

// Whoever means harm gets the checksums right.
TEST_F(ReadGrayImage, AnswersAChangeOfAnyByteUnderARightChecksum) {
  const std::map<std::string, GoldenImage> images = golden_images();
  for (const char* name : {"gray_1_interlaced", "gray_16_trns", "rgb_8_trns", "palette_2_trns",
                           "palette_8_interlaced_trns", "rgb_alpha_16", "with_texts"}) {
    SCOPED_TRACE(name);
    const std::string& file = images.at(name).file;
    for (size_t begin = 8; begin < file.size();) {
      size_t size = 0;
      for (size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<uint8_t>(file[begin + i]);
      for (size_t i = 0; i < size + 4; ++i) {
        std::string changed = file.substr(begin + 4, size + 4);
        changed[i] = static_cast<char>(changed[i] ^ (1 << (begin + i) % 8));
        expect_sane(read(file.substr(0, begin) + chunk(changed) + file.substr(begin + size + 12)));
      }
      begin += size + 12;
    }
  }
}

TEST_F(ReadGrayImage, AnswersEveryCutAndChangeOfAPgm) {
  const std::map<std::string, GoldenImage> images = golden_images();
  for (const char* name : {"pgm_raw_15", "pgm_raw_1000", "pgm_plain_15"}) {
    const std::string& file = images.at(name).file;
    for (size_t at = 0; at < file.size(); ++at) {
      expect_sane(read(file.substr(0, at)));
      for (char byte : {'\0', '#', '0', '9', '\n', '\xff'}) {
        std::string changed = file;
        changed[at] = byte;
        expect_sane(read(changed));
      }
    }
  }
}

}  // namespace
}  // namespace lamina::apps::mnist
