// What encode_png refuses, and how small it makes images; event_file_reader_test.py decodes them.
#include "lamina/serialization/png.h"

#include <zlib.h>

#include <string>

#include "gtest/gtest.h"

namespace lamina {
namespace {

template <class E>
void expect_error(const NDArray& image, const std::string& text) {
  try {
    (void)encode_png(image);
    ADD_FAILURE() << "no error, expected " << text;
  } catch (const E& error) {
    EXPECT_EQ(std::string(error.what()), text);
  }
}

// By hand, but for zlib's part: 2 x 1 gray pixels 7 and 9, filter 0, whose sum is no larger than others'.
TEST(EncodePng, WritesTheBytesOfTheStandard) {
  const std::string png = encode_png(NDArray::from<uint8_t>({7, 9}, {1, 2, 1}));
  const std::string begin("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x02\x08\0\0\0\0", 29);
  EXPECT_EQ(png.substr(0, 29), begin);
  EXPECT_EQ(png.substr(png.size() - 12), std::string("\0\0\0\0IEND\xae\x42\x60\x82", 12));
  const uLong crc = crc32(0, reinterpret_cast<const Bytef*>(png.data()) + 12, 17);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(png[29 + i], static_cast<char>(crc >> (24 - 8 * i)));
}

// Of a slope every filter but none leaves almost nothing.
TEST(EncodePng, FiltersWhatIsSmooth) {
  NDArray slope = NDArray::empty({1, 200, 250}, uint8);
  for (int64_t i = 0; i < slope.numel(); ++i) {
    slope.data<uint8_t>()[i] = static_cast<uint8_t>(i / 250 + i % 250);
  }
  EXPECT_LT(encode_png(slope).size(), 1000u);
}

TEST(EncodePng, TakesViews) {
  const NDArray image = NDArray::arange(12, int64).to(uint8).view({3, 2, 2});
  EXPECT_EQ(encode_png(image.permute({0, 2, 1})), encode_png(image.permute({0, 2, 1}).clone()));
  EXPECT_EQ(encode_png(image.select(0, 1)), encode_png(image.narrow(0, 1, 1)));
}

TEST(EncodePng, RefusesWhatIsNoImage) {
  expect_error<DTypeError>(NDArray::zeros({1, 2, 2}), "[encode_png] expected uint8, got float32");
  for (const Shape& shape :
       {Shape({2}), Shape({2, 4, 4}), Shape({1, 3, 4, 4}), Shape({1, 0, 4}), Shape({4, 0})}) {
    expect_error<ShapeError>(
        NDArray::zeros(shape, uint8),
        "[encode_png] expected an image (1, height, width), (3, height, width) "
        "or (height, width), got " +
            shape.str());
  }
}

}  // namespace
}  // namespace lamina
