// What an operation's author gets wrong is an error that names the operation.
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/autograd/anomaly.h"
#include "lamina/autograd/function.h"
#include "lamina/autograd/test_util.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

using test::leaf;

TEST(FunctionMisuse, OutputThatForwardDidNotSaveIsNotTheFirstSavedValue) {
  struct NoOutput : Function<NoOutput> {
    static NDArray forward(Context& ctx, const NDArray& x) {
      ctx.save_input(x);
      return exp(x);
    }
    static Gradients backward(Context& ctx, const Tensor& dy) { return {dy * ctx.output()}; }
  };
  EXPECT_THROWS(RuntimeError,
                "[NoOutput] output() in backward: forward saved none with save_output",
                NoOutput::apply(leaf({1})).backward());
}

TEST(FunctionMisuse, NumberOfASavedValueOutOfRange) {
  struct Saves : Function<Saves> {
    int which = 0;
    NDArray forward(Context& ctx, const NDArray& x, int values, int wanted) {
      which = wanted;
      for (int i = 0; i < values; ++i) ctx.save_input(x);
      return x + 0;
    }
    Gradients backward(Context& ctx, const Tensor& dy) { return {dy * ctx.saved(which)}; }
  };
  const Tensor x = leaf({1});
  EXPECT_THROWS(IndexError, "[Saves] saved(9) in backward: forward saved 2 values",
                Saves::apply(x, 2, 9).backward());
  EXPECT_THROWS(IndexError, "[Saves] saved(-1) in backward: forward saved 1 value",
                Saves::apply(x, 1, -1).backward());
  EXPECT_THROWS(IndexError, "[Saves] saved(0) in backward: forward saved 0 values",
                Saves::apply(x, 0, 0).backward());
}

// Calls `body` in a backward whose first input wants no gradient.
using Body = std::function<void(Context&)>;
struct Runs : Function<Runs> {
  static constexpr const char* kName = "runs";
  Body body;
  NDArray forward(Context&, const NDArray& x, const NDArray& y, const Body& later) {
    body = later;
    return x + y;
  }
  Gradients backward(Context& ctx, const Tensor& dy) {
    body(ctx);
    return {Tensor(), dy};
  }
};
void in_backward(const Body& body) { Runs::apply(zeros(1, float64), leaf({1}), body).backward(); }

TEST(FunctionMisuse, NumberOfAnInputOutOfRange) {
  EXPECT_THROWS(IndexError, "[runs] needs_grad(9): expected an input from 0 to 1",
                in_backward([](Context& ctx) { ctx.needs_grad(9); }));
  EXPECT_THROWS(IndexError, "[runs] needs_grad(-1): expected an input from 0 to 1",
                in_backward([](Context& ctx) { ctx.needs_grad(-1); }));
  EXPECT_THROWS(IndexError, "[runs] input_shape(2): expected an input from 0 to 1",
                in_backward([](Context& ctx) { ctx.input_shape(2); }));
  EXPECT_THROWS(IndexError, "[runs] needs_grad(2): expected an input from 0 to 1",
                in_backward([](Context& ctx) { ctx.to_input(2, Tensor()); }));
}

TEST(FunctionMisuse, ShapeAndDtypeOfAnInputThatWantsNoGradient) {
  EXPECT_THROWS(RuntimeError,
                "[runs] input_shape(0) in backward: input 0 wants no gradient; ask needs_grad(0) "
                "first",
                in_backward([](Context& ctx) { ctx.input_shape(0); }));
  EXPECT_THROWS(RuntimeError, "[runs] input_dtype(0) in backward: input 0 wants no gradient",
                in_backward([](Context& ctx) { ctx.input_dtype(0); }));
}

// Calls `body` in a forward.
struct Early : Function<Early> {
  static constexpr const char* kName = "early";
  static NDArray forward(Context& ctx, const NDArray& x, const Body& body) {
    ctx.save_input(x);
    body(ctx);
    return x + 0;
  }
  static Gradients backward(Context&, const Tensor& dy) { return {dy}; }
};
void in_forward(const Tensor& x, const Body& body) { Early::apply(x, body); }

