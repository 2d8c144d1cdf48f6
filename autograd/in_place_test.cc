// A value that backward needs and that was changed after it was saved is an error that names the
// operation, and never a wrong gradient.
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::leaf;
using test::Values;

TEST(InPlace, EachWayToWriteToASavedInputIsNoticed) {
  const std::vector<std::function<void(NDArray)>> writes = {
      [](NDArray x) { x.fill_(9); },
      [](NDArray x) {
        x.copy_(NDArray::from({8.0, 9.0}, {2}));
      },
      [](NDArray x) { x.add_(x); },
      [](NDArray x) { x.narrow(0, 0, 1).fill_(9); },  // through a view
      [](NDArray x) { x.narrow(0, 0, 0).fill_(9); },  // a write of nothing counts as well
      [](NDArray x) { x.bump_version(); },            // a write through data<T>()
  };
  for (const auto& write : writes) {
    const Tensor a = leaf({3, 4}), b = tensor({2.0, 5.0}, {2});
    const Tensor y = sum(a * b);
    write(b.data());
    EXPECT_THROWS(RuntimeError,
                  "[mul] a value that backward needs was changed in place: shape (2,), saved at "
                  "version 0, now "
                  "at version 1; change a clone() of it instead",
                  y.backward());
    EXPECT_FALSE(a.grad().defined());
  }
}

TEST(InPlace, WriteToASavedOutputIsNoticed) {
  const Tensor a = leaf({3, 4}), y = exp(a);
  NDArray data = y.data();
  data.fill_(1);
  EXPECT_THROWS(RuntimeError, "[exp] a value that backward needs was changed in place",
                sum(y).backward());
}

TEST(InPlace, WriteToASavedIndexIsNoticed) {
  const Tensor a = leaf({3, 4}), index = tensor({int64_t{0}, int64_t{1}}, {2});
  const Tensor y = sum(index_select(a, 0, index));
  NDArray data = index.data();
  data.fill_(0);
  EXPECT_THROWS(RuntimeError, "[index_select] a value that backward needs was changed in place",
                y.backward());
}

TEST(InPlace, WriteToAValueThatNobodyNeedsIsFine) {
  const Tensor a = leaf({3, 4}), b = tensor({2.0, 5.0}, {2});
  const Tensor y = sum(a + b);  // add saves nothing
  NDArray data = b.data();
  data.fill_(9);
  y.backward();
  EXPECT_EQ(a.grad().to_vector<double>(), (Values{1, 1}));
}

TEST(InPlace, WriteToAnOperandThatOnlyTheOthersGradientWouldNeedIsFine) {
  const Tensor m = tensor({{2.0, 5.0}, {1.0, 1.0}});
  const struct {
    const char* name;
    std::function<Tensor(const Tensor& h)> f;
    Values gradient;
  } cases[] = {
      {"mul", [](const Tensor& h) { return h * 3; }, {3, 3}},
      {"mul", [](const Tensor& h) { return 3 * h; }, {3, 3}},
      {"div", [](const Tensor& h) { return h / 2; }, {0.5, 0.5}},
      {"remainder", [](const Tensor& h) { return remainder(h, 2); }, {1, 1}},
      {"matmul", [&](const Tensor& h) { return matmul(h, m); }, {7, 2}},
      {"matmul", [&](const Tensor& h) { return matmul(m, h); }, {3, 6}},
      {"linear",
       [&](const Tensor& h) {
         return linear(h.view({1, 2}), m);
       },
       {3, 6}},
  };
  for (const auto& c : cases) {
    const Tensor a = leaf({3, 4}), h = a * 1, y = sum(c.f(h));
    h.fill_(100);
    y.backward();
    EXPECT_EQ(a.grad().to_vector<double>(), c.gradient) << c.name;
  }
  const Tensor a = leaf({3, -4}), y = norm(a, 1);  // needs the signs of a, not y
  y.mul_(2);
  y.backward();
  EXPECT_EQ(a.grad().to_vector<double>(), (Values{2, -2}));
}

TEST(InPlace, WriteAfterBackwardIsFine) {
  // An optimizer's step.
  const Tensor w = leaf({3, 4});
  for (int i = 0; i < 3; ++i) {
    w.set_grad({});
    sum(w * w).backward();
    NDArray data = w.data();
    data.add_(w.grad().data(), -0.5);
    EXPECT_EQ(w.to_vector<double>(), (Values{0, 0}));
  }
}

TEST(InPlace, SetDataOfASavedLeafIsNoticedThoughVersionsAgree) {
  const Tensor a = leaf({3, 4}), b = leaf({2, 5});
  const Tensor y = sum(a * b);
  b.set_data(NDArray::from({9.0, 9.0}, {2}));
  EXPECT_THROWS(RuntimeError, "[mul] a value that backward needs was changed in place: shape (2,)",
                y.backward());
}

TEST(InPlace, SetDataToAnotherViewOfTheSameStorageIsNoticed) {
  const Tensor a = ones({2, 2}, float64).requires_grad_();
  const Tensor b = tensor({1.0, 2.0, 3.0, 4.0}, {2, 2}).requires_grad_();
  const Tensor y = sum(matmul(a, b));
  b.set_data(b.data().t());
  EXPECT_THROWS(RuntimeError, "[matmul] a value that backward needs was changed in place",
                y.backward());
}

