#include "lamina/apps/mnist/image_file.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "lamina/serialization/file.h"

namespace lamina::apps::mnist {
namespace {

using Bytes = absl::Span<const uint8_t>;

constexpr int64_t kMostExtent = 4096;
// Twice what a PNG image of that extent takes when nothing can be compressed.
constexpr int64_t kMostFileBytes = 256 << 20;

template <class... Parts>
absl::Status bad_file(const std::string& path, const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", parts...));
}

absl::Status check_extents(const std::string& path, int64_t height, int64_t width) {
  if (std::min(height, width) >= 1 && std::max(height, width) <= kMostExtent) {
    return absl::OkStatus();
  }
  return bad_file(path, "expected an image of 1 x 1 to ", kMostExtent, " x ", kMostExtent,
                  " pixels, got a height of ", height, " and a width of ", width);
}

absl::StatusOr<NDArray> make_image(const std::string& path, int64_t height, int64_t width) {
  try {
    return NDArray::empty({height, width}, uint8);
  } catch (const RuntimeError&) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": no memory for ", height, " x ", width, " pixels"));
  }
}

// PNG is read by libpng's rows. Its simplified interface (png_image) would be shorter, but goes through
// linear light, which changes the shades, and in release 1.6.39 some images take it outside of its
// memory (CVE-2025-65018, CVE-2025-64720).

constexpr uint8_t kPngSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
// What deflate can make of a byte. Source: https://zlib.net/zlib_tech.html, "Maximum Compression
// Factor".
constexpr int64_t kMostPerByte = 1032;

// The file as libpng reads it, and why it stopped.
struct PngSource {
  Bytes file;
  size_t position;
  char error[160];
};

[[noreturn]] void keep_error(png_structp png, png_const_charp text) {
  auto* source = static_cast<PngSource*>(png_get_error_ptr(png));
  std::snprintf(source->error, sizeof(source->error), "%s", text);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, size_t size) {
  auto* source = static_cast<PngSource*>(png_get_io_ptr(png));
  const size_t left = source->file.size() - source->position;
  if (size > left) {
    char text[100];
    std::snprintf(text, sizeof(text), "expected %zu bytes, got %zu, where the file ends", size,
                  left);
    png_error(png, text);
  }
  std::memcpy(to, source->file.data() + source->position, size);
  source->position += size;
}

// A row of 16 bits a sample -> of 8 bits a pixel, in place. The weights add up to 2^15.
void make_row_gray(png_structp, png_row_infop row, png_bytep bytes) {
  constexpr uint64_t kRed = 6968, kGreen = 23434, kBlue = 2366;
  constexpr uint64_t kMostSample = 65535;
  constexpr uint64_t kUnit = ((kRed + kGreen + kBlue) * kMostSample * kMostSample) / 255;
  const bool has_color = (row->color_type & PNG_COLOR_MASK_COLOR) != 0;
  const bool has_alpha = (row->color_type & PNG_COLOR_MASK_ALPHA) != 0;
  const png_byte* from = bytes;
  const auto next = [&from] {
    const uint64_t sample = from[0] << 8 | from[1];
    from += 2;
    return sample;
  };
  for (png_uint_32 i = 0; i < row->width; ++i) {
    uint64_t luma = next();
    if (has_color) {
      luma *= kRed;
      luma += kGreen * next();
      luma += kBlue * next();
    } else {
      luma *= kRed + kGreen + kBlue;
    }
    const uint64_t alpha = has_alpha ? next() : kMostSample;
    bytes[i] = static_cast<png_byte>((luma * alpha + kUnit / 2) / kUnit);
  }
}

// libpng leaves `body` by longjmp at an error, over all frames up to this one: neither they nor this
// one may hold what wants to be destroyed.
template <class Body>
bool run_libpng(png_structp png, const Body& body) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  body();
  return true;
}

