// Learns whether a point of the square is inside a circle.
#ifndef DOWNSTREAM_CIRCLE_H_
#define DOWNSTREAM_CIRCLE_H_

#include "settings.pb.h"

namespace downstream {

struct Learned {
  double first_loss;
  double last_loss;
  double error;  // the share of points on the wrong side, at the end
};

Learned learn_circle(const Settings& settings);

}  // namespace downstream

#endif  // DOWNSTREAM_CIRCLE_H_
