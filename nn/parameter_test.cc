#include "lamina/nn/parameter.h"

#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn/layer.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn {
namespace {

using ::testing::ElementsAre;

class Holder : public Layer {
 public:
  Tensor forward(const Tensor& x) override { return x * p; }
  Parameter p{this, "p", tensor({2.f, 3.f}, {2})};
  Parameter q{this, "q", tensor({5.f, 7.f}, {2})};
  Buffer b{this, "b", tensor({1.f, 1.f}, {2})};
  Parameter none{this, "none", Tensor()};
};

// ---- What must not compile: each would take a tensor out of the registry unnoticed

static_assert(!std::is_constructible_v<Tensor&, Parameter&>);  // Tensor& r = p; r = t;
static_assert(!std::is_convertible_v<Parameter&, NDArray&>);
static_assert(!std::is_assignable_v<Parameter&, double>);
static_assert(!std::is_assignable_v<const Parameter&, Tensor>);
static_assert(!std::is_swappable_v<Parameter> && !std::is_swappable_v<Buffer>);
static_assert(!std::is_constructible_v<Parameter, Tensor>);  // without an owner
static_assert(!std::is_convertible_v<Parameter, bool>);      // if (bias): ask defined()

// ---- What must

static_assert(std::is_move_constructible_v<Parameter> && std::is_move_constructible_v<Buffer>);
static_assert(std::is_convertible_v<Parameter&, const Tensor&>);
static_assert(std::is_convertible_v<const Parameter&, Tensor>);

#define EXPECT_TENSOR(expression, ...)                         \
  static_assert(std::is_same_v<decltype(expression), Tensor>); \
  EXPECT_THAT((expression).to_vector<float>(), ElementsAre(__VA_ARGS__))

TEST(Parameter, OperatorsGiveTensors) {
  const Holder h;
  const Tensor x = tensor({10.f, 20.f}, {2});
  const NDArray n = NDArray::from({10.f, 20.f}, {2});
  EXPECT_TENSOR(h.p + h.q, 7, 10);
  EXPECT_TENSOR(h.p * h.p, 4, 9);
  EXPECT_TENSOR(h.p - h.b, 1, 2);
  EXPECT_TENSOR(h.p * x, 20, 60);
  EXPECT_TENSOR(x / h.p, 5, 20.f / 3);
  EXPECT_TENSOR(h.p * n, 20, 60);
  EXPECT_TENSOR(n - h.p, 8, 17);
  EXPECT_TENSOR(h.p * 2, 4, 6);
  EXPECT_TENSOR(1 - h.p, -1, -2);
  EXPECT_TENSOR(0.5 * h.p, 1, 1.5);
  EXPECT_TENSOR(-h.p, -2, -3);
  EXPECT_TENSOR(h.p == h.q, 0, 0);
  EXPECT_TENSOR(h.p == x / 5, 1, 0);
  EXPECT_TENSOR(h.p != 2, 0, 1);
  EXPECT_TENSOR(h.p < h.q, 1, 1);
  EXPECT_TENSOR(3 <= h.p, 0, 1);
}

TEST(Parameter, FunctionsAndMethodsGiveTensors) {
  const Holder h;
  EXPECT_TENSOR(sum(h.p), 5);
  EXPECT_TENSOR(h.p.sum(), 5);
  EXPECT_TENSOR(relu(h.p), 2, 3);
  EXPECT_TENSOR(h.p.mul(h.q), 10, 21);
  EXPECT_TENSOR(h.p.mul(2), 4, 6);
  EXPECT_TENSOR(h.p.matmul(h.q), 31);
  EXPECT_TENSOR(matmul(h.p, h.q), 31);
  EXPECT_TENSOR(h.p.unsqueeze(0).t(), 2, 3);
  EXPECT_TENSOR(h.p.view({2, 1}), 2, 3);
  EXPECT_TENSOR(h.p.max(0).values, 3);
  EXPECT_TENSOR(h.p.clone(), 2, 3);
  EXPECT_TENSOR(h.p.detach(), 2, 3);
  EXPECT_FALSE(h.p.detach().requires_grad());
  EXPECT_TRUE((h.p * 2).requires_grad());
  EXPECT_FALSE((h.b * 2).requires_grad());
}

TEST(Parameter, GoesWhereATensorGoes) {
  const Holder h;
  const Tensor x = zeros(2);
  const Tensor copy = h.p;
  EXPECT_EQ(copy.impl(), h.p.get().impl());
  const std::vector<Tensor> all{h.p, x, h.b};
  EXPECT_EQ(all[0].impl(), h.p.get().impl());
  const std::optional<Tensor> optional = h.p;
  EXPECT_EQ(optional->impl(), h.p.get().impl());
  static_assert(std::is_same_v<std::decay_t<decltype(true ? h.p : x)>, Tensor>);
  Holder other;
  EXPECT_THAT(other(h.q).to_vector<float>(), ElementsAre(10, 21));  // as a layer's input
}

struct Twice : Function<Twice> {
  static NDArray forward(Context&, const NDArray& x) { return x * 2; }
  static Gradients backward(Context&, const Tensor& dy) { return {dy * 2}; }
};

TEST(Parameter, IsAnInputOfAUsersFunction) {
  const Holder h;
  const Tensor y = Twice::apply(h.p);
  EXPECT_TENSOR(Twice::apply(h.p), 4, 6);
  y.sum().backward();
  EXPECT_THAT(h.p.grad().to_vector<float>(), ElementsAre(2, 2));
}

TEST(Parameter, TellsWhatItHolds) {
  const Holder h;
  EXPECT_TRUE(h.p.defined() && h.p.requires_grad());
  EXPECT_EQ(h.p.shape(), Shape({2}));
  EXPECT_EQ(h.p.size(-1), 2);
  EXPECT_EQ(h.p.dim(), 1);
  EXPECT_EQ(h.p.numel(), 2);
  EXPECT_EQ(h.p.dtype(), float32);
  EXPECT_FALSE(h.p.grad().defined());
  EXPECT_FALSE(h.b.requires_grad());
  EXPECT_FALSE(h.none.defined() || h.none.requires_grad());
  EXPECT_EQ(h.p.select(0, 1).item<float>(), 3);
  EXPECT_THAT(h.p.to_vector<int64_t>(), ElementsAre(2, 3));
}

TEST(Parameter, PrintsAsPyTorchPrintsATensorThatRequiresAGradient) {
  const Holder h;
  std::ostringstream out;
  out << h.p << " " << h.b;
  EXPECT_EQ(out.str(), "tensor([2., 3.], requires_grad=True) tensor([1., 1.])");
}

TEST(Parameter, CanBeFrozen) {
  // "for p in model.backbone.parameters(): p.requires_grad_(False)", one by one
  const Holder h;
  h.p.requires_grad_(false);
  (h.p * h.q).sum().backward();
  EXPECT_FALSE(h.p.requires_grad() || h.p.grad().defined());
  EXPECT_THAT(h.q.grad().to_vector<float>(), ElementsAre(2, 3));
  EXPECT_EQ(h.parameters().size(), 2u);  // a frozen parameter is still one
  h.p.requires_grad_();
  EXPECT_TRUE(h.p.requires_grad());
}

TEST(Parameter, TakesOtherValuesWithoutLeavingTheRegistry) {
  const Holder h;
  const Tensor handle = h.p;
  h.p.set_data(NDArray::full(2, 9.f));
  EXPECT_THAT(h.parameters()[0].to_vector<float>(), ElementsAre(9, 9));
  EXPECT_THAT(handle.to_vector<float>(), ElementsAre(9, 9));
  h.b.set_data(NDArray::full(3, 4.f));
  EXPECT_THAT(h.buffers()[0].to_vector<float>(), ElementsAre(4, 4, 4));
}

TEST(Parameter, AnAssignmentReplacesWhatIsRegistered) {
  Holder h;
  const Tensor w = full(3, 4.f), v = full(1, 5.f), running = zeros(5);
  h.p = w;
  EXPECT_EQ(h.p.get().impl(), w.impl());
  EXPECT_TRUE(w.requires_grad());
  EXPECT_EQ(h.named_parameters()[0].first, "p");
  EXPECT_EQ(h.named_parameters()[0].second.impl(), w.impl());
  TensorMember& base = h.p;  // through a reference to its base
  base = v;
  EXPECT_EQ(h.named_parameters()[0].second.impl(), v.impl());
  h.b = running;
  EXPECT_EQ(h.buffers()[0].impl(), running.impl());
  EXPECT_FALSE(running.requires_grad());
  h.none = ones(2);  // a disabled one is enabled
  EXPECT_EQ(h.parameters().size(), 3u);
  h.none = Tensor();
  EXPECT_EQ(h.parameters().size(), 2u);
}

TEST(Parameter, AnAssignmentOfAnotherTiesThem) {
  // decoder.weight = encoder.weight in PyTorch
  Holder h, other;
  h.p = other.q;
  EXPECT_EQ(h.parameters()[0].impl(), other.q.get().impl());
  h.q = h.p;
  EXPECT_EQ(h.parameters().size(), 1u);
  TensorMember &base = h.p, &from = other.p;
  base = from;
  EXPECT_EQ(h.parameters()[0].impl(), other.p.get().impl());
  h.p = h.p;
  EXPECT_EQ(h.parameters()[0].impl(), other.p.get().impl());
}

TEST(Parameter, AnAssignmentThatIsRefusedChangesNothing) {
  Holder h;
  const Tensor before = h.p;
  EXPECT_THROWS(ValueError,
                "[Parameter] expected a leaf for \"p\", got the result of mul; detach() it",
                h.p = h.q * 2);
  EXPECT_THROWS(DTypeError,
                "[Parameter] expected a floating dtype, such as float32, for \"p\", got int64; an "
                "nn::Buffer takes any",
                h.p = zeros(2, int64));
  EXPECT_EQ(h.parameters()[0].impl(), before.impl());
  const Parameter stolen = std::move(h.p);
  EXPECT_THROWS(RuntimeError, "[Parameter] expected a live member, got one that was moved from",
                h.p = ones(2));
}

TEST(Parameter, CopiesAreMadeByCloneOnly) {
  const Holder h;
  EXPECT_THROWS(RuntimeError,
                "[Parameter] expected a parameter or buffer to stay in its module, which "
                "nn::clone(module) copies, got a plain copy",
                Parameter(h.p));
  EXPECT_THROWS(RuntimeError, "[Buffer] expected a parameter or buffer to stay in its module",
                Buffer(h.b));
}

TEST(Parameter, SharesTheTensorThatItIsGiven) {
  // So that two parameters can be tied. The tensor is the parameter from then on.
  struct Tied : Holder {
    explicit Tied(const Tensor& t) : tied(this, "tied", t) {}
    Parameter tied;
  };
  const Tensor t = ones(2);
  const Tied module(t);
  EXPECT_EQ(module.tied.get().impl(), t.impl());
  EXPECT_TRUE(t.requires_grad());
}

TEST(Parameter, RefusesWhatCannotBeTrained) {
  struct Integer : Holder {
    Parameter i{this, "i", zeros(2, int64)};
  };
  struct Computed : Holder {
    Parameter c{this, "c", p * 2};
  };
  EXPECT_THROWS(DTypeError,
                "[Parameter] expected a floating dtype, such as float32, for \"i\", got int64",
                Integer());
  EXPECT_THROWS(ValueError, "[Parameter] expected a leaf for \"c\", got the result of mul",
                Computed());
}

TEST(Parameter, MovedOutOfItsModuleLeavesAnErrorNotACrash) {
  Holder h;
  const Parameter stolen = std::move(h.p);
  EXPECT_EQ(stolen.shape(), Shape({2}));
  EXPECT_EQ(h.parameters().size(), 2u);  // still registered
  EXPECT_THROWS(RuntimeError, "[Parameter] expected a live member, got one that was moved from",
                h(ones(2)));
}

TEST(Parameter, ThatIsRefusedIsNotRegistered) {
  Holder h;
  const Tensor computed = h.p * 2;
  EXPECT_THROWS(ValueError, "[Parameter] expected a leaf for \"c\", got the result of mul",
                Parameter(&h, "c", computed));
  EXPECT_THROWS(DTypeError, "expected a floating dtype", Parameter(&h, "c", zeros(2, int64)));
  EXPECT_THROWS(ValueError, "\"p\", which is registered already", Parameter(&h, "p", ones(2)));
  EXPECT_EQ(h.parameters().size(), 2u);
  const Parameter c(&h, "c", ones(2));  // the name is free
  EXPECT_EQ(h.parameters().size(), 3u);
}

TEST(Parameter, WithoutAnOwnerSaysSo) {
  EXPECT_THROWS(ValueError, "[Parameter] expected a module as its owner, got null",
                Parameter(nullptr, "p", ones(2)));
  EXPECT_THROWS(ValueError, "[Buffer] expected a module as its owner, got null",
                Buffer(nullptr, "b", ones(2)));
}

TEST(Parameter, ATieLeavesAFrozenParameterFrozen) {
  Holder h, other;
  other.q.requires_grad_(false);
  h.p = other.q;
  EXPECT_FALSE(other.q.requires_grad());
  const Parameter tied(&h, "tied", other.q);
  EXPECT_FALSE(tied.requires_grad());
  EXPECT_EQ(tied.get().impl(), other.q.get().impl());
  h.q = ones(2);
  EXPECT_TRUE(h.q.requires_grad());
}

TEST(Buffer, OfAResultIsDetached) {
  Holder h;
  h.b = h.p * 2;
  EXPECT_FALSE(h.b.requires_grad());
  EXPECT_THAT(h.b.to_vector<float>(), ElementsAre(4, 6));
}

// ---- In place

TEST(Parameter, IsWrittenToInPlace) {
  const Holder h;
  const Tensor handle = h.p;
  {
    const NoGradGuard no_grad;
    EXPECT_TENSOR(h.p.mul_(2), 4, 6);
    EXPECT_TENSOR(h.p.add_(h.q, 0.5), 6.5, 9.5);
    EXPECT_EQ(h.p.sub_(h.b).impl(), handle.impl());
    EXPECT_THAT(handle.to_vector<float>(), ElementsAre(5.5, 8.5));
    h.p += h.q;
    h.p *= 2;
    EXPECT_THAT(handle.to_vector<float>(), ElementsAre(21, 31));
    EXPECT_TENSOR(h.p.clamp_(22, 30).lerp_(h.q, 0.5), 13.5, 18.5);
    EXPECT_TENSOR(h.p.copy_(tensor({4.f, 9.f}, {2})).sqrt_(), 2, 3);
    EXPECT_TENSOR(h.p.index_put_({Index(tensor({int64_t{1}}, {1}))}, 7), 2, 7);
    EXPECT_TENSOR(h.p.masked_fill_(h.p < 3, 0), 0, 7);
  }
  EXPECT_TRUE(h.p.requires_grad());
  EXPECT_EQ(h.parameters()[0].impl(), handle.impl());
}

TEST(Parameter, IsWrittenToUnderNoGradGuardOnly) {
  // As a Tensor that requires a gradient.
  const Holder h;
  EXPECT_THROWS(RuntimeError, "[mul_] expected a tensor that may be written to", h.p.mul_(2));
  EXPECT_THROWS(RuntimeError, "[add_]", h.p += 1);
  EXPECT_THROWS(RuntimeError, "[neg_]", h.none.neg_());
  EXPECT_THAT(h.p.to_vector<float>(), ElementsAre(2, 3));
  h.p.requires_grad_(false);
  EXPECT_THROWS(RuntimeError, "a leaf that required a gradient", h.p.mul_(h.q));
}

TEST(Buffer, IsWrittenToInPlace) {
  const Holder h;
  EXPECT_TENSOR(h.b.mul_(3), 3, 3);
  h.b += 1;
  EXPECT_THAT(h.buffers()[0].to_vector<float>(), ElementsAre(4, 4));
  EXPECT_TENSOR(h.b.zero_(), 0, 0);
}

}  // namespace
}  // namespace lamina::nn