TEST(InPlace, SetDataToOtherValuesAndBackToAViewOfTheOldOnesIsNoticed) {
  const Tensor a = ones({2, 2}, float64).requires_grad_();
  const Tensor b = tensor({1.0, 2.0, 3.0, 4.0}, {2, 2}).requires_grad_();
  const NDArray original = b.data();
  const Tensor y = sum(matmul(a, b));
  b.set_data(NDArray::zeros({2, 2}, float64));
  b.set_data(original.t());
  EXPECT_THROWS(RuntimeError, "[matmul] a value that backward needs was changed in place",
                y.backward());
}

TEST(InPlace, SetDataOfASavedConstantLeavesTheOldValuesToBackward) {
  const Tensor a = leaf({3, 4}), b = tensor({2.0, 5.0}, {2});
  const Tensor y = sum(a * b);
  b.set_data(NDArray::from({9.0, 9.0}, {2}));
  y.backward();
  EXPECT_EQ(a.grad().to_vector<double>(), (Values{2, 5}));
}

TEST(InPlace, SetDataAfterSavingLeavesSavedConstantsAlone) {
  // save_values keeps the array and not the leaf: the labels of a batch may be replaced by the next
  // batch's.
  const Tensor logits = zeros({2, 2}, float64).requires_grad_();
  const Tensor labels = tensor({int64_t{0}, int64_t{1}}, {2});
  const Tensor loss = sum(cross_entropy(logits, labels));
  labels.set_data(NDArray::from<int64_t>({1, 1}, {2}));
  loss.backward();
  EXPECT_EQ(logits.grad().to_vector<double>(), (Values{-0.5, 0.5, 0.5, -0.5}));
}

TEST(InPlace, WriteBetweenTheUsesOfAValueHarmsTheEarlierOne) {
  const Tensor a = leaf({3}), b = tensor({2.0}, {1});
  const Tensor first = a * b;
  NDArray data = b.data();
  data.fill_(10);
  const Tensor second = a * b;
  second.backward();
  EXPECT_EQ(a.grad().item<double>(), 10);
  EXPECT_THROWS(RuntimeError, "[mul] a value that backward needs was changed in place",
                first.backward());
}

TEST(InPlace, LeafThatGotAnotherShapeOrDtypeGetsNoGradientOfEither) {
  const auto text = [](const char* op, const char* now) {
    return std::string("[") + op +
           "] backward: input 0 has been given another shape or dtype by set_data since, now " +
           now + "; compute the result again";
  };
  const Tensor x = leaf({1, 2, 3}), y = sum(x), z = exp(x), w = x.unsqueeze(0) * 1;
  x.set_data(NDArray::ones({5}, float64));
  EXPECT_THROWS(RuntimeError, text("sum", "(5,) and float64"), y.backward());
  EXPECT_THROWS(RuntimeError, text("exp", "(5,) and float64"), z.backward(ones({3}, float64)));
  EXPECT_THROWS(RuntimeError, text("view", "(5,) and float64"), w.backward(ones({1, 3}, float64)));
  x.set_data(NDArray::ones({3}, float64));  // back again: the gradient would be of other values
  EXPECT_THROWS(RuntimeError, text("sum", "(3,) and float64"), y.backward());
  EXPECT_FALSE(x.grad().defined());
  const Tensor t = leaf({1}), u = t + 0;
  t.set_data(NDArray::ones({1}));
  EXPECT_THROWS(RuntimeError, text("add", "(1,) and float32"), u.backward());
}

TEST(InPlace, LeafThatGotOtherValuesOfItsShapeGetsItsGradient) {
  const Tensor x = leaf({1, 2}), y = sum(x);
  x.set_data(NDArray::zeros({2}, float64));
  y.backward();
  EXPECT_EQ(x.grad().to_vector<double>(), (Values{1, 1}));
}

TEST(InPlace, OperandOfAConstantMayBeWrittenTo) {
  // Only the gradient of the constant would need it.
  const Tensor constant = tensor({2.0, 4.0}, {2});
  const std::vector<std::function<Tensor(const Tensor&)>> calls = {
      [&](const Tensor& a) { return a / constant; },
      [&](const Tensor& a) { return a * constant; },
      [&](const Tensor& a) { return matmul(a, constant); },
      [&](const Tensor& a) { return matmul(constant, a); },
      [&](const Tensor& a) { return matmul(a.unsqueeze(0), constant); },
  };
  for (const auto& call : calls) {
    const Tensor a = leaf({3, 4}), copy = leaf({3, 4}), y = sum(call(a));
    sum(call(copy)).backward();
    NDArray(a.data()).fill_(9);
    y.backward();
    EXPECT_EQ(a.grad().to_vector<double>(), copy.grad().to_vector<double>());
  }
  const Tensor a = leaf({3, 4}), b = leaf({2, 4}), y = sum(a / b);
  NDArray(a.data()).fill_(9);
  EXPECT_THROWS(RuntimeError, "[div] a value that backward needs was changed in place",
                y.backward());
}

}  // namespace
}  // namespace lamina
