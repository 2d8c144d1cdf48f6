// Inference mode, anomaly detection, and what backward makes of exceptions.
#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/anomaly.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/grad_mode.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/allocator.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::leaf;
using test::Values;
using test::values_of;

// ---- Inference mode

TEST(InferenceModeTest, RecordsNothingWhateverGuardsAreInside) {
  const Tensor a = leaf({1, 2});
  EXPECT_FALSE(is_inference_mode());
  {
    const InferenceModeGuard inference;
    EXPECT_TRUE(is_inference_mode());
    EXPECT_FALSE(is_grad_enabled());
    const EnableGradGuard enable_grad;
    EXPECT_FALSE(is_grad_enabled());
    EXPECT_FALSE((a * 2).requires_grad());
  }
  EXPECT_FALSE(is_inference_mode());
  EXPECT_TRUE(is_grad_enabled());
  const NoGradGuard no_grad;
  EXPECT_FALSE((a * 2).requires_grad());
  const EnableGradGuard enable_grad;
  EXPECT_TRUE((a * 2).requires_grad());
}

TEST(InferenceModeTest, ItsTensorsStayOutOfGraphs) {
  const Tensor a = leaf({1, 2});
  Tensor made;
  {
    const InferenceModeGuard inference;
    made = ones(2, float64) * 3;
    made.add_(1);  // inside, all is allowed
  }
  EXPECT_THROWS(RuntimeError,
                "[mul] backward would need a tensor that was made in inference mode; clone() it "
                "first, or make it outside InferenceModeGuard",
                a * made);
  EXPECT_THROWS(RuntimeError, "[add_] expected a tensor from outside inference mode; clone() it",
                made.add_(1));
  EXPECT_THROWS(RuntimeError, "[requires_grad_] expected a tensor from outside inference mode",
                made.requires_grad_());
  sum(a + made).backward();  // add needs no value
  EXPECT_EQ(values_of(a.grad()), (Values{1, 1}));
  sum(a * made.clone()).backward();
  EXPECT_EQ(values_of(a.grad()), (Values{5, 5}));
}

TEST(InferenceModeTest, ItsTensorsAreNotKeptAsConstantsEither) {
  const Tensor a = leaf({1, 5});
  Tensor bound, index;
  {
    const InferenceModeGuard inference;
    bound = full(2, 3.0, float64);
    index = tensor({int64_t{1}}, {1});
  }
  EXPECT_THROWS(RuntimeError,
                "[maximum] backward would need a tensor that was made in inference mode; clone() "
                "it first, or make it outside InferenceModeGuard",
                maximum(a, bound));
  EXPECT_THROWS(RuntimeError, "[index_select] backward would need a tensor that was made in",
                index_select(a, 0, index));
  sum(maximum(a, bound.clone())).backward();
  EXPECT_EQ(values_of(a.grad()), (Values{0, 1}));
  EXPECT_EQ(values_of(index_select(a.detach(), 0, index)), (Values{5}));  // nothing to keep
}

// ---- Anomalies

class AnomalyTest : public testing::Test {
 protected:
  AnomalyTest() { set_detect_anomaly(true); }
  ~AnomalyTest() override { set_detect_anomaly(false); }
};

TEST_F(AnomalyTest, NamesTheOperationElementAndLabel) {
  const Tensor x = leaf({1, 4, 0, 9});
  EXPECT_THROWS(RuntimeError,
                "[sqrt] backward: expected finite gradients, got inf for input 0 at element 2 "
                "(row-major) of shape (4,)",
                sum(sqrt(x)).backward());
  const Tensor y = [&] {
    const LabelGuard outer("decoder");
    const LabelGuard inner("norm");
    return sqrt(x * 0) * 0;
  }();
  EXPECT_THROWS(RuntimeError,
                "[sqrt] backward: expected finite gradients, got nan for input 0 at element 0 "
                "(row-major) of shape (4,); the forward call was in \"decoder.norm\"",
                sum(y).backward());
  EXPECT_FALSE(x.grad().defined());
  set_detect_anomaly(false);
  EXPECT_FALSE(is_detect_anomaly());
  sum(sqrt(x)).backward();
  EXPECT_EQ(x.grad().to_vector<double>()[2], test::kInf);
}

TEST_F(AnomalyTest, SoundGradientsPass) {
  const Tensor x = leaf({1, 4});
  sum(sqrt(x)).backward();
  EXPECT_EQ(values_of(x.grad()), (Values{0.5, 0.25}));
}

// ---- Exceptions

