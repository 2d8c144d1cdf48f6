#include "lamina/nn/data/standardizer.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::data {
namespace {

// Means 3 and 20; deviations from them -2, 0, 2 and 10, -10, 0: variances 8/3 and 200/3.
Tensor three_rows() { return tensor({1., 30., 3., 10., 5., 20.}, {3, 2}); }

TEST(Standardizer, GivesColumnsMean0AndDeviation1) {
  const Standardizer scaler = Standardizer::fit(three_rows());
  const double a = std::sqrt(8. / 3), b = std::sqrt(200. / 3);
  EXPECT_CLOSE(scaler.mean().data(), {3, 20}, 1e-15);
  EXPECT_CLOSE(scaler.std().data(), {a, b}, 1e-15);
  const Tensor z = scaler.transform(three_rows());
  EXPECT_CLOSE(z.data(), {-2 / a, 10 / b, 0, -10 / b, 2 / a, 0}, 1e-15);
  EXPECT_CLOSE(scaler.inverse_transform(z).data(), {1, 30, 3, 10, 5, 20}, 1e-15);
}

TEST(Standardizer, IsFittedOnTheGivenRowsOnly) {
  const Tensor x =
      cat(std::vector<Tensor>{full({1, 2}, 1e6, float64), three_rows(), full({1, 2}, -7, float64)});
  const Standardizer scaler = Standardizer::fit(x, {3, 1, 2}),
                     expected = Standardizer::fit(three_rows());
  EXPECT_CLOSE(scaler.mean().data(), expected.mean().to_vector<double>(), 1e-15);
  EXPECT_CLOSE(scaler.std().data(), expected.std().to_vector<double>(), 1e-15);
  // A row may count twice: the mean of 1, 1 and 5.
  EXPECT_CLOSE(Standardizer::fit(three_rows(), {0, 0, 2}).mean().select(0, 0).data(), {7. / 3},
               1e-15);
}

TEST(Standardizer, MakesConstantColumns0) {
  // The mean of 0.1 three times is not 0.1, but for a rounding.
  const Tensor x = full({3, 1}, 0.1, float64);
  const Standardizer scaler = Standardizer::fit(x);
  EXPECT_CLOSE(scaler.std().data(), {1});
  EXPECT_CLOSE(scaler.transform(x).data(), {0, 0, 0});
  EXPECT_CLOSE(scaler.transform(full({1, 1}, 2.1, float64)).data(), {2}, 1e-15);
  EXPECT_CLOSE(Standardizer::fit(three_rows(), {1}).transform(three_rows().narrow(0, 1, 1)).data(),
               {0, 0});
}

TEST(Standardizer, KeepsShapesAndDtypesAndComputesInFloat64) {
  // At 2^24 neighbours in float32 are 2 apart: the mean, 2^24 + 1, is none.
  const Tensor x = tensor({16777216.f, 16777218.f}, {2, 1});
  const Standardizer scaler = Standardizer::fit(x);
  EXPECT_CLOSE(scaler.transform(x).data(), {-1, 1});
  EXPECT_EQ(scaler.transform(x).dtype(), float32);
  EXPECT_EQ(scaler.transform(x.select(0, 0)).shape(), Shape({1}));
  EXPECT_EQ(scaler.transform(zeros({4, 3, 1})).shape(), Shape({4, 3, 1}));
  EXPECT_EQ(Standardizer::fit(tensor({uint8_t{1}, uint8_t{3}}, {2, 1})).mean().item<double>(), 2);
}

TEST(Standardizer, IsMadeOfNumbersThatWereFittedBefore) {
  const Standardizer fitted = Standardizer::fit(three_rows());
  const Standardizer again(fitted.mean(), fitted.std());
  EXPECT_CLOSE(again.transform(three_rows()).data(),
               fitted.transform(three_rows()).to_vector<double>());
}

TEST(Standardizer, RefusesWhatCannotBeFitted) {
  EXPECT_THROWS(ShapeError, "[Standardizer] expected at least one row of (rows, columns), got (3,)",
                Standardizer::fit(zeros(3)));
  EXPECT_THROWS(ShapeError, "got (0, 2)", Standardizer::fit(zeros({0, 2})));
  EXPECT_THROWS(ShapeError, "got (0, 2)", Standardizer::fit(zeros({4, 2}), {}));
  EXPECT_THROWS(IndexError, "[Standardizer] expected an index of the 3 rows, got 3",
                Standardizer::fit(three_rows(), {0, 3}));
  EXPECT_THROWS(IndexError, "got -1", Standardizer::fit(three_rows(), {-1}));
  EXPECT_THROWS(ValueError, "expected finite values, got the minimum nan of column 1",
                Standardizer::fit(tensor({1., test::kNan, 2., 3.}, {2, 2})));
  EXPECT_THROWS(ValueError, "got the maximum inf of column 0",
                Standardizer::fit(tensor({1., test::kInf}, {2, 1})));
  EXPECT_THROWS(RuntimeError, "expected a defined array", Standardizer::fit(Tensor()));
}

TEST(Standardizer, RefusesNumbersAndShapesThatDoNotFit) {
  EXPECT_THROWS(ShapeError, "expected mean and std (columns), got (2,) and (3,)",
                Standardizer(zeros(2), ones(3)));
  EXPECT_THROWS(ValueError, "expected std above 0, got 0 of column 1",
                Standardizer(zeros(2), tensor({1., 0.}, {2})));
  EXPECT_THROWS(ValueError, "got the std nan of column 0",
                Standardizer(zeros(1), tensor({test::kNan}, {1})));
  const Standardizer scaler = Standardizer::fit(three_rows());
  EXPECT_THROWS(ShapeError, "[Standardizer] expected (..., 2), got (2, 3)",
                scaler.transform(zeros({2, 3})));
  EXPECT_THROWS(ShapeError, "got ()", scaler.inverse_transform(zeros({})));
  EXPECT_THROWS(DTypeError, "expected a floating dtype, got int64",
                scaler.transform(zeros({1, 2}, int64)));
}

}  // namespace
}  // namespace lamina::nn::data
