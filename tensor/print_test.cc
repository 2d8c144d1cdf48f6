#include "lamina/tensor/print.h"

#include <cstdint>
#include <limits>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "lamina/tensor/ndarray.h"

namespace lamina {
namespace {

// The expected texts are what PyTorch 1.13 printed, less "torch." before a dtype. Only the one for
// undefined arrays is ours.

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Print, IntegerValuedFloatsEndInADot) {
  EXPECT_EQ(NDArray::from<float>({1.f, 2.f, 3.f, -4.f}, {2, 2}).str(),
            R"(tensor([[ 1.,  2.],
        [ 3., -4.]]))");
}

TEST(Print, FractionsHaveFourDigitsAndRoundTiesToEven) {
  EXPECT_EQ(NDArray::from<float>({0.5f, -12.345678f, 3.f, 0.05f}, {4}).str(),
            R"(tensor([  0.5000, -12.3457,   3.0000,   0.0500]))");
  EXPECT_EQ(NDArray::from<float>({0.03125f, 0.09375f}, {2}).str(), R"(tensor([0.0312, 0.0938]))");
}

TEST(Print, DtypesOtherThanTheDefaultsAreNamed) {
  EXPECT_EQ(NDArray::from<int32_t>({1, 2}, {2}).str(), R"(tensor([1, 2], dtype=int32))");
  EXPECT_EQ(NDArray::from<uint8_t>({7, 200}, {2}).str(), R"(tensor([  7, 200], dtype=uint8))");
  EXPECT_EQ(NDArray::from<double>({1.5}, {1}).str(), R"(tensor([1.5000], dtype=float64))");
}

TEST(Print, DefaultDtypesAreNotNamed) {
  EXPECT_EQ(NDArray::from<int64_t>({-1, 20}, {2}).str(), R"(tensor([-1, 20]))");
  EXPECT_EQ(NDArray::from<bool>({true, false}, {2}).str(), R"(tensor([ True, False]))");
}

TEST(Print, ZeroDimensionalArraysHaveNoBrackets) {
  EXPECT_EQ(NDArray::from<float>({2.5f}, {}).str(), R"(tensor(2.5000))");
  EXPECT_EQ(NDArray::from<int32_t>({3}, {}).str(), R"(tensor(3, dtype=int32))");
  EXPECT_EQ(NDArray::from<bool>({true}, {}).str(), R"(tensor(True))");
}

TEST(Print, EmptyArraysTellShapeAndDtype) {
  EXPECT_EQ(NDArray::zeros({0}).str(), R"(tensor([]))");
  EXPECT_EQ(NDArray::zeros({0, 3}).str(), R"(tensor([], size=(0, 3)))");
  EXPECT_EQ(NDArray::zeros({2, 0}, int64).str(), R"(tensor([], size=(2, 0), dtype=int64))");
  EXPECT_EQ(NDArray::zeros({0}, bool_).str(), R"(tensor([], dtype=bool))");
}

TEST(Print, TheWidestIntegerSetsTheWidth) {
  EXPECT_EQ(NDArray::from<int64_t>({1, -1000, 20, 3}, {2, 2}).str(),
            R"(tensor([[    1, -1000],
        [   20,     3]]))");
}

TEST(Print, ExtremeIntegersAreExact) {
  EXPECT_EQ(NDArray::from<int64_t>({-9223372036854775807, 9223372036854775807}, {2}).str(),
            R"(tensor([-9223372036854775807,  9223372036854775807]))");
}

TEST(Print, ARatioAboveAThousandIsScientific) {
  EXPECT_EQ(NDArray::from<float>({1.5f, 1500.f}, {2}).str(), R"(tensor([   1.5000, 1500.0000]))");
  EXPECT_EQ(NDArray::from<float>({1.5f, 1501.5f}, {2}).str(),
            R"(tensor([1.5000e+00, 1.5015e+03]))");
}

TEST(Print, NumbersAboveAHundredMillionAreScientific) {
  EXPECT_EQ(NDArray::from<float>({100000000.f}, {1}).str(), R"(tensor([100000000.]))");
  EXPECT_EQ(NDArray::from<float>({100000008.f}, {1}).str(), R"(tensor([1.0000e+08]))");
}

TEST(Print, FractionsBelowATenThousandthAreScientific) {
  EXPECT_EQ(NDArray::from<double>({0.0001, 0.00012}, {2}).str(),
            R"(tensor([0.0001, 0.0001], dtype=float64))");
  EXPECT_EQ(NDArray::from<double>({9e-05, 0.0005}, {2}).str(),
            R"(tensor([9.0000e-05, 5.0000e-04], dtype=float64))");
}

