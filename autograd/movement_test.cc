// Gradients of movement and indexing that differences do not show: repeated places, dtypes, what is
// saved. Values are PyTorch 1.13's.
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::grad_of;
using test::Values;

Tensor leaf(const Values& values, DType dtype = float64) {
  return Tensor(test::array(values, dtype)).requires_grad_();
}
Tensor integers(const Values& values) { return test::array(values, int64); }

TEST(MovementGradients, EveryRepeatedSourceOfAScatterGetsOne) {
  const Tensor x = leaf({0, 0, 0}), source = leaf({1, 2, 3});
  sum(scatter(x, 0, integers({1, 1, 0}), source) * test::array({1, 10, 100})).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 0, 100}));
  EXPECT_EQ(grad_of(source), (Values{10, 10, 1}));
}

TEST(MovementGradients, OfRanksZeroAndOneTogether) {
  const Tensor scalar = tensor({5.0}, {}).requires_grad_(), x = leaf({1, 2}),
               three = leaf({3, 4, 5});
  const Tensor one = integers({1}).reshape({});  // with `three` by hand: PyTorch fails in backward
  sum(gather(scalar, 0, integers({0, 0, 0})) * test::array({1, 2, 3})).backward();
  EXPECT_EQ(grad_of(scalar), (Values{6}));
  sum(scatter_add(x, 0, one, three) * test::array({10, 20})).backward();
  EXPECT_EQ(grad_of(x), (Values{10, 20}));
  EXPECT_EQ(grad_of(three), (Values{20, 0, 0}));
  const Tensor y = leaf({1, 2}), source = tensor({5.0}, {}).requires_grad_();
  sum(scatter(y, 0, integers({0}), source) * test::array({10, 20})).backward();
  EXPECT_EQ(grad_of(y), (Values{0, 20}));
  EXPECT_EQ(source.grad().shape(), Shape());
  EXPECT_EQ(grad_of(source), (Values{10}));
}

TEST(MovementGradients, OfAPadThatCropsAndPadsNothing) {
  const Tensor x = tensor(Values{}, {0, 3}).requires_grad_();
  sum(pad(x, {-1, 0, 1, 0})).backward();
  EXPECT_EQ(x.grad().shape(), (Shape{0, 3}));
}

TEST(MovementGradients, AsStridedAddsUpAndSharesAmongEqualPlaces) {
  const Tensor x = leaf({1, 2});
  sum(x.as_strided({2, 2}, {1, 0}) * test::array({1, 2, 3, 4}, {2, 2})).backward();
  EXPECT_EQ(grad_of(x), (Values{3, 7}));
  const Tensor one = leaf({1});
  sum(one.expand(2).as_strided(2, 0) * test::array({3, 5})).backward();
  EXPECT_EQ(grad_of(one), (Values{8}));
}

TEST(MovementGradients, CatHandsBackTheDtypesOfItsInputs) {
  const Tensor narrow = leaf({1, 2}, float32), wide = leaf({3}), empty = leaf({}),
               plain = integers({4});
  const std::vector<Tensor> all = {narrow, wide, empty, plain};
  const Tensor y = cat(all);
  EXPECT_EQ(y.dtype(), float64);
  EXPECT_STREQ(y.grad_fn().name(), "cat");
  sum(y * test::array({1, 2, 3, 4})).backward();
  EXPECT_EQ(narrow.grad().dtype(), float32);
  EXPECT_EQ(grad_of(narrow), (Values{1, 2}));
  EXPECT_EQ(grad_of(wide), (Values{3}));
  EXPECT_EQ(grad_of(empty), (Values{}));
  EXPECT_FALSE(cat({plain, plain}).requires_grad());
}

TEST(MovementGradients, CatOfOneTensorManyTimesAddsUp) {
  const Tensor x = leaf({2});
  const std::vector<Tensor> all(100, x);
  sum(cat(all)).backward();
  EXPECT_EQ(grad_of(x), (Values{100}));
}

TEST(MovementGradients, IndexTakesTensorsAndKeepsItsOwnCopy) {
  const Tensor x = leaf({1, 2, 3});
  const Tensor rows = integers({2, 2, -3});
  const Tensor y = x.index({rows});
  NDArray shared = rows.data();
  shared.fill_(1);  // too late to matter
  sum(y * test::array({1, 10, 100})).backward();
  EXPECT_EQ(grad_of(x), (Values{100, 0, 11}));
}

TEST(MovementGradients, IndexOfSlicesIsAViewWithHistory) {
  const Tensor x = Tensor(NDArray::arange(6, float64).view({2, 3})).requires_grad_();
  const Tensor y = x.index({-1, Slice(None, None, 2)});
  EXPECT_EQ(y.data().storage(), x.data().storage());
  sum(y * test::array({5, 7})).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 0, 0, 5, 0, 7}));
}

TEST(MovementGradients, IndexPutPassesNothingToWhatItReplaced) {
  const Tensor x = leaf({1, 2, 3}), value = leaf({9});
  const Tensor y = index_put(x, {integers({0, 2})}, value);
  EXPECT_EQ(y.to_vector<double>(), (Values{9, 2, 9}));
  sum(y * test::array({1, 10, 100})).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 10, 0}));
  EXPECT_EQ(grad_of(value), (Values{101}));
}

TEST(MovementGradients, WhereLetsNoNanThroughTheOtherBranch) {
  const Tensor x = leaf({0, 4});
  const Tensor y = where(x.gt(0), x, 1) * 1;
  sum(log(y)).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 0.25}));
}

TEST(MovementGradients, WhereRefusesAConditionThatWasChanged) {
  const Tensor x = leaf({1, 2});
  const Tensor condition = x.gt(1);
  const Tensor y = where(condition, x, 0);
  NDArray shared = condition.data();
  shared.fill_(true);
  EXPECT_THROWS(RuntimeError, "[where] a value that backward needs was changed in place",
                sum(y).backward());
}

TEST(MovementGradients, SplitsCanBeUsedInPart) {
  const Tensor x = leaf({1, 2, 3});
  const std::vector<Tensor> pieces = x.split(2);
  sum(pieces[1] * 5).backward();
  EXPECT_EQ(grad_of(x), (Values{0, 0, 5}));
}

}  // namespace
}  // namespace lamina
