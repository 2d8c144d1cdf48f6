// Arrays from rules, braces and foreign memory, and typed access. Expected values are PyTorch
// 1.13's where it has the function.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"
#include "lamina/tensor/test_util.h"

namespace lamina {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(CreationTest, LikeTakesTheShapeAndTheDTypeUnlessGivenOne) {
  const NDArray x = NDArray::zeros({2, 1}, int32).expand({2, 3});
  EXPECT_EQ(NDArray::empty_like(x).shape(), (Shape{2, 3}));
  EXPECT_CLOSE(NDArray::zeros_like(x), {0, 0, 0, 0, 0, 0});
  EXPECT_EQ(NDArray::ones_like(x).dtype(), int32);
  EXPECT_EQ(NDArray::ones_like(x, float64).dtype(), float64);
  EXPECT_CLOSE(NDArray::full_like(x, 7, uint8), {7, 7, 7, 7, 7, 7});
  EXPECT_THROWS(RuntimeError, "[zeros_like] expected a defined array",
                NDArray::zeros_like(NDArray(), float32));
}

TEST(CreationTest, ArangeHasPyTorchsSizesAndDTypes) {
  EXPECT_CLOSE(NDArray::arange(1, 7, 2), {1, 3, 5});
  EXPECT_CLOSE(NDArray::arange(5, 1, -2), {5, 3});
  EXPECT_CLOSE(NDArray::arange(1, 2.5), {1, 2});
  EXPECT_EQ(NDArray::arange(1, 2.5).dtype(), float32);
  EXPECT_EQ(NDArray::arange(1, 3).dtype(), int64);
  EXPECT_EQ(NDArray::arange(2.5).numel(), 3);
  EXPECT_EQ(NDArray::arange(0, 1, 0.1).numel(), 10);
  EXPECT_EQ(NDArray::arange(3, 3).shape(), Shape(0));
  EXPECT_CLOSE(NDArray::arange(0, 300, 100, uint8), {0, 100, 200});
  EXPECT_CLOSE(NDArray::arange(0.5, 5.2, 1.5, int64), {0, 1, 2, 3, 4});  // of 0, 5 and 1
  EXPECT_CLOSE(NDArray::arange(0, 3, 0.5, bfloat16), {0, 0.5, 1, 1.5, 2, 2.5});
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(NDArray::arange(max - 2, max).to_vector<int64_t>(),
            (std::vector<int64_t>{max - 2, max - 1}));
}

TEST(CreationTest, ArangeRefusesWhatHasNoEnd) {
  EXPECT_THROWS(ValueError, "[arange] expected a step other than 0", NDArray::arange(0, 5, 0));
  EXPECT_THROWS(ValueError, "[arange] expected a step other than 0, got 0.3 for int32",
                NDArray::arange(0, 1, 0.3, int32));
  EXPECT_THROWS(ValueError, "[arange] expected an end that steps of -1 reach from 0, got 5",
                NDArray::arange(0, 5, -1));
  EXPECT_THROWS(ValueError, "[arange] expected finite numbers", NDArray::arange(0, kInf));
  EXPECT_THROWS(ValueError, "[arange] expected finite numbers", NDArray::arange(NAN));
  EXPECT_THROWS(ShapeError, "[arange] expected less than 2^62 elements",
                NDArray::arange(0, 1e30, 1e-3));
  EXPECT_THROWS(
      ShapeError, "less than 2^62",
      NDArray::arange(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()));
}

TEST(CreationTest, LinspaceMeetsBothEnds) {
  EXPECT_CLOSE(NDArray::linspace(0, 1, 5), {0, 0.25, 0.5, 0.75, 1});
  EXPECT_CLOSE(NDArray::linspace(0, 10, 5, int64), {0, 2, 5, 7, 10});
  EXPECT_CLOSE(NDArray::linspace(0, 2, 4, int32), {0, 0, 1, 2});
  EXPECT_CLOSE(NDArray::linspace(3, 9, 1), {3});
  EXPECT_EQ(NDArray::linspace(3, 9, 0).numel(), 0);
  EXPECT_CLOSE(NDArray::linspace(2, -2, 3, float64), {2, 0, -2});
  EXPECT_EQ(NDArray::linspace(0, 0.1, 1000).at<float>({-1}), 0.1f);
  // PyTorch truncates the ends first, and wraps a negative one around for uint8.
  EXPECT_CLOSE(NDArray::linspace(0, 2.5, 7, int64), {0, 0, 0, 1, 1, 1, 2});
  EXPECT_CLOSE(NDArray::linspace(-2.9, 2.9, 3, int64), {-2, 0, 2});
  EXPECT_CLOSE(NDArray::linspace(-1, 1, 3, uint8), {255, 128, 1});
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(NDArray::linspace(0, kMax, 2, int64).at<int64_t>({-1}), kMax);
  EXPECT_THROWS(ValueError, "[linspace] expected a value that uint8 holds, got 300",
                NDArray::linspace(0, 300, 3, uint8));
  EXPECT_THROWS(ValueError, "[linspace] expected a value that float32 holds, got",
                NDArray::linspace(0, 1e39, 3));
  EXPECT_THROWS(ValueError, "[linspace] expected at least 0 steps, got -1",
                NDArray::linspace(0, 1, -1));
  EXPECT_THROWS(DTypeError, "[linspace] expected a numeric dtype",
                NDArray::linspace(0, 1, 3, bool_));
}

TEST(CreationTest, EyeHasOnesOnTheDiagonal) {
  EXPECT_CLOSE(NDArray::eye(2), {1, 0, 0, 1});
  EXPECT_CLOSE(NDArray::eye(2, 3, int64), {1, 0, 0, 0, 1, 0});
  EXPECT_CLOSE(NDArray::eye(3, 2), {1, 0, 0, 1, 0, 0});
  EXPECT_EQ(NDArray::eye(0, 3).shape(), (Shape{0, 3}));
  EXPECT_THROWS(ValueError, "[eye] expected extents of at least 0, got -1 and -1",
                NDArray::eye(-1));
}

TEST(CreationTest, OneHotInfersTheClasses) {
  EXPECT_CLOSE(one_hot(NDArray::from({int64_t{0}, int64_t{2}})), {1, 0, 0, 0, 0, 1});
  EXPECT_THROWS(IndexError, "got -1 at position 0", one_hot(NDArray::full({}, -1), 2));
  EXPECT_THROWS(ValueError, "[one_hot] expected at least one class, got -2",
                one_hot(NDArray::full({}, 1), -2));
  EXPECT_THROWS(ValueError, "[one_hot] expected at least one class, got 0",
                one_hot(NDArray::zeros(0, int64), 0));
}

TEST(CreationTest, BracesGiveTheShape) {
  EXPECT_EQ(NDArray::from({1.f, 2.f}).shape(), Shape(2));
  const NDArray x = NDArray::from({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}});
  EXPECT_EQ(x.shape(), (Shape{2, 3}));
  EXPECT_CLOSE(x, {1, 2, 3, 4, 5, 6});
  const NDArray y = NDArray::from({{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}, {{9, 10}, {11, 12}}});
  EXPECT_EQ(y.shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(y.dtype(), int32);
  EXPECT_EQ(y.at<int32_t>({2, 0, 1}), 10);
  EXPECT_THROWS(ValueError, "[from] expected rows of one length, 2, got one of 1",
                NDArray::from({{1.f, 2.f}, {3.f}}));
  EXPECT_THROWS(ValueError, "[from] expected rows of one length, 1, got one of 2",
                NDArray::from({{{1.f}}, {{1.f}, {2.f}}}));
  EXPECT_CLOSE(NDArray::from(std::vector<bool>{true, false, true}, 3), {1, 0, 1});
  EXPECT_EQ(NDArray::from(std::vector<bool>{true}, 1).dtype(), bool_);
}

TEST(FromBlobTest, UsesTheCallersMemoryUntilTheLastArrayGoes) {
  std::vector<float> memory = {1, 2, 3, 4, 5, 6};
  void* deleted = nullptr;
  {
    NDArray view;
    {
      NDArray x =
          NDArray::from_blob(memory.data(), {2, 3}, float32, [&](void* data) { deleted = data; });
      EXPECT_CLOSE(x, {1, 2, 3, 4, 5, 6});
      x.fill_(7);
      EXPECT_EQ(x.version(), 1u);
      view = x.select(1, 1);
    }
    EXPECT_EQ(deleted, nullptr);
    EXPECT_CLOSE(view, {7, 7});
  }
  EXPECT_EQ(deleted, memory.data());
  EXPECT_EQ(memory[5], 7);
  const NDArray columns = NDArray::from_blob(memory.data() + 1, {2, 2}, {1, 2}, float32);
  memory = {0, 1, 2, 3, 4, 5};
  EXPECT_CLOSE(columns, {1, 3, 2, 4});
  EXPECT_FALSE(columns.is_contiguous());
  EXPECT_CLOSE(columns + 1, {2, 4, 3, 5});
  EXPECT_EQ(NDArray::from_blob(nullptr, {0, 3}, float32).numel(), 0);
}

TEST(FromBlobTest, RefusesMemoryThatCannotBe) {
  std::vector<float> memory(4);
  EXPECT_THROWS(ValueError, "[from_blob] expected an address for shape (2,), got null",
                NDArray::from_blob(nullptr, 2, float32));
  EXPECT_THROWS(ValueError, "expected an address that is a multiple of 4",
                NDArray::from_blob(reinterpret_cast<char*>(memory.data()) + 1, 2, float32));
  EXPECT_THROWS(ValueError, "expected strides of at least 0, got (-1,)",
                NDArray::from_blob(memory.data(), 2, Strides{-1}, float32));
  EXPECT_THROWS(ShapeError, "[from_blob] expected a stride per dimension of shape (2,), got (1, 1)",
                NDArray::from_blob(memory.data(), 2, {1, 1}, float32));
  EXPECT_THROWS(ShapeError, "less than 2^59 places",
                NDArray::from_blob(memory.data(), 5, Strides{int64_t{1} << 61}, float32));
  EXPECT_THROWS(ShapeError, "[from_blob] expected extents of at least 0",
                NDArray::from_blob(memory.data(), -1, float32));
}

TEST(AccessTest, AtReadsAndWritesOneElement) {
  const NDArray x = NDArray::from({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}});
  EXPECT_EQ(x.at<float>({1, 2}), 6);
  EXPECT_EQ(x.at<float>({-1, -3}), 4);
  EXPECT_EQ(x.t().at<float>({2, 0}), 3);
  x.at<float>({0, 1}) = 9;
  EXPECT_CLOSE(x, {1, 9, 3, 4, 5, 6});
  EXPECT_EQ(NDArray::full({}, 3).at<int64_t>({}), 3);
  EXPECT_THROWS(IndexError, "[at] expected an index inside shape (2, 3), got (0, 3)",
                x.at<float>({0, 3}));
  EXPECT_THROWS(IndexError, "got (-3, 0)", x.at<float>({-3, 0}));
  EXPECT_THROWS(IndexError, "[at] expected 2 indices for shape (2, 3), got (1,)", x.at<float>({1}));
  EXPECT_THROWS(DTypeError, "expected dtype float64, got float32", x.at<double>({0, 0}));
  EXPECT_THROWS(RuntimeError, "[at] expected a defined array", NDArray().at<float>({}));
}

