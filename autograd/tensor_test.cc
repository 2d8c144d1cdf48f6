#include "lamina/autograd/tensor.h"

#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using Values = std::vector<double>;

TEST(Tensor, WithoutAValueIsUndefined) {
  const Tensor x;
  EXPECT_FALSE(x.defined());
  EXPECT_FALSE(x.data().defined());
  EXPECT_FALSE(x.requires_grad());
  EXPECT_TRUE(x.is_leaf());
  EXPECT_EQ(x.str(), "Tensor(undefined)");
  EXPECT_FALSE(Tensor(NDArray()).defined());
}

TEST(Tensor, WithoutAValueIsRefusedByItsMethods) {
  const Tensor x;
  EXPECT_THROWS(RuntimeError, "[grad] expected a defined tensor, got one without a value",
                x.grad());
  EXPECT_THROWS(RuntimeError, "[set_grad] expected a defined tensor", x.set_grad(ones({})));
  EXPECT_THROWS(RuntimeError, "[set_data] expected a defined tensor",
                x.set_data(NDArray::ones({})));
  EXPECT_THROWS(RuntimeError, "[requires_grad_] expected a defined tensor",
                Tensor().requires_grad_());
  EXPECT_THROWS(RuntimeError, "[backward] expected a defined tensor", x.backward());
  EXPECT_THROWS(RuntimeError, "[item] expected a defined array", x.item<float>());
  EXPECT_THROWS(RuntimeError, "[set_data] expected a defined array", ones({}).set_data(NDArray()));
}

TEST(Tensor, CopyIsAnotherHandleOnTheSameTensor) {
  Tensor a = ones({2});
  const Tensor b = a;
  a.requires_grad_();
  EXPECT_TRUE(b.requires_grad());
  b.set_data(NDArray::from({5.0, 6.0}, {2}).to(float32));
  EXPECT_EQ(a.to_vector<double>(), (Values{5, 6}));
  sum(a).backward();
  EXPECT_TRUE(b.grad().defined());
}

TEST(Tensor, AssignmentPointsTheHandleElsewhere) {
  Tensor a = ones({2});
  const Tensor b = a;
  a = zeros({3});
  EXPECT_EQ(b.shape(), Shape{2});
}

TEST(Tensor, SharesStorageWithTheArrayItCameFromAndWithItsData) {
  NDArray array = NDArray::zeros({2});
  const Tensor x = array;
  array.fill_(3);
  EXPECT_EQ(x.to_vector<double>(), (Values{3, 3}));
  NDArray data = x.data();
  data.fill_(4);
  EXPECT_EQ(array.to_vector<double>(), (Values{4, 4}));
}

TEST(Tensor, CloneCopiesTheElementsAndKeepsTheHistory) {
  const Tensor x = ones({2}).requires_grad_();
  const Tensor y = x.clone();
  NDArray data = y.data();
  data.fill_(7);
  EXPECT_EQ(x.to_vector<double>(), (Values{1, 1}));
  sum(y).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{1, 1}));
}

TEST(Tensor, DetachSharesTheValuesAndLeavesTheHistory) {
  const Tensor x = ones({2}).requires_grad_();
  const Tensor y = x * 3, d = y.detach();
  EXPECT_TRUE(d.is_leaf());
  EXPECT_FALSE(d.requires_grad());
  EXPECT_EQ(d.data().storage(), y.data().storage());
  sum(y * d).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{9, 9}));  // 3 d, and nothing through d
}

TEST(Tensor, DataHasNoHistory) {
  const Tensor x = ones({2}).requires_grad_();
  EXPECT_FALSE(Tensor((x * 2).data() * 2).requires_grad());
}

TEST(Tensor, ViewsShareStorageAndVersion) {
  const Tensor x = zeros({2, 3});
  for (const Tensor& v : {x.view({3, 2}), x.t(), x.transpose(0, 1), x.permute({1, 0}),
                          x.narrow(1, 1, 2), x.select(0, 1), x.unsqueeze(0), x.squeeze(),
                          x.expand({4, 2, 3}), x.flatten(), x.detach()}) {
    const uint32_t before = x.data().version();
    NDArray data = v.data().dim() == 3 ? v.data().select(0, 0) : v.data();
    data.fill_(1);
    EXPECT_EQ(v.data().storage(), x.data().storage());
    EXPECT_GT(x.data().version(), before);
  }
}