class PngReader {
 public:
  PngReader(const std::string& path, Bytes file)
      : path_(path),
        source_{file, 0, ""},
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &source_, keep_error, ignore_warning)),
        info_(png_ == nullptr ? nullptr : png_create_info_struct(png_)) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  absl::StatusOr<NDArray> read() {
    if (info_ == nullptr) {
      return absl::ResourceExhaustedError(absl::StrCat(path_, ": no memory for libpng"));
    }
    absl::Status status = read_header();
    if (!status.ok()) return status;
    absl::StatusOr<NDArray> image = make_image(path_, height_, width_);
    if (!image.ok()) return image;
    if (!run_libpng(png_, [this, to = image->data<uint8_t>()] { read_rows(to); })) return error();
    return image;
  }

 private:
  absl::Status read_header() {
    // libpng has no more to say about such extents than that they are invalid.
    constexpr size_t kWidth = 16, kHeight = 20, kEnd = 24;
    if (source_.file.size() >= kEnd && std::memcmp(&source_.file[12], "IHDR", 4) == 0) {
      absl::Status status = check_extents(path_, png_get_uint_32(&source_.file[kHeight]),
                                          png_get_uint_32(&source_.file[kWidth]));
      if (!status.ok()) return status;
    }
    if (!run_libpng(png_, [this] { read_to_pixels(); })) return error();
    height_ = png_get_image_height(png_, info_);
    width_ = png_get_image_width(png_, info_);
    const int64_t needed = static_cast<int64_t>(png_get_rowbytes(png_, info_)) * height_;
    const auto size = static_cast<int64_t>(source_.file.size());
    if (needed > size * kMostPerByte) {
      return bad_file(path_, "expected a PNG file of ", height_, " x ", width_, " pixels, ", needed,
                      " bytes when unpacked, got a file of ", size, " bytes, which is too small");
    }
    return absl::OkStatus();
  }

  // Up to the first bytes of pixels.
  void read_to_pixels() {
    png_set_read_fn(png_, &source_, read_bytes);
    // What is not needed is not interpreted, but every checksum has to be right.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(png_, 0);
    png_read_info(png_, info_);
  }

  void read_rows(uint8_t* to) {
    png_set_expand_16(png_);
    png_set_read_user_transform_fn(png_, make_row_gray);
    png_set_user_transform_info(png_, nullptr, 8, 1);
    const int passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    for (int pass = 0; pass < passes; ++pass) {
      for (int64_t y = 0; y < height_; ++y) png_read_row(png_, to + y * width_, nullptr);
    }
    png_read_end(png_, nullptr);
  }

  absl::Status error() const {
    return bad_file(path_, "offset ", source_.position, ": bad PNG file: ", source_.error);
  }

  const std::string& path_;
  PngSource source_;
  png_structp png_;
  png_infop info_;
  int64_t height_ = 0;
  int64_t width_ = 0;
};

bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(int c) { return c >= '0' && c <= '9'; }

class PgmReader {
 public:
  PgmReader(const std::string& path, Bytes file) : path_(path), file_(file) {}

  absl::StatusOr<NDArray> read() {
    int64_t width = 0, height = 0;
    absl::Status status = read_number("a width", 1, kMostExtent, &width);
    if (status.ok()) status = read_number("a height", 1, kMostExtent, &height);
    if (status.ok()) status = read_number("a maximum", 1, 65535, &maximum_);
    if (!status.ok()) return status;

    const bool is_raw = file_[1] == '5';
    const int64_t sample_bytes = maximum_ > 255 ? 2 : 1;
    // The shortest plain samples are a digit and, but for the last one, a space.
    const int64_t least = is_raw ? sample_bytes * height * width : 2 * height * width - 1;
    const int64_t left = size() - position_;
    if (is_raw ? left != least : left < least) {
      return bad_file(path_, "offset ", position_, ": expected ", is_raw ? "the " : "at least ",
                      least, " bytes of ", height, " x ", width, " samples, got ", left);
    }

    absl::StatusOr<NDArray> image = make_image(path_, height, width);
    if (!image.ok()) return image;
    absl::Span<uint8_t> to(image->data<uint8_t>(), static_cast<size_t>(height * width));
    status = is_raw ? read_raw(sample_bytes, to) : read_plain(to);
    if (!status.ok()) return status;
    return image;
  }

 private:
  static constexpr int kEnd = -1;
  static constexpr int64_t kMany = 1'000'000'000;  // and more: no bound is as high

  int64_t size() const { return static_cast<int64_t>(file_.size()); }

  // The next byte; for a comment, its line's end.
  int next() {
    if (position_ == size()) return kEnd;
    int c = file_[position_++];
    if (c != '#') return c;
    while (position_ < size() && c != '\n' && c != '\r') c = file_[position_++];
    return '\n';
  }

