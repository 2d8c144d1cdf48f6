// Learns whether a point of the square is inside a circle.
#ifndef DOWNSTREAM_CIRCLE_H_
#define DOWNSTREAM_CIRCLE_H_

#include <string>

#include "absl/status/statusor.h"
#include "settings.pb.h"

namespace downstream {

struct Learned {
  double first_loss;
  double last_loss;
  double error;  // the share of points on the wrong side, at the end
};

// Saves the model that it has learned as a checkpoint at `path`.
absl::StatusOr<Learned> learn_circle(const Settings& settings, const std::string& path);

// Loads a model of these settings, and gives its share of points on the wrong side. FailedPrecondition
// for a checkpoint of another model.
absl::StatusOr<double> error_of_circle(const Settings& settings, const std::string& path);

}  // namespace downstream

#endif  // DOWNSTREAM_CIRCLE_H_
