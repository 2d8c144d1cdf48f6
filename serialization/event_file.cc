#include "lamina/serialization/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lamina/serialization/event.pb.h"
#include "lamina/serialization/png.h"
#include "lamina/serialization/status.h"
#include "lamina/serialization/text.h"
#include "lamina/serialization/tf_record.h"

namespace lamina {
namespace {

using serialization::system_error;

// An event's. Of one above 2 GiB protobuf would write nothing, and not say so.
constexpr size_t kMostBytes = size_t{1} << 30;
constexpr size_t kMostInTag = 64 << 10;

// Seconds since 1970.
double now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since_1970).count();
}

proto::Summary::Value& add_value(proto::Event& event, const char* op, absl::string_view tag,
                                 int64_t step) {
  if (tag.size() > kMostInTag) {
    fail<ValueError>(op, "expected a tag of at most ", kMostInTag, " bytes, got one of ",
                     tag.size());
  }
  if (!serialization::is_utf8(tag)) {
    fail<ValueError>(op, "expected a tag in UTF-8, got ", serialization::in_quotes(tag));
  }
  event.set_wall_time(now());
  event.set_step(step);
  proto::Summary::Value& value = *event.mutable_summary()->add_value();
  value.set_tag(std::string(tag));
  return value;
}

// The upper limits of the buckets, those that TensorFlow's own histograms have. Source: InitDefaultBuckets in
// https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/lib/histogram/histogram.cc
const std::vector<double>& bucket_limits() {
  static const auto& limits = *new std::vector<double>([] {
    std::vector<double> positive;
    for (double limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push_back(limit);
    positive.push_back(std::numeric_limits<double>::max());
    std::vector<double> all(positive.rbegin(), positive.rend());
    for (double& limit : all) limit = -limit;
    all.push_back(0);
    all.insert(all.end(), positive.begin(), positive.end());
    return all;
  }());
  return limits;
}

void set_histogram(const std::vector<double>& values, proto::HistogramProto& histogram) {
  const std::vector<double>& limits = bucket_limits();
  std::vector<double> counts(limits.size());
  double min = std::numeric_limits<double>::max(), max = -min, sum = 0, sum_squares = 0, count = 0;
  for (double value : values) {
    if (!std::isfinite(value)) continue;
    min = std::min(min, value);
    max = std::max(max, value);
    sum += value;
    sum_squares += value * value;
    ++count;
    const auto limit = std::upper_bound(limits.begin(), limits.end() - 1, value);
    ++counts[static_cast<size_t>(limit - limits.begin())];
  }
  if (count == 0) return;
  histogram.set_min(min);
  histogram.set_max(max);
  histogram.set_num(count);
  histogram.set_sum(sum);
  histogram.set_sum_squares(sum_squares);
  // The buckets that are not empty and those between, and one in front, whose limit is where they begin.
  size_t first = 0, last = counts.size() - 1;
  while (counts[first] == 0) ++first;
  while (counts[last] == 0) --last;
  for (size_t i = first == 0 ? 0 : first - 1; i <= last; ++i) {
    histogram.add_bucket_limit(limits[i]);
    histogram.add_bucket(counts[i]);
  }
}

// uint8, whatever the image was.
NDArray to_bytes(const Tensor& image) {
  check_defined("add_image", image.data());
  if (image.dtype() == uint8) return image.data();
  if (!is_floating(image.dtype())) {
    fail<DTypeError>("add_image", "expected uint8 or a floating dtype, got ",
                     name_of(image.dtype()));
  }
  const NDArray shares = image.data().to(float32).contiguous();
  NDArray bytes = NDArray::empty(shares.shape(), uint8);
  const auto* from = shares.data<float>();
  auto* to = bytes.data<uint8_t>();
  for (int64_t i = 0; i < shares.numel(); ++i) {
    const float share = from[i] > 0 ? std::min(from[i], 1.0f) : 0;  // NaN is not above 0
    to[i] = static_cast<uint8_t>(std::lround(share * 255));
  }
  return bytes;
}

}  // namespace

absl::StatusOr<EventWriter> EventWriter::create(const std::string& folder) {
  absl::Status status = serialization::check_path(folder);
  if (!status.ok()) return status;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat(folder, ": cannot make the folder"));
  }
  char host[256] = "localhost";
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  const auto seconds = static_cast<int64_t>(now());
  for (int number = 0;; ++number) {
    std::string path = absl::StrCat(folder, "/events.out.tfevents.", seconds, ".", host, ".",
                                    getpid(), ".", number);
    serialization::Descriptor file(
        open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file.valid() && errno == EEXIST) continue;
    if (!file.valid()) return system_error(path, "cannot create");
    EventWriter writer(std::move(path), std::move(file));
    proto::Event version;
    version.set_wall_time(now());
    version.set_file_version("brain.Event:2");
    status = writer.write(version);
    if (!status.ok()) return status;
    return writer;
  }
}

absl::Status EventWriter::add_scalar(absl::string_view tag, double value, int64_t step) {
  proto::Event event;
  add_value(event, "add_scalar", tag, step).set_simple_value(static_cast<float>(value));
  return write(event);
}

absl::Status EventWriter::add_histogram(absl::string_view tag, const Tensor& values, int64_t step) {
  check_defined("add_histogram", values.data());
  proto::Event event;
  set_histogram(values.data().to_vector<double>(),
                *add_value(event, "add_histogram", tag, step).mutable_histo());
  return write(event);
}

absl::Status EventWriter::add_image(absl::string_view tag, const Tensor& image, int64_t step) {
  proto::Event event;
  proto::Summary::Image& stored = *add_value(event, "add_image", tag, step).mutable_image();
  const OpScope scope("add_image");
  const NDArray bytes = to_bytes(image);
  stored.set_encoded_image_string(encode_png(bytes));
  stored.set_height(static_cast<int32_t>(bytes.size(-2)));
  stored.set_width(static_cast<int32_t>(bytes.size(-1)));
  stored.set_colorspace(bytes.dim() == 2 ? 1 : static_cast<int32_t>(bytes.size(0)));
  return write(event);
}

absl::Status EventWriter::write(const proto::Event& event) {
  if (!file_.valid()) return serialization::moved_from("EventWriter");
  const size_t bytes = event.ByteSizeLong();
  if (bytes > kMostBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": expected an event of at most ",
                                                   kMostBytes, " bytes, got one of ", bytes));
  }
  if (is_torn_ && ftruncate(file_.get(), position_) != 0) {
    return system_error(path_, "cannot cut off what is left of a record");
  }
  is_torn_ = true;
  const std::string record = serialization::tf_record(event.SerializeAsString());
  for (size_t done = 0; done < record.size();) {
    const ssize_t put = pwrite(file_.get(), record.data() + done, record.size() - done,
                               position_ + static_cast<int64_t>(done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      absl::Status status = system_error(path_, "cannot write");
      is_torn_ = ftruncate(file_.get(), position_) != 0;
      return status;
    }
    done += static_cast<size_t>(put);
  }
  is_torn_ = false;
  position_ += static_cast<int64_t>(record.size());
  return absl::OkStatus();
}

}  // namespace lamina
