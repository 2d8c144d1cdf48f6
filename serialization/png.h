// PNG images: 8 bits a channel, gray or RGB. Source: https://www.w3.org/TR/png-3.
#ifndef LAMINA_SERIALIZATION_PNG_H_
#define LAMINA_SERIALIZATION_PNG_H_

#include <string>

#include "lamina/tensor.h"

namespace lamina {

// The PNG file of an image: uint8 (channels, height, width) with 1 channel (gray) or 3 (red, green,
// blue), or (height, width). Throws DTypeError, and ShapeError for other shapes and extents below 1 or
// above 2^31 - 1. Uses zlib at its default level; rows are filtered as section 12.7 advises.
std::string encode_png(const NDArray& image);

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_PNG_H_