// ---- requires_grad

TEST(Tensor, LeafAsksForAGradientAndStopsAsking) {
  Tensor x = ones({2});
  EXPECT_FALSE(x.requires_grad());
  EXPECT_TRUE(x.requires_grad_().requires_grad());
  EXPECT_TRUE(x.is_leaf());
  EXPECT_FALSE((x * 2).is_leaf());
  EXPECT_TRUE((x * 2).requires_grad());
  x.requires_grad_(false);
  EXPECT_FALSE(x.requires_grad());
  EXPECT_FALSE((x * 2).requires_grad());
}

TEST(Tensor, OnlyFloatingTensorsRequireGradients) {
  for (const DType dtype : {bool_, uint8, int32, int64}) {
    EXPECT_THROWS(DTypeError,
                  std::string("[requires_grad_] expected a floating dtype, got ") + name_of(dtype),
                  zeros({2}, dtype).requires_grad_());
    EXPECT_FALSE(zeros({2}, dtype).requires_grad_(false).requires_grad());
  }
}

TEST(Tensor, ResultCannotStopRequiringAGradient) {
  const Tensor x = ones({2}).requires_grad_();
  Tensor y = x * 2;
  y.requires_grad_();  // it does already
  EXPECT_THROWS(
      RuntimeError,
      "[requires_grad_] expected a leaf, got the result of mul; use detach() for its values",
      y.requires_grad_(false));
}

TEST(Tensor, ResultOfIntegersOrComparisonsRequiresNoGradient) {
  const Tensor x = ones({2}).requires_grad_();
  EXPECT_FALSE((x > 0).requires_grad());
  EXPECT_FALSE(x.to(int64).requires_grad());
  EXPECT_FALSE(x.argmax().requires_grad());
  EXPECT_FALSE(x.max(0).indices.requires_grad());
  EXPECT_TRUE(x.max(0).values.requires_grad());
}

TEST(Tensor, GradFnNamesTheOperation) {
  const Tensor x = ones({2, 2}).requires_grad_();
  EXPECT_FALSE(x.grad_fn());
  EXPECT_STREQ((x + 1).grad_fn().name(), "add");
  EXPECT_STREQ(log_softmax(x, 1).grad_fn().name(), "log_softmax");
  EXPECT_STREQ(x.reshape(4).grad_fn().name(), "reshape");
  EXPECT_STREQ(x.view(4).grad_fn().name(), "view");
}

TEST(Tensor, NoGradGuardRecordsNothing) {
  const Tensor x = ones({2}).requires_grad_();
  {
    const NoGradGuard no_grad;
    EXPECT_FALSE(is_grad_enabled());
    const Tensor y = x * 2;
    EXPECT_FALSE(y.requires_grad());
    EXPECT_TRUE(y.is_leaf());
    EXPECT_TRUE(x.requires_grad());
    {
      const GradModeGuard grad(true);
      EXPECT_TRUE((x * 2).requires_grad());
    }
    EXPECT_FALSE(is_grad_enabled());
  }
  EXPECT_TRUE(is_grad_enabled());
}

// ---- set_data and set_grad

TEST(Tensor, SetDataReplacesValuesShapeAndDtypeOfALeaf) {
  const Tensor x = ones({2}).requires_grad_();
  x.set_data(NDArray::full({3}, 2, float64));
  EXPECT_EQ(x.shape(), Shape{3});
  EXPECT_EQ(x.dtype(), float64);
  EXPECT_TRUE(x.requires_grad());
  sum(x * x).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{4, 4, 4}));
}

TEST(Tensor, SetDataKeepsAGradientThatStillFits) {
  const Tensor x = ones({2}).requires_grad_();
  sum(x).backward();
  x.set_data(NDArray::zeros({2}));
  EXPECT_TRUE(x.grad().defined());
  x.set_data(NDArray::zeros({2}, float64));
  EXPECT_FALSE(x.grad().defined());
  sum(x).backward();
  x.set_data(NDArray::zeros({3}, float64));
  EXPECT_FALSE(x.grad().defined());
}

