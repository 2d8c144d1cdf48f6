// One pool of threads for all kernels.
//
// Promise: the number of threads never changes a result. A range begins at a multiple of the grain,
// but how many grains it has depends on the number of threads: so what a body computes for a grain
// must not depend on where its range begins or ends.
#ifndef LAMINA_TENSOR_PARALLEL_H_
#define LAMINA_TENSOR_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace lamina {

// The threads that one parallel_for uses, the caller included; at first the number of processors.
// Throws ValueError unless it is 1 to 1024, and RuntimeError inside a body of parallel_for, or if
// the system does not let us start as many: then those that started are used.
// It waits until no loop runs: so a body must not wait for another thread's set_num_threads.
void set_num_threads(int threads);
int get_num_threads();

// Calls body(first, last) on ranges that cover [begin, end) once and begin at multiples of `grain`
// from `begin`, on several threads when there is more than one grain of work. Returns when all are
// done; the first exception of a body is rethrown. It runs inline, as body(begin, end), if there is
// one grain at most, inside a body that is being shared out, and while another thread has the pool;
// calls inside a body that runs inline may use the pool. A forked child has a pool of its own.
void parallel_for(int64_t begin, int64_t end, int64_t grain,
                  absl::FunctionRef<void(int64_t, int64_t)> body);

}  // namespace lamina

#endif  // LAMINA_TENSOR_PARALLEL_H_