TEST(Print, IntegerValuedFloatsOfAWideRangeAreScientific) {
  EXPECT_EQ(NDArray::from<float>({1.f, 2000.f, 0.f}, {3}).str(),
            R"(tensor([1.0000e+00, 2.0000e+03, 0.0000e+00]))");
}

TEST(Print, ExponentsMayHaveThreeDigits) {
  EXPECT_EQ(NDArray::from<double>({1e-300, -2.5e+300}, {2}).str(),
            R"(tensor([ 1.0000e-300, -2.5000e+300], dtype=float64))");
}

TEST(Print, NanAndInfinityStandAmongIntegersWithoutADot) {
  EXPECT_EQ(NDArray::from<float>({1.f, kInf, -kInf, kNan}, {4}).str(),
            R"(tensor([1., inf, -inf, nan]))");
}

TEST(Print, NanAndInfinityArePaddedAmongFractions) {
  EXPECT_EQ(NDArray::from<float>({0.5f, kInf, -kInf, kNan}, {4}).str(),
            R"(tensor([0.5000,    inf,   -inf,    nan]))");
}

TEST(Print, NanAndInfinityArePaddedInScientificNotation) {
  EXPECT_EQ(NDArray::from<float>({1e-09f, kInf, -kInf, kNan}, {4}).str(),
            R"(tensor([1.0000e-09,        inf,       -inf,        nan]))");
}

TEST(Print, ArraysWithoutFiniteNumbersAreNotPadded) {
  EXPECT_EQ(NDArray::from<float>({kNan, kInf, 0.f}, {3}).str(), R"(tensor([nan, inf, 0.]))");
}

TEST(Print, NegativeZeroKeepsItsSignAndDoesNotWiden) {
  EXPECT_EQ(NDArray::from<float>({-0.f, 1.5f}, {2}).str(), R"(tensor([-0.0000, 1.5000]))");
}

TEST(Print, LongRowsBreakAtEightyColumns) {
  EXPECT_EQ(NDArray::arange(30).str(),
            R"(tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]))");
}

TEST(Print, RowsOfAMatrixBreakUnderTheirFirstElement) {
  EXPECT_EQ(NDArray::arange(40, float32).view({2, 20}).str(),
            R"(tensor([[ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,
         14., 15., 16., 17., 18., 19.],
        [20., 21., 22., 23., 24., 25., 26., 27., 28., 29., 30., 31., 32., 33.,
         34., 35., 36., 37., 38., 39.]]))");
}

TEST(Print, ADtypeGoesToANewLineWhereItDoesNotFit) {
  EXPECT_EQ(NDArray::arange(26, float64).view({2, 13}).str(),
            R"(tensor([[ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12.],
        [13., 14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25.]],
       dtype=float64))");
}

TEST(Print, BlocksAreSeparatedByBlankLines) {
  EXPECT_EQ(NDArray::arange(8).view({2, 2, 2}).str(),
            R"(tensor([[[0, 1],
         [2, 3]],

        [[4, 5],
         [6, 7]]]))");
}

TEST(Print, FourDimensionsHaveTwoBlankLinesBetweenBlocks) {
  EXPECT_EQ(NDArray::arange(8, float32).view({2, 2, 1, 2}).str(),
            R"(tensor([[[[0., 1.]],

         [[2., 3.]]],


        [[[4., 5.]],

         [[6., 7.]]]]))");
}

TEST(Print, MoreThanAThousandElementsAreSummarised) {
  EXPECT_EQ(NDArray::arange(1001).str(), R"(tensor([   0,    1,    2,  ...,  998,  999, 1000]))");
}