TEST(AccessTest, SpanIsTheElementsInPlace) {
  const NDArray x = NDArray::from({{1.f, 2.f}, {3.f, 4.f}});
  float sum = 0;
  for (float value : x.span<float>()) sum += value;
  EXPECT_EQ(sum, 10);
  x.span<float>()[3] = 8;
  EXPECT_EQ(x.select(0, 1).span<float>()[1], 8);
  EXPECT_TRUE(NDArray::zeros({0, 2}).span<float>().empty());
  EXPECT_THROWS(RuntimeError,
                "[span] expected a contiguous array, got shape (2, 2) with strides (1, 2)",
                x.t().span<float>());
  EXPECT_THROWS(DTypeError, "[span] expected dtype int64, got float32", x.span<int64_t>());
  EXPECT_THROWS(RuntimeError, "[span] expected a defined array", NDArray().span<float>());
}

TEST(FullTest, RefusesWhatTheDTypeCannotHold) {
  struct Case {
    Scalar value;
    DType dtype;
    const char* text;  // null: taken
  };
  const std::vector<Case> cases = {
      {NAN, int32, "[full] expected a value that int32 holds, got nan"},
      {kInf, int32, "got inf"},
      {1e10, int32, "[full] expected a value that int32 holds, got 1e+10"},
      {int64_t{1} << 40, int32, "got 1099511627776"},
      {2147483648.0, int32, "holds"},
      {2147483647.0, int32, nullptr},
      {-2147483648.0, int32, nullptr},
      {2.5, int32, nullptr},
      {0x1p63, int64, "holds"},
      {-0x1p63, int64, nullptr},
      {300, uint8, "[full] expected a value that uint8 holds, got 300"},
      {-1.0, uint8, "holds"},
      {255.5, uint8, "holds"},
      {-1, uint8, nullptr},
      {-256, uint8, "holds"},
      {1e300, float32, "[full] expected a value that float32 holds, got 1e+300"},
      {-1e39, float32, "holds"},
      {kInf, float32, nullptr},
      {NAN, float32, nullptr},
      {65520.0, float16, "holds"},
      {65504.0, float16, nullptr},
      {1e39, bfloat16, "holds"},
      {kInf, bfloat16, nullptr},
      {NAN, bool_, nullptr},
      {1e300, float64, nullptr},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.value.str() + " " + name_of(c.dtype));
    if (c.text == nullptr) {
      EXPECT_NO_THROW(NDArray::full(2, c.value, c.dtype));
      EXPECT_NO_THROW(NDArray::zeros(2, c.dtype).fill_(c.value));
    } else {
      EXPECT_THROWS(ValueError, c.text, NDArray::full(2, c.value, c.dtype));
      EXPECT_THROWS(ValueError, "[fill_] expected a value that",
                    NDArray::zeros(2, c.dtype).fill_(c.value));
    }
  }
}