TEST(FunctionMisuse, WhatIsForBackwardIsRefusedInForwardRecordedOrNot) {
  for (const Tensor& x : {leaf({1}), zeros(1, float64)}) {
    EXPECT_THROWS(RuntimeError, "[early] saved() is for backward, called in forward",
                  in_forward(x, [](Context& ctx) { ctx.saved(0); }));
    EXPECT_THROWS(RuntimeError, "[early] output() is for backward, called in forward",
                  in_forward(x, [](Context& ctx) { ctx.output(); }));
    EXPECT_THROWS(RuntimeError, "[early] input_shape() is for backward, called in forward",
                  in_forward(x, [](Context& ctx) { ctx.input_shape(0); }));
    EXPECT_THROWS(RuntimeError, "[early] to_input() is for backward, called in forward",
                  in_forward(x, [](Context& ctx) { ctx.to_input(0, Tensor()); }));
  }
}

TEST(FunctionMisuse, NeedsGradInForwardIsFalseWhenNothingIsRecorded) {
  in_forward(leaf({1}), [](Context& ctx) { EXPECT_TRUE(ctx.needs_grad(0)); });
  in_forward(zeros(1, float64), [](Context& ctx) { EXPECT_FALSE(ctx.needs_grad(0)); });
  const NoGradGuard no_grad;
  in_forward(leaf({1}), [](Context& ctx) { EXPECT_FALSE(ctx.needs_grad(0)); });
}

TEST(FunctionMisuse, BackwardThatConsumesItsOwnNodeFindsNothingSaved) {
  struct Devours : Function<Devours> {
    const Tensor* result = nullptr;
    bool inside = false;
    NDArray forward(Context& ctx, const NDArray& x, const Tensor* to_be) {
      result = to_be;
      return ctx.save_output(x + 0);
    }
    Gradients backward(Context& ctx, const Tensor& dy) {
      if (!std::exchange(inside, true)) result->backward();
      return {dy * ctx.output()};
    }
  };
  Tensor y;
  y = Devours::apply(leaf({2}), &y);
  EXPECT_THROWS(RuntimeError,
                "[Devours] backward needs values that an earlier backward freed; pass retain_graph",
                y.backward());
}

// ---- Results without a value

struct Missing : Function<Missing> {
  static NDArray forward(Context& ctx, const NDArray&) { return ctx.save_output(NDArray()); }
  static Gradients backward(Context&, const Tensor&) { return {Tensor()}; }
};

TEST(FunctionMisuse, UndefinedResultIsAnUndefinedTensor) {
  for (const Tensor& x : {leaf({1}), zeros(1, float64)}) {
    const Tensor y = Missing::apply(x);
    EXPECT_FALSE(y.defined());
    EXPECT_FALSE(y.requires_grad());
    EXPECT_EQ(y.str(), "Tensor(undefined)");
  }
}

TEST(FunctionMisuse, UndefinedSavedOutputIsUndefinedUnderCreateGraph) {
  struct HalfMissing : Function<HalfMissing> {
    static std::array<NDArray, 2> forward(Context& ctx, const NDArray& x) {
      return {x * 2, ctx.save_output(NDArray())};
    }
    static Gradients backward(Context& ctx, absl::Span<const Tensor> dy) {
      EXPECT_FALSE(ctx.output().defined());
      return {dy[0] * 2};
    }
  };
  const Tensor x = leaf({1});
  const std::array<Tensor, 2> y = HalfMissing::apply(x);
  EXPECT_FALSE(y[1].defined());
  y[0].backward({}, {false, true});
  EXPECT_EQ(x.grad().item<double>(), 2);
}

TEST(FunctionMisuse, SavedOutputThatIsNotReturned) {
  struct SavesAnother : Function<SavesAnother> {
    static NDArray forward(Context& ctx, const NDArray& x) { return ctx.save_output(exp(x)) * 2; }
    static Gradients backward(Context& ctx, const Tensor& dy) { return {dy * 2 * ctx.output()}; }
  };
  EXPECT_THROWS(RuntimeError,
                "[SavesAnother] expected save_output() of a result of forward, got an array of "
                "shape (1,) that is not returned; keep it with save_values()",
                SavesAnother::apply(leaf({0.5})));
}

TEST(FunctionMisuse, BackwardThatWritesToWhatItGetsIsAnAnomaly) {
  struct Writes : Function<Writes> {
    static NDArray forward(Context&, const NDArray& x) { return x * 2; }
    static Gradients backward(Context&, const Tensor& dy) { return {dy.mul_(2)}; }
  };
  const Tensor a = leaf({1, 1}), b = leaf({2, 2});
  set_detect_anomaly(true);
  EXPECT_THROWS(RuntimeError,
                "[Writes] backward: expected the gradients to be left as they are, got one that "
                "was written to; return others instead",
                sum((Writes::apply(a) + b) * ones(2, float64)).backward());
  set_detect_anomaly(false);
}

}  // namespace
}  // namespace lamina