struct Custom : std::logic_error {
  using std::logic_error::logic_error;
};
struct Failing : Function<Failing> {
  static constexpr const char* kName = "failing";
  int* failures;
  NDArray forward(Context&, const NDArray& x, int* count) {
    failures = count;
    return x + 0;
  }
  Gradients backward(Context&, const Tensor& dy) {
    if (*failures > 0) {
      --*failures;
      throw Custom("out of cheese");
    }
    return {dy};
  }
};
struct Careless : Function<Careless> {
  static constexpr const char* kName = "careless";
  static NDArray forward(Context&, const NDArray& x) { return x + 0; }
  static Gradients backward(Context&, const Tensor& dy) {
    return {matmul(dy, ones({7, 7}, float64))};
  }
};

TEST(BackwardErrors, NameTheOperationAndKeepTheOriginal) {
  const Tensor a = leaf({1, 2});
  int failures = 2;
  const Tensor y = sum(Failing::apply(a * 2, &failures));
  try {
    y.backward({}, {true});
    ADD_FAILURE() << "nothing was thrown";
  } catch (const RuntimeError& e) {
    EXPECT_STREQ(e.what(), "[failing] backward: out of cheese");
    EXPECT_THROW(std::rethrow_if_nested(e), Custom);
  }
  EXPECT_FALSE(a.grad().defined());
  EXPECT_THROWS(RuntimeError, "[failing] backward: out of cheese", y.backward({}, {true}));
  y.backward();  // engine and graph are as good as before
  EXPECT_EQ(values_of(a.grad()), (Values{2, 2}));
  EXPECT_EQ(a.impl()->use_count(), 1u + 1u);  // the graph under y
}

TEST(BackwardErrors, LeaveNoMemoryBehind) {
  const auto fail_in_backward = [](bool retain, int where) {
    const Tensor a = leaf({1, 2}), b = a * 2;
    int failures = 1;
    const Tensor h = where == 0 ? Failing::apply(b, &failures) : b * 3;
    const auto boom = [] { throw Custom("out of cheese"); };
    if (where == 1) h.register_hook([&](const Tensor&) { boom(); });
    if (where == 2) h.grad_fn().register_prehook([&](absl::Span<const Tensor>) { boom(); });
    if (where == 3) a.register_hook([&](const Tensor&) { boom(); });
    const Tensor y = sum(h * h + b);
    EXPECT_THROW(y.backward({}, {retain}), std::exception);
  };
  fail_in_backward(true, 0);
  const int64_t before = memory_stats().current;
  for (const bool retain : {false, true}) {
    for (int where = 0; where < 4; ++where) fail_in_backward(retain, where);
  }
  EXPECT_EQ(memory_stats().current, before);
}

struct Odd : Function<Odd> {
  static constexpr const char* kName = "odd";
  static NDArray forward(Context&, const NDArray& x) { return x + 0; }
  static Gradients backward(Context&, const Tensor&) { throw 42; }
};

TEST(BackwardErrors, NameTheOperationOfWhatIsNoException) {
  const Tensor a = leaf({1});
  EXPECT_THROWS(RuntimeError, "[odd] backward: an exception that is no std::exception",
                Odd::apply(a).backward());
}

TEST(BackwardErrors, OfLaminasKeepTheirClass) {
  const Tensor a = leaf({1, 2});
  const Tensor y = [&] {
    const LabelGuard label("encoder");
    return sum(Careless::apply(a));
  }();
  EXPECT_THROWS(ShapeError, "[careless] backward: [matmul] expected", y.backward({}, {true}));
  EXPECT_THROWS(ShapeError, "; the forward call was in \"encoder\"", y.backward());
}

TEST(InferenceModeTest, ItsTensorsStayOutOfGraphsWhenDetached) {
  const Tensor a = leaf({1, 2});
  const Tensor made = [] {
    const InferenceModeGuard inference;
    return ones(2, float64);
  }();
  EXPECT_THROWS(RuntimeError, "[mul] backward would need a tensor that was made in inference mode",
                a * made.detach());
}

// Guards that end in another order than the reverse would leave modes and labels of the dead behind.
template <class, class T, class... Args>
struct CanBeNewed : std::false_type {};
template <class T, class... Args>
struct CanBeNewed<std::void_t<decltype(new T(std::declval<Args>()...))>, T, Args...>
    : std::true_type {};

TEST(GuardTest, LiveOnTheStackOnly) {
  EXPECT_FALSE((CanBeNewed<void, NoGradGuard>::value));
  EXPECT_FALSE((CanBeNewed<void, InferenceModeGuard>::value));
  EXPECT_FALSE((CanBeNewed<void, LabelGuard, const char*>::value));
}

}  // namespace
}  // namespace lamina