TEST(AddInPlaceTest, RefusesAnAlphaThatTheIntegersCannotHold) {
  NDArray x = NDArray::zeros(2, int32), y = NDArray::zeros(2, uint8);
  EXPECT_THROWS(ValueError, "[add_] expected an integer alpha for int32, got inf", x.add_(x, kInf));
  EXPECT_THROWS(ValueError, "[add_] expected an integer alpha for int32, got 1e+300",
                x.add_(x, 1e300));
  EXPECT_THROWS(ValueError, "got nan", x.add_(x, NAN));
  EXPECT_THROWS(ValueError, "[add_] expected a value that int32 holds, got 3000000000",
                x.add_(x, 3e9));
  EXPECT_THROWS(ValueError, "[add_] expected a value that uint8 holds, got 300", y.add_(y, 300));
}

TEST(MemoryTest, WhatTheSystemDoesNotHaveIsAnErrorThatSaysHowMuch) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_THROWS(RuntimeError,
                "[empty] expected 4503599627370496 bytes of memory for shape (1125899906842624,) "
                "of float32, got none from the system",
                NDArray::empty(int64_t{1} << 50));
#endif
  EXPECT_THROWS(ShapeError, "less than 2^62 bytes", NDArray::empty(int64_t{1} << 61));
}

TEST(MoveTest, WhatWasMovedFromIsUndefined) {
  NDArray x = NDArray::from({{1.f, 2.f}, {3.f, 4.f}}).t();
  const NDArray y = std::move(x);
  EXPECT_CLOSE(y, {1, 3, 2, 4});
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(x.defined());  // NOLINT(bugprone-use-after-move): that is the question
    EXPECT_EQ(x.numel(), 0);
    EXPECT_EQ(x.shape(), Shape());
    EXPECT_EQ(x.strides(), Strides());
    EXPECT_EQ(x.raw_data(), nullptr);
    EXPECT_TRUE(x.is_contiguous());
    x = y;
    NDArray z;
    z = std::move(x);
    EXPECT_CLOSE(z, {1, 3, 2, 4});
  }
}

