#include "lamina/tensor/inline_loops.h"

#include <atomic>

#include "gtest/gtest.h"
#include "lamina/tensor/parallel.h"

namespace lamina {
namespace {

int bodies_of_a_loop() {
  std::atomic<int> bodies{0};
  parallel_for(0, 1000, 1, [&](int64_t, int64_t) { ++bodies; });
  return bodies;
}

TEST(InlineLoops, KeepThisThreadsLoopsInOnePieceWhileTheyLive) {
  const int before = get_num_threads();
  set_num_threads(2);
  EXPECT_GT(bodies_of_a_loop(), 1);
  {
    const InlineLoops outer;
    {
      const InlineLoops inner;
      EXPECT_EQ(bodies_of_a_loop(), 1);
    }
    EXPECT_EQ(bodies_of_a_loop(), 1);
  }
  EXPECT_GT(bodies_of_a_loop(), 1);
  set_num_threads(before);
}

}  // namespace
}  // namespace lamina
