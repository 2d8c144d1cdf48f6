// InlineLoops: keeps a thread out of the pool of parallel.h.
#ifndef LAMINA_TENSOR_INLINE_LOOPS_H_
#define LAMINA_TENSOR_INLINE_LOOPS_H_

namespace lamina {

namespace internal {
// Whether this thread's loops run inline from now on; returns what held before.
bool exchange_inline_loops(bool inline_loops);
}  // namespace internal

// While one lives, each parallel_for of this thread runs inline. For threads that work beside the
// one that computes: they neither take the pool from it nor wake its threads.
class InlineLoops {
 public:
  InlineLoops() : before_(internal::exchange_inline_loops(true)) {}
  ~InlineLoops() { internal::exchange_inline_loops(before_); }
  InlineLoops(const InlineLoops&) = delete;
  InlineLoops& operator=(const InlineLoops&) = delete;

 private:
  const bool before_;
};

}  // namespace lamina

#endif  // LAMINA_TENSOR_INLINE_LOOPS_H_