TEST(UndefinedTest, SaysSoWhateverIsAsked) {
  const NDArray x;
  EXPECT_THROWS(RuntimeError, "[version] expected a defined array", x.version());
  EXPECT_THROWS(RuntimeError, "[bump_version] expected a defined array", x.bump_version());
  EXPECT_THROWS(RuntimeError, "[is_exclusive] expected a defined array", x.is_exclusive());
  EXPECT_THROWS(RuntimeError, "[size] expected a defined array", x.size(0));
}

TEST(ConvertTest, FloatingNumbersThatIntegersCannotHoldBecomeTheLeastOne) {
  // Long enough for vectors and a rest; as PyTorch's to() gives on x86.
  const int64_t n = 19;
  constexpr int32_t kLeast32 = std::numeric_limits<int32_t>::min();
  constexpr int64_t kLeast64 = std::numeric_limits<int64_t>::min();
  struct Case {
    double value;
    int32_t as_int32;
    int64_t as_int64;
    uint8_t as_uint8;
  };
  for (const Case& c : {Case{NAN, kLeast32, kLeast64, 0}, Case{kInf, kLeast32, kLeast64, 0},
                        Case{-kInf, kLeast32, kLeast64, 0}, Case{1e10, kLeast32, 10000000000, 0},
                        Case{1e20, kLeast32, kLeast64, 0}, Case{-1e20, kLeast32, kLeast64, 0},
                        Case{-1.5, -1, -1, 255}, Case{0x1p31, kLeast32, int64_t{1} << 31, 0},
                        Case{2147483520, 2147483520, 2147483520, 128}}) {
    for (DType dtype : {float32, float64}) {
      SCOPED_TRACE(c.value);
      const NDArray x = NDArray::full(n, c.value, dtype);
      EXPECT_EQ(x.to(int32).to_vector<int32_t>(), std::vector<int32_t>(n, c.as_int32));
      EXPECT_EQ(x.to(int64).to_vector<int64_t>(), std::vector<int64_t>(n, c.as_int64));
      EXPECT_EQ(x.to(uint8).to_vector<uint8_t>(), std::vector<uint8_t>(n, c.as_uint8));
    }
  }
}

