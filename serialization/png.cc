#include "lamina/serialization/png.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace lamina {
namespace {

using Bytes = std::vector<uint8_t>;

void append_big_endian(std::string& out, uint32_t number) {
  for (int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(number >> shift & 0xff));
}

// Length, type, data, and the checksum of the latter two.
void append_chunk(std::string& out, absl::string_view type, absl::string_view data) {
  append_big_endian(out, static_cast<uint32_t>(data.size()));
  const size_t begin = out.size();
  out.append(type.data(), type.size());
  out.append(data.data(), data.size());
  const auto* checked = reinterpret_cast<const unsigned char*>(out.data() + begin);
  append_big_endian(out, static_cast<uint32_t>(crc32_z(0, checked, out.size() - begin)));
}

// Of left, above and above left, what is closest to left + above - above_left.
int paeth(int left, int above, int above_left) {
  const int guess = left + above - above_left;
  const int from_left = std::abs(guess - left);
  const int from_above = std::abs(guess - above);
  const int from_above_left = std::abs(guess - above_left);
  if (from_left <= from_above && from_left <= from_above_left) return left;
  return from_above <= from_above_left ? above : above_left;
}

int predict(int filter, int left, int above, int above_left) {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) / 2;
    case 4:
      return paeth(left, above, above_left);
    default:
      return 0;
  }
}

// The filter's number and the row's differences to what it predicts. `above` is the row above, or zeros.
Bytes filter_row(int filter, const Bytes& row, const Bytes& above, size_t channels) {
  Bytes filtered(row.size() + 1);
  filtered[0] = static_cast<uint8_t>(filter);
  for (size_t i = 0; i < row.size(); ++i) {
    const bool has_left = i >= channels;
    const int predicted = predict(filter, has_left ? row[i - channels] : 0, above[i],
                                  has_left ? above[i - channels] : 0);
    filtered[i + 1] = static_cast<uint8_t>(row[i] - predicted);
  }
  return filtered;
}

// The filter whose differences, taken as signed bytes, have the least sum: they mostly compress best.
Bytes filter_row(const Bytes& row, const Bytes& above, size_t channels) {
  constexpr int kFilters = 5;
  Bytes best;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int filter = 0; filter < kFilters; ++filter) {
    Bytes filtered = filter_row(filter, row, above, channels);
    int64_t sum = 0;
    for (size_t i = 1; i < filtered.size(); ++i) sum += std::abs(static_cast<int8_t>(filtered[i]));
    if (sum < least) {
      least = sum;
      best = std::move(filtered);
    }
  }
  return best;
}

std::string compress(const std::string& bytes) {
  uLong size = compressBound(bytes.size());
  std::string compressed(size, '\0');
  const int result =
      ::compress(reinterpret_cast<Bytef*>(&compressed[0]), &size,
                 reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uLong>(bytes.size()));
  if (result != Z_OK)
    fail<RuntimeError>("encode_png", "no memory to compress ", bytes.size(), " bytes");
  compressed.resize(size);
  return compressed;
}

// Interleaved: (height, width, channels).
NDArray check_image(const NDArray& image) {
  check_defined("encode_png", image);
  if (image.dtype() != uint8) {
    fail<DTypeError>("encode_png", "expected uint8, got ", name_of(image.dtype()));
  }
  const NDArray planes = image.dim() == 2 ? image.unsqueeze(0) : image;
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (planes.dim() != 3 || (planes.size(0) != 1 && planes.size(0) != 3) || planes.numel() == 0 ||
      planes.size(1) > kMost || planes.size(2) > kMost) {
    fail<ShapeError>(
        "encode_png",
        "expected an image (1, height, width), (3, height, width) or (height, width), got ",
        image.shape().str());
  }
  return planes.permute({1, 2, 0}).contiguous();
}

}  // namespace

std::string encode_png(const NDArray& image) {
  const NDArray pixels = check_image(image);
  const auto channels = static_cast<size_t>(pixels.size(2));
  const size_t row_bytes = static_cast<size_t>(pixels.size(1)) * channels;

  std::string filtered;
  Bytes above(row_bytes);
  const auto* from = pixels.data<uint8_t>();
  for (int64_t i = 0; i < pixels.size(0); ++i, from += row_bytes) {
    Bytes row(from, from + row_bytes);
    const Bytes best = filter_row(row, above, channels);
    filtered.append(best.begin(), best.end());
    above = std::move(row);
  }

  std::string header;
  append_big_endian(header, static_cast<uint32_t>(pixels.size(1)));
  append_big_endian(header, static_cast<uint32_t>(pixels.size(0)));
  const char kGray = 0, kRgb = 2;
  header +=
      {8, channels == 1 ? kGray : kRgb, 0, 0, 0};  // bits; deflate, five filters, no interlacing
  std::string png = "\x89PNG\r\n\x1a\n";
  append_chunk(png, "IHDR", header);
  // A chunk's length has 31 bits.
  const std::string data = compress(filtered);
  constexpr size_t kMost = 1 << 30;
  for (absl::string_view left = data; !left.empty();
       left.remove_prefix(std::min(kMost, left.size()))) {
    append_chunk(png, "IDAT", left.substr(0, kMost));
  }
  append_chunk(png, "IEND", "");
  return png;
}

}  // namespace lamina