  // Also reads the one white space that ends the number.
  absl::Status read_number(const char* what, int64_t least, int64_t most, int64_t* number) {
    int c = next();
    while (is_space(c)) c = next();
    const int64_t begin = c == kEnd ? position_ : position_ - 1;
    int64_t value = 0;
    const bool has_digits = is_digit(c);
    for (; is_digit(c); c = next()) value = std::min(10 * value + (c - '0'), kMany);
    const bool is_number = has_digits && (is_space(c) || c == kEnd);
    if (is_number && value >= least && value <= most) {
      *number = value;
      return absl::OkStatus();
    }
    std::string got = is_number ? absl::StrCat(value) : describe(c);
    if (is_number && value == kMany) absl::StrAppend(&got, " or more");
    return bad_file(path_, "offset ", begin, ": expected ", what, ", ", least, " to ", most,
                    ", got ", got);
  }

  static std::string describe(int c) {
    if (c == kEnd) return "the end of the file";
    return absl::StrCat("the byte ", absl::Hex(c, absl::kZeroPad2));
  }

  // To the nearest of 0 to 255.
  uint8_t scaled(int64_t sample) const {
    return static_cast<uint8_t>((2 * 255 * sample + maximum_) / (2 * maximum_));
  }

  absl::Status read_raw(int64_t sample_bytes, absl::Span<uint8_t> to) {
    for (uint8_t& gray : to) {
      int64_t sample = file_[position_];
      if (sample_bytes == 2) sample = sample << 8 | file_[position_ + 1];
      if (sample > maximum_) {
        return bad_file(path_, "offset ", position_, ": expected a sample, 0 to ", maximum_,
                        ", got ", sample);
      }
      position_ += sample_bytes;
      gray = scaled(sample);
    }
    return absl::OkStatus();
  }

  absl::Status read_plain(absl::Span<uint8_t> to) {
    for (uint8_t& gray : to) {
      int64_t sample = 0;
      absl::Status status = read_number("a sample", 0, maximum_, &sample);
      if (!status.ok()) return status;
      gray = scaled(sample);
    }
    int c = next();
    while (is_space(c)) c = next();
    if (c == kEnd) return absl::OkStatus();
    return bad_file(path_, "offset ", position_ - 1, ": expected the end of the file after ",
                    to.size(), " samples, got ", describe(c));
  }

  const std::string& path_;
  const Bytes file_;
  int64_t position_ = 2;  // after the magic number
  int64_t maximum_ = 1;
};

bool is_png(Bytes file) {
  return file.size() >= sizeof(kPngSignature) &&
         std::memcmp(file.data(), kPngSignature, sizeof(kPngSignature)) == 0;
}

bool is_pgm(Bytes file) {
  return file.size() >= 3 && file[0] == 'P' && (file[1] == '2' || file[1] == '5') &&
         (is_space(file[2]) || file[2] == '#');
}

std::string first_bytes(Bytes file) {
  if (file.empty()) return "an empty file";
  std::string text;
  for (uint8_t byte : file.subspan(0, sizeof(kPngSignature))) {
    absl::StrAppend(&text, text.empty() ? "" : " ", absl::Hex(byte, absl::kZeroPad2));
  }
  return text;
}

}  // namespace

absl::StatusOr<NDArray> read_gray_image(const std::string& path) {
  absl::StatusOr<serialization::InputFile> input = serialization::InputFile::open(path);
  if (!input.ok()) return input.status();
  if (input->size() > kMostFileBytes) {
    return bad_file(path, "expected an image of at most ", kMostFileBytes, " bytes, got ",
                    input->size());
  }
  std::vector<uint8_t> file(static_cast<size_t>(input->size()));
  const absl::Status status = input->read(0, file.data(), input->size());
  if (!status.ok()) return status;

  if (is_png(file)) return PngReader(path, file).read();
  if (is_pgm(file)) return PgmReader(path, file).read();
  return bad_file(path, "expected an image, PNG (", first_bytes(kPngSignature),
                  ") or PGM (50 32 or 50 35, and a space), got ", first_bytes(file));
}

}  // namespace lamina::apps::mnist
