// Images of a user's own, in the two formats that programs for drawing and command-line tools write:
//
//   PNG   every colour type and bit depth, interlaced or not. Source: https://www.w3.org/TR/png-3.
//   PGM   plain (P2) and raw (P5), with comments. Source: https://netpbm.sourceforge.net/doc/pgm.html.
//
// Which of the two it is, the file's first bytes say, not its name.
#ifndef LAMINA_APPS_MNIST_IMAGE_FILE_H_
#define LAMINA_APPS_MNIST_IMAGE_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "lamina/tensor.h"

namespace lamina::apps::mnist {

// The image in shades of gray: uint8 (height, width), 0 is black, 255 white, each extent 1 to 4096.
//
// A pixel's gray is 255 alpha (6968 red + 23434 green + 2366 blue) / 32768, of samples from 0 to 1,
// rounded to the nearest: libpng's weights, which are the luminance of Rec. 709. So what is
// transparent is black, the background of the MNIST digits. The samples are taken as they are
// stored: gamma, colour profiles and the background that a PNG file suggests change nothing.
//
// A file that is missing, no regular file, of another format, damaged, cut short or too large is an
// error of one line that begins with the path. What follows the end of a PNG image is not looked at;
// of a PGM file it is refused, for only a wrong header can leave it. Nothing that a file holds leads
// to an exception, or to memory beyond the file's own size and that of an image which it can fill.
absl::StatusOr<NDArray> read_gray_image(const std::string& path);

}  // namespace lamina::apps::mnist

#endif  // LAMINA_APPS_MNIST_IMAGE_FILE_H_