TEST(ScalarTest, RefusesUnsignedIntegersThatInt64CannotHold) {
  EXPECT_EQ(Scalar(uint64_t{1} << 62).to<int64_t>(), int64_t{1} << 62);
  EXPECT_THROWS(ValueError, "[Scalar] expected an integer below 2^63, got 9223372036854775808",
                Scalar(uint64_t{1} << 63));
}

TEST(CreationTest, IntegersFromBoundsThatNoIntegerHoldsAreRefused) {
  EXPECT_THROWS(ValueError, "[arange] expected a value that int64 holds, got 1e+30",
                NDArray::arange(0, 1e30, 1e29, int64));
  EXPECT_THROWS(ValueError, "[arange] expected a value that int64 holds, got -1e+30",
                NDArray::arange(-1e30, 1e30, 1e30, int32));
  EXPECT_THROWS(ValueError, "[linspace] expected a value that int64 holds, got 1e+30",
                NDArray::linspace(0, 1e30, 3, int64));
  EXPECT_THROWS(ValueError, "[linspace] expected a value that int64 holds, got nan",
                NDArray::linspace(NAN, 3, 3, int64));
  EXPECT_THROWS(ValueError, "[linspace] expected a value that uint8 holds, got 1000",
                NDArray::linspace(0, 1000, 3, uint8));
}

TEST(CreationTest, ErrorsNameTheFunctionThatWasCalled) {
  constexpr int64_t kHuge = int64_t{1} << 61;
  EXPECT_THROWS(ShapeError, "[zeros] expected extents of at least 0", NDArray::zeros({2, -1}));
  EXPECT_THROWS(ShapeError, "[ones] expected extents of at least 0", NDArray::ones({2, -1}));
  EXPECT_THROWS(ShapeError, "[full] expected an array of less than 2^62", NDArray::full(kHuge, 1));
  EXPECT_THROWS(ShapeError, "[eye] expected an array of less than 2^62", NDArray::eye(kHuge));
  EXPECT_THROWS(ShapeError, "[arange] expected an array", NDArray::arange(kHuge));
  EXPECT_THROWS(ShapeError, "[linspace] expected an array", NDArray::linspace(0, 1, kHuge));
  EXPECT_THROWS(ShapeError, "[one_hot] expected an array",
                one_hot(NDArray::zeros(2, int64), kHuge));
  EXPECT_THROWS(ShapeError, "[one_hot] expected a rank of at most 8",
                one_hot(NDArray::zeros({1, 1, 1, 1, 1, 1, 1, 1}, int64), 2));
  EXPECT_THROWS(ValueError, "[full_like] expected a value that uint8 holds",
                NDArray::full_like(NDArray::zeros(1, uint8), 256));
  EXPECT_THROWS(ValueError, "[one_hot] expected a number of classes for an empty array, got -1",
                one_hot(NDArray::zeros(0, int64), -1));
  EXPECT_THROWS(DTypeError, "[at] expected dtype float64, got float32",
                NDArray::zeros(1).at<double>(0));
}

}  // namespace
}  // namespace lamina
