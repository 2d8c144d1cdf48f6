// Each in-place operation, recorded: on a result, on views of one, and on a constant that holds one
// then. Derivatives are compared with differences of values.
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/gradcheck.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

void expect_right_derivatives(const TensorFunction& f, const std::vector<Tensor>& inputs) {
  const GradcheckReport first = gradcheck(f, inputs), second = gradgradcheck(f, inputs);
  EXPECT_TRUE(first.passed) << first.message;
  EXPECT_TRUE(second.passed) << second.message;
}

struct Write {
  std::string name;
  std::function<Tensor(const Tensor& x, const Tensor& y)> in_place;  // returns x
};
void PrintTo(const Write& write, std::ostream* out) { *out << write.name; }

#define WRITE(...)                                                                            \
  Write {                                                                                     \
#__VA_ARGS__, [](const Tensor& x, const Tensor& y) -> Tensor { (void)y; return __VA_ARGS__; } \
  }
const std::vector<Write>& writes() {
  static const auto& all = *new std::vector<Write>{
      WRITE(x.fill_(3)),
      WRITE(x.copy_(y)),
      WRITE(x.copy_(y[0])),
      WRITE(x.add_(y)),
      WRITE(x.add_(y, -0.5)),
      WRITE(x.add_(y[0])),
      WRITE(x.add_(2)),
      WRITE(x.add_(x)),
      WRITE(x.sub_(y)),
      WRITE(x.sub_(2)),
      WRITE(x.mul_(y)),
      WRITE(x.mul_(3)),
      WRITE(x.mul_(x)),
      WRITE(x.mul_(x[0])),
      WRITE(x.mul_(x.flip({0}))),
      WRITE(x.div_(y)),
      WRITE(x.div_(x[1])),
      WRITE(x.pow_(y)),
      WRITE(x.pow_(3)),
      WRITE(x.fmod_(0.7)),
      WRITE(x.fmod_(y)),
      WRITE(x.remainder_(0.7)),
      WRITE(x.remainder_(y)),
      WRITE(x.atan2_(y)),
      WRITE(x.clamp_min_(1.1)),
      WRITE(x.clamp_max_(1.1)),
      WRITE(x.clamp_min_(y)),
      WRITE(x.clamp_max_(y)),
      WRITE(x.clamp_(1, 1.4)),
      WRITE(x.neg_()),
      WRITE(x.abs_()),
      WRITE(x.sign_()),
      WRITE(x.square_()),
      WRITE(x.relu_()),
      WRITE(x.floor_()),
      WRITE(x.ceil_()),
      WRITE(x.round_()),
      WRITE(x.trunc_()),
      WRITE(x.frac_()),
      WRITE(x.exp_()),
      WRITE(x.expm1_()),
      WRITE(x.log_()),
      WRITE(x.log1p_()),
      WRITE(x.log2_()),
      WRITE(x.sqrt_()),
      WRITE(x.rsqrt_()),
      WRITE(x.reciprocal_()),
      WRITE(x.sin_()),
      WRITE(x.cos_()),
      WRITE(x.tan_()),
      WRITE((x / 3).asin_()),
      WRITE((x / 3).acos_()),
      WRITE(x.atan_()),
      WRITE(x.sinh_()),
      WRITE(x.cosh_()),
      WRITE(x.tanh_()),
      WRITE(x.sigmoid_()),
      WRITE(x.erf_()),
      WRITE(x.erfc_()),
      WRITE(x.lerp_(y, 0.3)),
      WRITE(x.addcmul_(y, x, 0.5)),
      WRITE(x.addcdiv_(y, y + 1, 0.5)),
      WRITE(x.masked_fill_(NDArray(y.data()).gt(1.2), 5)),
      WRITE(x.masked_fill_(NDArray(y.data()).gt(1.2), y[0][0])),
      WRITE(x.index_put_({1}, y[0])),
      WRITE(x.index_put_({Slice(0, 2), tensor({int64_t{0}, int64_t{2}})}, y[0][0])),
      WRITE(x.index_put_({tensor({int64_t{1}, int64_t{1}})}, y.narrow(0, 0, 2), true)),
      WRITE(x.index_put_({0}, 4)),
      WRITE(x.scatter_(1, zeros({2, 1}, int64), y)),
      WRITE(x.scatter_(1, zeros({2, 1}, int64), 2)),
      WRITE(x.scatter_add_(1, zeros({2, 2}, int64), y)),
      WRITE(x.index_add_(0, tensor({int64_t{1}, int64_t{1}}), y.narrow(0, 0, 2))),
      WRITE(x += y),
      WRITE(x -= 0.5),
      WRITE(x *= y),
      WRITE(x /= y),
  };
  return all;
}
#undef WRITE