TEST(Tensor, SetDataRefusesAResultAndAnIntegerLeafThatRequiresAGradient) {
  const Tensor x = ones({2}).requires_grad_();
  EXPECT_THROWS(RuntimeError, "[set_data] expected a leaf, got the result of mul",
                (x * 2).set_data(NDArray::ones({2})));
  EXPECT_THROWS(DTypeError, "[set_data] expected a floating dtype, got int64",
                x.set_data(NDArray::arange(2)));
  EXPECT_EQ(x.dtype(), float32);
}

TEST(Tensor, SetGradTakesOneThatFits) {
  const Tensor x = ones({2}).requires_grad_();
  x.set_grad(full({2}, 3.0));
  sum(x).backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{4, 4}));
  x.set_grad({});
  EXPECT_FALSE(x.grad().defined());
  EXPECT_THROWS(
      ShapeError,
      "[set_grad] expected a gradient of shape (2,) and dtype float32, got (3,) and float32",
      x.set_grad(ones({3})));
  EXPECT_THROWS(
      ShapeError,
      "[set_grad] expected a gradient of shape (2,) and dtype float32, got (2,) and float64",
      x.set_grad(ones({2}, float64)));
}

// ---- Text: what PyTorch 1.13 prints, with Lamina's names for operations

TEST(Tensor, PrintsWhetherItRequiresAGradient) {
  Tensor x = tensor({1.f, 2.f}, {2});
  EXPECT_EQ(x.str(), "tensor([1., 2.])");
  x.requires_grad_();
  EXPECT_EQ(x.str(), "tensor([1., 2.], requires_grad=True)");
  EXPECT_EQ((x * 2).str(), "tensor([2., 4.], grad_fn=<mul>)");
  EXPECT_EQ(x.detach().str(), "tensor([1., 2.])");
  EXPECT_EQ(x.to(float64).str(), "tensor([1., 2.], dtype=float64, grad_fn=<to>)");
  std::ostringstream stream;
  stream << x.sum();
  EXPECT_EQ(stream.str(), "tensor(3., grad_fn=<sum>)");
}

// ---- Creation

TEST(Tensor, CreationFunctionsGiveTheDocumentedDtypes) {
  EXPECT_EQ(zeros({2}).dtype(), float32);
  EXPECT_EQ(ones({2}, int32).dtype(), int32);
  EXPECT_EQ(full({2}, 1.5).dtype(), float32);
  EXPECT_EQ(full({2}, 1).dtype(), int64);
  EXPECT_EQ(full({2}, true).dtype(), bool_);
  EXPECT_EQ(full({2}, 1, float64).dtype(), float64);
  EXPECT_EQ(arange(3).dtype(), int64);
  EXPECT_EQ(tensor({1.f}, {1}).dtype(), float32);
  EXPECT_EQ(tensor({1.0}, {1}).dtype(), float64);
  EXPECT_EQ(tensor(2.5).dtype(), float32);
  EXPECT_EQ(tensor(2).dtype(), int64);
  EXPECT_EQ(randn({2}, float64).dtype(), float64);
  const Tensor x = normal(5, 0.25, {4000});
  EXPECT_NEAR(x.mean().item<double>(), 5, 0.03);
  EXPECT_NEAR(std(x).item<double>(), 0.25, 0.02);
  EXPECT_EQ(randperm(3).dtype(), int64);
  EXPECT_EQ(empty({2, 0}).numel(), 0);
  EXPECT_EQ(tensor(std::vector<int64_t>{1, 2}, {2}).to_vector<double>(), (Values{1, 2}));
}

TEST(Tensor, OfRankZeroRaisesTheDtypeOfOthersOfRankZeroOnly) {
  EXPECT_EQ((tensor(2.0) * tensor(3)).dtype(), float32);
  EXPECT_EQ((ones({}, float32) * ones({}, float64)).dtype(), float64);
  EXPECT_EQ((ones({2}, float32) * ones({}, float64)).dtype(), float32);
}

TEST(Tensor, CannotBeItsOwnGradient) {
  const Tensor x = ones({2}).requires_grad_(), same = x;
  EXPECT_THROWS(ValueError,
                "[set_grad] expected another tensor as the gradient, got the tensor itself",
                x.set_grad(same));
  EXPECT_FALSE(x.grad().defined());
}

}  // namespace
}  // namespace lamina
