// For event_file_reader_test.py: event_file_writer FOLDER writes an event file there, and images beside it.
// The test knows what is in them.
#include <fstream>
#include <string>

#include "lamina/serialization/event_file.h"
#include "lamina/serialization/png.h"
#include "lamina/tensor.h"

namespace lamina {
namespace {

// Element i is (37 i + i / 7) mod 251: no row repeats another.
NDArray pattern(const Shape& shape) {
  NDArray image = NDArray::empty(shape, uint8);
  int64_t i = 0;
  for (uint8_t& byte : image.span<uint8_t>()) {
    byte = static_cast<uint8_t>((37 * i + i / 7) % 251);
    ++i;
  }
  return image;
}

absl::Status write(const std::string& folder) {
  absl::StatusOr<EventWriter> events = EventWriter::create(folder + "/runs/first");
  if (!events.ok()) return events.status();
  absl::Status status;
  for (int64_t step = 0; step < 3; ++step) {
    status.Update(events->add_scalar("loss/train", 1.5 / static_cast<double>(step + 1), step));
  }
  status.Update(events->add_scalar("größe", -1e300, int64_t{1} << 40));
  NDArray values = NDArray::empty({1001}, float64);
  for (int64_t i = 0; i <= 1000; ++i) values.at<double>({i}) = static_cast<double>(i - 300) / 100;
  status.Update(events->add_histogram("weights", values, 1));
  status.Update(events->add_image("gray", pattern({1, 5, 9}), 2));
  status.Update(events->add_image("rgb", pattern({3, 40, 30}), 2));
  for (const auto& [name, shape] :
       {std::pair("plane", Shape({17, 23})), std::pair("rgb", Shape({3, 300, 200})),
        std::pair("dot", Shape({1, 1, 1}))}) {
    std::ofstream(folder + "/" + name + ".png", std::ios::binary) << encode_png(pattern(shape));
  }
  return status;
}

}  // namespace
}  // namespace lamina

int main(int argc, char** argv) { return argc == 2 && lamina::write(argv[1]).ok() ? 0 : 1; }