class RecordedWrite : public testing::TestWithParam<Write> {
 protected:
  // Away from integers, multiples of 0.7, and the bounds above.
  const Tensor x_ = tensor({{1.23, 1.71, 0.87}, {1.55, 0.52, 1.93}}).requires_grad_();
  const Tensor y_ = tensor({{1.31, 0.64, 1.85}, {0.77, 1.66, 1.17}}).requires_grad_();
};

TEST_P(RecordedWrite, OfAResult) {
  expect_right_derivatives(
      [](absl::Span<const Tensor> in) {
        const Tensor h = in[0] * 1, other = h;
        const Tensor same = GetParam().in_place(h, in[1]);
        return other * h + same;
      },
      {x_, y_});
}

TEST_P(RecordedWrite, ReturnsTheTensorAndWritesToItsStorage) {
  const Tensor h = x_ * 1;
  const NDArray before = h.data();
  const uint32_t version = before.version();
  const Tensor same = GetParam().in_place(h, y_.detach());
  if (GetParam().name.substr(0, 3) == "(x ") return;  // writes to another
  EXPECT_EQ(same.impl(), h.impl());
  EXPECT_EQ(h.data().storage(), before.storage());
  EXPECT_EQ(before.version(), version + 1);
  // The values are those of the operation on arrays.
  const Tensor plain = tensor({{1.23, 1.71, 0.87}, {1.55, 0.52, 1.93}});
  GetParam().in_place(plain, y_.detach());
  EXPECT_EQ(plain.requires_grad(), false);
  EXPECT_EQ(h.to_vector<double>(), plain.to_vector<double>());
}

TEST_P(RecordedWrite, OfAView) {
  expect_right_derivatives(
      [](absl::Span<const Tensor> in) {
        const Tensor base = in[0].repeat({2, 2}) * 1;  // (4, 6)
        const Tensor before = base.slice(1, 1, std::nullopt, 2);
        const Tensor view = base.slice(0, 0, std::nullopt, 2).narrow(1, 2, 3);
        GetParam().in_place(view, in[1]);
        return sum(base * base) + sum(before) * 2 + sum(view * view);
      },
      {x_, y_});
}

TEST_P(RecordedWrite, OfATransposedViewOfATransposedBase) {
  expect_right_derivatives(
      [](absl::Span<const Tensor> in) {
        const Tensor base = (in[0] * 1).t() * 1, view = base.t();
        GetParam().in_place(view, in[1]);
        base.mul_(2);
        return sum(view * base.t() * base.t());
      },
      {x_, y_});
}

TEST_P(RecordedWrite, OfPartOfAConstant) {
  expect_right_derivatives(
      [](absl::Span<const Tensor> in) {
        const Tensor buffer = full({3, 2, 3}, 1.2, float64);
        const Tensor row = buffer.select(0, 1);
        GetParam().in_place(row, in[1]);
        buffer.select(0, 0).copy_(in[0]);
        return sum(buffer * buffer) + sum(row);
      },
      {x_, y_});
}

INSTANTIATE_TEST_SUITE_P(All, RecordedWrite, testing::ValuesIn(writes()));

TEST(RecordedWriteTest, EveryInPlaceOperationIsAbove) {
  const std::vector<std::string> names = {
#define LAMINA_IN_PLACE(name) #name "_(",
#define LAMINA_IN_PLACE_WITH(name) #name "_(",
#include "lamina/tensor/in_place_names.inc"
      "fill_(",      "copy_(",        "add_(",   "scatter_(", "scatter_add_(", "index_add_(",
      "index_put_(", "masked_fill_(", "clamp_(", "lerp_(",    "addcmul_(",     "addcdiv_("};
  for (const std::string& name : names) {
    bool found = name.find("logical") == 0 || name.find("bitwise") == 0;  // without derivative
    for (const Write& write : writes()) {
      found = found || write.name.find("." + name) != std::string::npos;
    }
    EXPECT_TRUE(found) << name;
  }
}

}  // namespace
}  // namespace lamina
