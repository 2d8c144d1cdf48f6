// TFRecord, the framing of TensorBoard's event files. A file is a sequence of
//
//   8 bytes   the number n of bytes of data, little-endian
//   4 bytes   the masked CRC32C of those 8 bytes
//   n bytes   data
//   4 bytes   the masked CRC32C of the data
//
// Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
#ifndef LAMINA_SERIALIZATION_TF_RECORD_H_
#define LAMINA_SERIALIZATION_TF_RECORD_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace lamina::serialization {

std::string tf_record(absl::string_view data);

// ((crc >> 15) | (crc << 17)) + 0xa282ead8: of bytes that hold a CRC of themselves, another one.
uint32_t masked_crc32c(absl::string_view bytes);

}  // namespace lamina::serialization

#endif  // LAMINA_SERIALIZATION_TF_RECORD_H_
