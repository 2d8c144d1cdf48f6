// A header that Lamina has under the same path: each workspace gets its own.
#ifndef DOWNSTREAM_TENSOR_SHAPE_H_
#define DOWNSTREAM_TENSOR_SHAPE_H_

namespace downstream {

struct Shape {
  float radius;
  bool contains(float x, float y) const { return x * x + y * y < radius * radius; }
};

}  // namespace downstream

#endif  // DOWNSTREAM_TENSOR_SHAPE_H_
