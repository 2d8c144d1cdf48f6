// What the op cases are judged by: a row-major array of doubles and plain loops over it. Nothing of
// Lamina is used here, so that no bug can sit on both sides of a comparison.
#ifndef LAMINA_TESTS_OP_CASES_DENSE_H_
#define LAMINA_TESTS_OP_CASES_DENSE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

namespace lamina::op_cases {

using Extents = std::vector<int64_t>;  // a shape, or an index into one

inline int64_t count(const Extents& shape) {
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  return n;
}

// Calls f(index) for each index into `shape`, in row-major order.
template <class F>
void for_each_index(const Extents& shape, const F& f) {
  Extents index(shape.size(), 0);
  for (int64_t n = count(shape); n > 0; --n) {
    f(static_cast<const Extents&>(index));
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

struct Dense {
  Extents shape;
  std::vector<double> values;

  double& at(const Extents& index) { return values.at(offset(index)); }
  double at(const Extents& index) const { return values.at(offset(index)); }
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t dim(int64_t d) const { return d < 0 ? d + rank() : d; }  // counted from the front

 private:
  int64_t offset(const Extents& index) const {
    int64_t offset = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
      if (index.at(d) < 0 || index[d] >= shape[d]) throw std::out_of_range("Dense");
      offset = offset * shape[d] + index[d];
    }
    return offset;
  }
};

// The array with f(index) at each index.
inline Dense make(const Extents& shape, const std::function<double(const Extents&)>& f) {
  Dense out{shape, {}};
  for_each_index(shape, [&](const Extents& i) { out.values.push_back(f(i)); });
  return out;
}

// The array of this shape whose element i is element from(i) of x, and the reference that gives it of
// its first input.
using Map = std::function<Extents(Extents)>;
inline Dense mapped_of(const Dense& x, const Extents& shape, const Map& from) {
  return make(shape, [&](const Extents& i) { return x.at(from(i)); });
}
using Inputs = std::vector<Dense>;
inline auto mapped(Extents shape, Map from) {
  return [=](const Inputs& in) { return mapped_of(in[0], shape, from); };
}

// What a broadcast x holds at index i of the broadcast shape.
inline double broadcast_at(const Dense& x, const Extents& i) {
  Extents j(x.shape.size());
  for (size_t d = 0; d < j.size(); ++d) j[d] = x.shape[d] == 1 ? 0 : i[i.size() - j.size() + d];
  return x.at(j);
}

inline Extents broadcast(Extents a, Extents b) {
  while (a.size() < b.size()) a.insert(a.begin(), 1);
  while (b.size() < a.size()) b.insert(b.begin(), 1);
  for (size_t d = 0; d < a.size(); ++d) a[d] = a[d] == 1 ? b[d] : a[d];
  return a;
}

inline Dense elementwise(const Dense& x, const std::function<double(double)>& f) {
  Dense out = x;
  for (double& v : out.values) v = f(v);
  return out;
}

inline Dense elementwise(const Dense& a, const Dense& b,
                         const std::function<double(double, double)>& f) {
  return make(broadcast(a.shape, b.shape),
              [&](const Extents& i) { return f(broadcast_at(a, i), broadcast_at(b, i)); });
}

// Hands f the elements along `dims` (all dimensions if there are none) for each index of the
// others, and puts what it returns there. `keepdim` keeps the reduced dimensions with extent 1.
inline Dense reduce(const Dense& x, Extents dims, bool keepdim,
                    const std::function<double(const std::vector<double>&)>& f) {
  if (dims.empty()) {
    for (int64_t d = 0; d < x.rank(); ++d) dims.push_back(d);
  }
  std::vector<bool> reduced(x.shape.size(), false);
  for (int64_t d : dims) {
    if (x.rank() > 0) reduced[x.dim(d)] = true;
  }
  Extents kept = x.shape, out_shape;
  for (size_t d = 0; d < kept.size(); ++d) {
    if (reduced[d]) kept[d] = 1;
    if (!reduced[d] || keepdim) out_shape.push_back(kept[d]);
  }
  Extents along = x.shape;
  for (size_t d = 0; d < along.size(); ++d) along[d] = reduced[d] ? x.shape[d] : 1;
  Dense out = make(kept, [&](const Extents& i) {
    std::vector<double> elements;
    for_each_index(along, [&](const Extents& j) {
      Extents k = i;
      for (size_t d = 0; d < k.size(); ++d) k[d] += j[d];
      elements.push_back(x.at(k));
    });
    return f(elements);
  });
  out.shape = out_shape;
  return out;
}

inline Dense naive_log_softmax(const Dense& x, int64_t dim) {
  const Dense log_sum = reduce(x, {dim}, true, [](const std::vector<double>& v) {
    double sum = 0;
    for (double e : v) sum += std::exp(e);
    return std::log(sum);
  });
  return elementwise(x, log_sum, [](double a, double b) { return a - b; });
}

inline Dense with_shape(Dense x, const Extents& shape) {
  x.shape = shape;
  return x;
}

}  // namespace lamina::op_cases

#endif  // LAMINA_TESTS_OP_CASES_DENSE_H_
