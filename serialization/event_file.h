// TensorBoard event files: scalars, histograms and images of a run, for `tensorboard --logdir=<folder>`.
//
//   auto events = EventWriter::create("runs/first");
//   if (!events.ok()) ...
//   events->add_scalar("loss/train", 0.5, step).IgnoreError();  // a full disk is no reason to stop
//
// The format: records of tf_record.h, each of which is a message of event.proto.
#ifndef LAMINA_SERIALIZATION_EVENT_FILE_H_
#define LAMINA_SERIALIZATION_EVENT_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lamina/autograd.h"
#include "lamina/serialization/file.h"

namespace lamina {

namespace proto {
class Event;
}  // namespace proto

// Writes one event file. Each event is in the system's hands when its call returns, there is nothing to
// flush: a process that is killed loses none but the one at hand, and TensorBoard reads up to there. It
// is not forced to the disk, so that a machine which fails may lose the last seconds.
//
// Errors begin with the path. After one, such as of a full disk, the writer may be used on: the file is
// cut back to its last whole record, and later ones follow there. Not for several threads at once.
//
// A tag names a chart, "loss/train" one in the group "loss"; ValueError unless it is UTF-8 and of at most
// 65,536 bytes. InvalidArgument for an image whose PNG file is above 1 GiB.
class EventWriter {
 public:
  // Makes the folder, with those above it, if it is not there, and in it a file that is not:
  // events.out.tfevents.<seconds since 1970>.<host>.<process>.<number>.
  static absl::StatusOr<EventWriter> create(const std::string& folder);

  const std::string& path() const { return path_; }

  // As a float32.
  absl::Status add_scalar(absl::string_view tag, double value, int64_t step);
  // Of all elements of an array of numbers: counts in buckets that grow by 10 %, from 1e-12 to 1e20, and
  // their mirror images. NaN and infinities are left out.
  absl::Status add_histogram(absl::string_view tag, const Tensor& values, int64_t step);
  // (channels, height, width) with 1 or 3 channels, or (height, width): uint8, or floating from 0 to 1,
  // rounded to 256 steps and clamped; NaN is 0. Else ShapeError or DTypeError.
  absl::Status add_image(absl::string_view tag, const Tensor& image, int64_t step);

 private:
  EventWriter(std::string path, serialization::Descriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  absl::Status write(const proto::Event& event);

  std::string path_;
  serialization::Descriptor file_;
  int64_t position_ = 0;  // the end of the last whole record
  bool is_torn_ = false;  // a part of another one may follow
};

}  // namespace lamina

#endif  // LAMINA_SERIALIZATION_EVENT_FILE_H_