TEST(Print, SummariesCutLongDimensionsOnly) {
  EXPECT_EQ(NDArray::arange(1100, float32).view({2, 110, 5}).str(),
            R"(tensor([[[0.0000e+00, 1.0000e+00, 2.0000e+00, 3.0000e+00, 4.0000e+00],
         [5.0000e+00, 6.0000e+00, 7.0000e+00, 8.0000e+00, 9.0000e+00],
         [1.0000e+01, 1.1000e+01, 1.2000e+01, 1.3000e+01, 1.4000e+01],
         ...,
         [5.3500e+02, 5.3600e+02, 5.3700e+02, 5.3800e+02, 5.3900e+02],
         [5.4000e+02, 5.4100e+02, 5.4200e+02, 5.4300e+02, 5.4400e+02],
         [5.4500e+02, 5.4600e+02, 5.4700e+02, 5.4800e+02, 5.4900e+02]],

        [[5.5000e+02, 5.5100e+02, 5.5200e+02, 5.5300e+02, 5.5400e+02],
         [5.5500e+02, 5.5600e+02, 5.5700e+02, 5.5800e+02, 5.5900e+02],
         [5.6000e+02, 5.6100e+02, 5.6200e+02, 5.6300e+02, 5.6400e+02],
         ...,
         [1.0850e+03, 1.0860e+03, 1.0870e+03, 1.0880e+03, 1.0890e+03],
         [1.0900e+03, 1.0910e+03, 1.0920e+03, 1.0930e+03, 1.0940e+03],
         [1.0950e+03, 1.0960e+03, 1.0970e+03, 1.0980e+03, 1.0990e+03]]]))");
}

TEST(Print, SummarisedMatricesHaveTheirDotsInBothDimensions) {
  EXPECT_EQ(NDArray::arange(1600).view({40, 40}).str(),
            R"(tensor([[   0,    1,    2,  ...,   37,   38,   39],
        [  40,   41,   42,  ...,   77,   78,   79],
        [  80,   81,   82,  ...,  117,  118,  119],
        ...,
        [1480, 1481, 1482,  ..., 1517, 1518, 1519],
        [1520, 1521, 1522,  ..., 1557, 1558, 1559],
        [1560, 1561, 1562,  ..., 1597, 1598, 1599]]))");
}

TEST(Print, HiddenElementsHaveNoSayInTheNotation) {
  NDArray one_large = NDArray::ones(1001);
  one_large.data<float>()[500] = 1e9f;
  EXPECT_EQ(one_large.str(), R"(tensor([1., 1., 1.,  ..., 1., 1., 1.]))");
}

TEST(Print, TransposedArraysPrintInLogicalOrder) {
  EXPECT_EQ(NDArray::arange(6).view({2, 3}).t().str(),
            R"(tensor([[0, 3],
        [1, 4],
        [2, 5]]))");
}

TEST(Print, NarrowedArraysPrintTheirOwnElements) {
  EXPECT_EQ(NDArray::arange(12, int32).view({3, 4}).narrow(1, 1, 2).select(0, 2).str(),
            R"(tensor([ 9, 10], dtype=int32))");
}

TEST(Print, HugeExpandedArraysPrintTheirEdges) {
  EXPECT_EQ(NDArray::full({1}, 0.5).expand({1000000, 1000000}).str(),
            R"(tensor([[0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000],
        [0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000],
        [0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000],
        ...,
        [0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000],
        [0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000],
        [0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000]]))");
}

TEST(Print, ASuffixFollowsTheDtype) {
  EXPECT_EQ(to_text(NDArray::from<float>({1.f, 2.f}, {2}), "requires_grad=True"),
            R"(tensor([1., 2.], requires_grad=True))");
  EXPECT_EQ(to_text(NDArray::from<double>({1.5}, {}), "requires_grad=True"),
            R"(tensor(1.5000, dtype=float64, requires_grad=True))");
  EXPECT_EQ(to_text(NDArray::zeros({2, 0}), "requires_grad=True"),
            R"(tensor([], size=(2, 0), requires_grad=True))");
}

TEST(Print, ASuffixGoesToANewLineWhereItDoesNotFit) {
  EXPECT_EQ(to_text(NDArray::full({6}, 0.5), "requires_grad=True"),
            R"(tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000], requires_grad=True))");
  EXPECT_EQ(to_text(NDArray::full({7}, 0.5), "requires_grad=True"),
            R"(tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],
       requires_grad=True))");
  EXPECT_EQ(to_text(NDArray::ones({2, 18}), "requires_grad=True"),
            R"(tensor([[1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.],
        [1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.]],
       requires_grad=True))");
}

TEST(Print, AThousandElementsAreNotSummarised) {
  EXPECT_EQ(NDArray::ones(1000).str().find("..."), std::string::npos);
}

TEST(Print, AnUndefinedArraySaysSo) {
  EXPECT_EQ(NDArray().str(), "NDArray(undefined)");
  EXPECT_EQ(to_text(NDArray(), "requires_grad=True"), "NDArray(undefined)");
}

TEST(Print, StreamsWriteTheSameText) {
  std::ostringstream out;
  out << NDArray::ones(2);
  EXPECT_EQ(out.str(), "tensor([1., 1.])");
}

}  // namespace
}  // namespace lamina
