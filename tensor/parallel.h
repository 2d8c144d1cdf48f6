// One pool of threads for all kernels.
//
// Promise: the number of threads never changes a result. Kernels split their work by its size only,
// and what one range computes does not depend on where the other ranges end.
#ifndef LAMINA_TENSOR_PARALLEL_H_
#define LAMINA_TENSOR_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace lamina {

// The threads that one parallel_for uses, the caller included; at first the number of processors.
// Not to be called inside a parallel_for. Throws ValueError below 1.
void set_num_threads(int threads);
int get_num_threads();

// Calls body(first, last) on ranges that cover [begin, end) once and begin at multiples of `grain`
// from `begin`, on several threads when there is more than one grain of work. Returns when all are
// done; the first exception of a body is rethrown. Called inside a body, or while another thread
// has the pool, it runs inline.
void parallel_for(int64_t begin, int64_t end, int64_t grain,
                  absl::FunctionRef<void(int64_t, int64_t)> body);

}  // namespace lamina

#endif  // LAMINA_TENSOR_PARALLEL_H_
