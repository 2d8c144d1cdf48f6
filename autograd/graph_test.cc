#include "lamina/autograd/graph.h"

#include <string>

#include "gtest/gtest.h"
#include "lamina/autograd/anomaly.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

TEST(ToDotTest, DrawsOperationsShapesLeavesAndLabels) {
  const Tensor w = ones({3, 2}, float64).requires_grad_(), b = ones(2).requires_grad_();
  const Tensor h = matmul(ones({4, 3}, float64), w);
  const Tensor loss = [&] {
    const LabelGuard label("the \"loss\"");
    return sum(h * h + b);
  }();
  EXPECT_EQ(to_dot(loss, {{"w", w}}), R"(digraph {
  node [shape=box];
  n0 [label="sum\nthe \"loss\"\n() float64"];
  n1 [label="add\nthe \"loss\"\n(4, 2) float64"];
  n2 [label="mul\nthe \"loss\"\n(4, 2) float64"];
  n3 [shape=ellipse, label="(2,) float32"];
  n4 [label="matmul\n(4, 2) float64"];
  n5 [shape=ellipse, label="w\n(3, 2) float64"];
  n1 -> n0;
  n2 -> n1;
  n3 -> n1;
  n4 -> n2;
  n4 -> n2;
  n5 -> n4;
}
)");
}

TEST(ToDotTest, OfALeafAndOfNothing) {
  const Tensor a = ones({2}).requires_grad_();
  EXPECT_EQ(to_dot(a),
            "digraph {\n  node [shape=box];\n  n0 [shape=ellipse, label=\"(2,) float32\"];\n}\n");
  EXPECT_THROWS(RuntimeError, "[to_dot] expected a defined tensor", to_dot(Tensor()));
}

TEST(ToDotTest, DeepGraphs) {
  Tensor c = ones({}).requires_grad_();
  for (int i = 0; i < 100000; ++i) c = c + 1;
  EXPECT_GT(to_dot(c).size(), 100000u * 20);
}

}  // namespace
}  // namespace lamina
