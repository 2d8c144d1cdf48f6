#include "lamina/nn/data/image_transforms.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/tensor/test_util.h"

namespace lamina::nn::data {
namespace {

using ::testing::ElementsAre;

Generator& generator() {
  static Generator generator(5);
  return generator;
}

// ---- Transform and Compose

TEST(Transform, IsMadeOfFunctionsWithAndWithoutChance) {
  const Transform doubled = [](const Tensor& x) { return x * 2; };
  const Transform noisy = [](const Tensor& x, Generator& g) {
    return x + Tensor(random::uniform({1}, 0, 1, float32, g));
  };
  EXPECT_CLOSE(doubled(ones({1}), generator()).data(), {2});
  Generator a(3), b(3);
  EXPECT_CLOSE(noisy(zeros({1}), a).data(),
               random::uniform({1}, 0, 1, float32, b).to_vector<double>());
  EXPECT_TRUE(static_cast<bool>(doubled));
  EXPECT_FALSE(static_cast<bool>(Transform()));
}

TEST(Transform, OfAnEmptyFunctionIsRefusedWhenItIsMade) {
  const char* text = "[Transform] expected a function, got none";
  const std::function<Tensor(const Tensor&)> plain;
  const std::function<Tensor(const Tensor&, Generator&)> drawing;
  Tensor (*const pointer)(const Tensor&) = nullptr;
  EXPECT_THROWS(ValueError, text, Transform{plain});
  EXPECT_THROWS(ValueError, text, Transform{drawing});
  EXPECT_THROWS(ValueError, text, Transform{pointer});
  EXPECT_THROWS(RuntimeError, "[Transform] expected a function to call, got none",
                Transform()(ones({1}), generator()));
  const std::function<Tensor(const Tensor&)> twice = [](const Tensor& x) { return x * 2; };
  EXPECT_CLOSE(Transform(twice)(ones({1}), generator()).data(), {2});
}

TEST(Compose, AppliesOneAfterTheOther) {
  const Compose both(
      {[](const Tensor& x) { return x + 1; }, [](const Tensor& x) { return x * 2; }});
  EXPECT_CLOSE(both(ones({1}), generator()).data(), {4});
  EXPECT_CLOSE(Compose({both, both})(ones({1}), generator()).data(), {10});
  EXPECT_CLOSE(Compose({})(ones({1}), generator()).data(), {1});
  EXPECT_THROWS(ValueError, "[Compose] expected transforms, got one that is none",
                Compose({Transform()}));
}

// ---- Normalize

TEST(Normalize, TakesOneMeanOrOnePerChannel) {
  const Tensor image = tensor({1., 2., 3., 4.}, {2, 1, 2});
  EXPECT_CLOSE(Normalize(1, 2)(image).data(), {0, 0.5, 1, 1.5});
  EXPECT_CLOSE(Normalize({1, 3}, {2, 0.5})(image).data(), {0, 0.5, 0, 2});
  EXPECT_CLOSE(Normalize(1, 2)(tensor({5., 7.}, {2})).data(), {2, 3});
  EXPECT_EQ(Normalize({1, 3}, {2, 0.5})(image.to(float32)).dtype(), float32);
  EXPECT_EQ(Normalize(1, 2)(image.to(float32)).dtype(), float32);
}

TEST(Normalize, RefusesWhatDoesNotFit) {
  EXPECT_THROWS(ValueError,
                "[Normalize] expected a finite mean and a finite std above 0, got 1 and 0",
                Normalize(1, 0));
  EXPECT_THROWS(ValueError, "got nan and 1", Normalize(test::kNan, 1));
  EXPECT_THROWS(ValueError, "expected a mean and a std of each channel, got 2 and 1",
                Normalize({1, 2}, {1}));
  EXPECT_THROWS(ShapeError, "expected an image (..., 2, height, width), got (3, 4, 4)",
                Normalize({1, 2}, {1, 1})(zeros({3, 4, 4})));
  EXPECT_THROWS(ShapeError, "got (2, 2)", Normalize({1, 2}, {1, 1})(zeros({2, 2})));
  EXPECT_THROWS(DTypeError, "[Normalize] expected a floating dtype, got uint8",
                Normalize(0, 1)(zeros({2, 2}, uint8)));
}

// ---- RandomCrop

TEST(RandomCrop, IsAnyPartOfTheImageEquallyOften) {
  // 3 x 4 with a window of 2 x 2: its upper left corner is one of 2 x 3. Of 6,000 crops 1,000 each,
  // with a standard deviation of 29.
  const Tensor image = arange(12).view({3, 4});
  std::map<int64_t, int> corners;
  const RandomCrop crop(2);
  for (int i = 0; i < 6000; ++i) {
    const std::vector<int64_t> part = crop(image, generator()).to_vector<int64_t>();
    ASSERT_THAT(part, ElementsAre(part[0], part[0] + 1, part[0] + 4, part[0] + 5));
    ++corners[part[0]];
  }
  ASSERT_EQ(corners.size(), 6u);
  for (const int64_t corner : {0, 1, 2, 4, 5, 6}) EXPECT_NEAR(corners[corner], 1000, 5 * 29);
}

TEST(RandomCrop, PadsEachSide) {
  const RandomCrop crop({3, 3}, {.padding = 1, .fill = -1});
  const Tensor pixel = full({2, 1, 1}, 7, float64);
  EXPECT_CLOSE(crop(pixel, generator()).select(0, 1).data(), {-1, -1, -1, -1, 7, -1, -1, -1, -1});
  // A window of one pixel is the pixel in one of nine cases: 1,000 of 9,000, deviation 30.
  const RandomCrop one(1, {.padding = 1});
  int seen = 0;
  for (int i = 0; i < 9000; ++i) seen += one(pixel, generator()).select(0, 0).item<double>() == 7;
  EXPECT_NEAR(seen, 1000, 5 * 30);
}

TEST(RandomCrop, KeepsDtypeAndLeadingDimensions) {
  const Tensor image = zeros({2, 3, 8, 9}, uint8);
  const Tensor part = RandomCrop({4, 5}, {.padding = 1})(image, generator());
  EXPECT_EQ(part.shape(), Shape({2, 3, 4, 5}));
  EXPECT_EQ(part.dtype(), uint8);
  EXPECT_EQ(RandomCrop({8, 9})(image, generator()).shape(), image.shape());
}

TEST(RandomCrop, RefusesWhatDoesNotFit) {
  EXPECT_THROWS(ValueError, "[RandomCrop] expected a size of at least 1, got (0,)", RandomCrop(0));
  EXPECT_THROWS(ValueError, "got (2, -1)", RandomCrop({2, -1}));
  EXPECT_THROWS(ValueError, "expected a size or (height, width), got (1, 2, 3)",
                RandomCrop({1, 2, 3}));
  EXPECT_THROWS(ValueError, "expected a padding of at least 0, got -1",
                RandomCrop(1, {.padding = -1}));
  EXPECT_THROWS(ShapeError,
                "[RandomCrop] expected an image that with a padding of 1 has 5 x 5 pixels or more, "
                "got (1, 3, 2)",
                RandomCrop(5, {.padding = 1})(zeros({1, 3, 2}), generator()));
  EXPECT_THROWS(ShapeError, "[RandomCrop] expected an image (..., height, width), got (4,)",
                RandomCrop(1)(zeros(4), generator()));
}

// ---- RandomHorizontalFlip

TEST(RandomHorizontalFlip, FlipsWithItsProbability) {
  const Tensor image = tensor({1., 2., 3., 4.}, {2, 2});
  EXPECT_CLOSE(RandomHorizontalFlip(1)(image, generator()).data(), {2, 1, 4, 3});
  EXPECT_CLOSE(RandomHorizontalFlip(0)(image, generator()).data(), {1, 2, 3, 4});
  int flipped = 0;
  for (int i = 0; i < 4000; ++i) {
    flipped += RandomHorizontalFlip(0.25)(image, generator()).to_vector<double>()[0] == 2;
  }
  EXPECT_NEAR(flipped, 1000, 5 * 27);
  EXPECT_THROWS(ValueError, "[RandomHorizontalFlip] expected p in [0, 1], got 1.5",
                RandomHorizontalFlip(1.5));
  EXPECT_THROWS(ValueError, "got nan", RandomHorizontalFlip{test::kNan});
  EXPECT_THROWS(ShapeError, "expected an image", RandomHorizontalFlip(1)(zeros(2), generator()));
}

// ---- Rotation

TEST(Rotate, AgreesWithPyTorch) {
  // affine_grid and grid_sample (bilinear, zeros, align_corners=False) of PyTorch 1.13, with the
  // matrix that torchvision's rotate has.
  const Tensor image = tensor(
      {1.,  4., 9., 16., 8.,  2.,  15., 13., 13., 15., 2., 8., 16., 9., 4., 1., 0., 1.,  4., 9.,
       16., 8., 2., 15., 13., 13., 15., 2.,  8.,  16., 9., 4., 1.,  0., 1., 4., 9., 16., 8., 2.},
      {2, 4, 5});
  const std::vector<double> by_30 = {
      0.821883095856, 5.90201011478,  13.9987976321, 13.2870144266, 6.62426932685, 2.96779504498,
      10.6327722283,  13.0837341226,  10.5036071037, 4.41265877365, 2.15432852446, 10.8122641526,
      13.9665063509,  7.8600998904,   6.42227771689, 1.03589838486, 3.20104822045, 2.20937846965,
      0.944950054802, 0.793026266156, 1.58605253231, 1.8899001096,  10.6949500548, 13.179319272,
      6.72586631578,  12.0024047358,  8.14110247751, 3.3157849302,  3.93181033399, 1.05745468101,
      13.2248366001,  10.3564927867,  1.98445554338, 5.01193735291, 4.79783573777, 5.07789493538,
      6.73316684934,  9.24278579257,  10.5647552146, 1.63655198429};
  const std::vector<double> by_75 = {
      0.895111407231, 3.49908640803, 8.64400045032, 4.79813894075,  0.798197781244, 0.0104478956274,
      6.74321067407,  13.2782205587, 10.1234216973, 3.99785242779,  0.431197578239, 6.85067203008,
      12.7571032177,  13.3913752899, 10.9491802709, 0.725143495491, 5.47517647161,  7.63050206795,
      14.0324840177,  7.86750434736, 3.97791549177, 7.32544368011,  13.1207165409,  10.3932655482,
      1.45028699098,  6.27318776083, 5.82886055759, 6.10379258885,  4.06740424438,  0.972152241135,
      6.96501550263,  8.69575545458, 2.16078613073, 8.16992878874,  10.1975981759,  1.57813199105,
      5.75950223766,  1.84155080703, 13.6184033426, 12.2988980654};
  EXPECT_CLOSE(rotate(image, 30).data(), by_30, 1e-11, 1e-11);
  EXPECT_CLOSE(rotate(image, -75.5).data(), by_75, 1e-11, 1e-11);
  EXPECT_CLOSE(rotate(image.to(float32), 30).data(), by_30, 1e-5, 1e-5);
  EXPECT_CLOSE(rotate(image.transpose(1, 2).contiguous().transpose(1, 2), 30).data(), by_30, 1e-11,
               1e-11);
}

TEST(Rotate, TurnsCounterClockwise) {
  const Tensor image = tensor({1., 2., 3., 4., 5., 6., 7., 8., 9.}, {3, 3});
  EXPECT_CLOSE(rotate(image, 90).data(), {3, 6, 9, 2, 5, 8, 1, 4, 7}, 1e-14);
  EXPECT_CLOSE(rotate(image, 0).data(), {1, 2, 3, 4, 5, 6, 7, 8, 9});
  EXPECT_CLOSE(rotate(image, -360).data(), {1, 2, 3, 4, 5, 6, 7, 8, 9}, 1e-14);
}

TEST(Rotate, FillsWhatHasNoPixels) {
  // Turned by 45 degrees, the corners of a 3 x 3 image lie sqrt(2) from its middle along one axis:
  // sqrt(2) - 1 beyond the middles of the last pixels, which is their share of the fill.
  const double outside = std::sqrt(2.) - 1;
  EXPECT_NEAR(rotate(zeros({3, 3}, float64), 45, 10).select(0, 0).select(0, 0).item<double>(),
              10 * outside, 1e-13);
  EXPECT_CLOSE(rotate(ones({5, 7}, float64), 33, 1).data(), std::vector<double>(35, 1), 1e-14);
}

TEST(Rotate, TakesAnyShape) {
  EXPECT_EQ(rotate(zeros({0, 3}), 10).shape(), Shape({0, 3}));
  EXPECT_EQ(rotate(zeros({2, 0, 3, 3}), 10).shape(), Shape({2, 0, 3, 3}));
  EXPECT_CLOSE(rotate(full({1, 1}, 3, float64), 77).data(), {3});
  EXPECT_THROWS(ShapeError, "[rotate] expected an image (..., height, width), got (3,)",
                rotate(zeros(3), 1));
  EXPECT_THROWS(DTypeError, "[rotate] expected float32 or float64, got uint8",
                rotate(zeros({3, 3}, uint8), 1));
  EXPECT_THROWS(ValueError, "[rotate] expected finite degrees, got inf",
                rotate(zeros({3, 3}), test::kInf));
}

TEST(RandomRotation, TurnsByAnAngleOfItsRange) {
  // One bright pixel far from the centre: where it went tells the angle.
  const int64_t n = 101;
  const Tensor image = zeros({n, n});
  image.narrow(0, 49, 3).narrow(1, 89, 3).fill_(1);  // 40 to the right of the centre, at 0 degrees
  const auto angles = [&](const RandomRotation& rotation) {
    std::vector<double> angles;
    for (int i = 0; i < 200; ++i) {
      const int64_t at = rotation(image, generator()).flatten().argmax().item<int64_t>();
      const auto up = static_cast<double>(50 - at / n), right = static_cast<double>(at % n - 50);
      angles.push_back(std::atan2(up, right) * 180 / 3.14159265358979);
    }
    std::sort(angles.begin(), angles.end());
    return angles;
  };
  // A pixel and a half at a distance of 40 is 2 degrees.
  const std::vector<double> both = angles(RandomRotation(30)),
                            right = angles(RandomRotation(20, 60));
  EXPECT_GE(both.front(), -30 - 3);
  EXPECT_LT(both.front(), -25);
  EXPECT_LE(both.back(), 30 + 3);
  EXPECT_GT(both.back(), 25);
  EXPECT_NEAR(both[100], 0, 3 + 5 * 60 / std::sqrt(12.) / std::sqrt(200.));
  EXPECT_GE(right.front(), 20 - 3);
  EXPECT_LT(right.front(), 25);
  EXPECT_LE(right.back(), 60 + 3);
  EXPECT_GT(right.back(), 55);
}

TEST(RandomRotation, RefusesWhatIsNoRange) {
  const char* text =
      "[RandomRotation] expected finite degrees, of which the first is no larger, got ";
  EXPECT_THROWS(ValueError, text + std::string("1 and -1"), RandomRotation(-1));
  EXPECT_THROWS(ValueError, text + std::string("3 and 2"), RandomRotation(3, 2));
  EXPECT_THROWS(ValueError, text + std::string("-inf and inf"), RandomRotation{test::kInf});
  EXPECT_THROWS(ValueError, text, RandomRotation{test::kNan});
  EXPECT_THROWS(DTypeError, "[RandomRotation] expected float32 or float64, got int64",
                RandomRotation(1)(zeros({2, 2}, int64), generator()));
}

// ---- RandomErasing

struct Rectangle {
  int64_t top, left, height, width;
};

// Of the zeros in an image of ones; they must fill it.
Rectangle zeros_of(const Tensor& image) {
  const int64_t h = image.size(-2), w = image.size(-1);
  const std::vector<double> pixels = image.to_vector<double>();
  Rectangle r = {h, w, 0, 0};
  int64_t bottom = 0, right = 0, count = 0;
  for (int64_t i = 0; i < h * w; ++i) {
    if (pixels[static_cast<size_t>(i)] != 0) continue;
    r.top = std::min(r.top, i / w);
    r.left = std::min(r.left, i % w);
    bottom = std::max(bottom, i / w + 1);
    right = std::max(right, i % w + 1);
    ++count;
  }
  r.height = bottom - r.top;
  r.width = right - r.left;
  EXPECT_EQ(count, r.height * r.width);
  return r;
}

TEST(RandomErasing, ErasesARectangleOfTheGivenAreaAndRatioAnywhere) {
  // A quarter of 8 x 8 pixels with ratio 4 is 8 x 2, which is not smaller than the image; with ratio
  // 1 it is 4 x 4, and its corner is one of 5 x 5: of 5,000, 200 each, deviation 14.
  const Tensor image = ones({8, 8});
  const RandomErasing square(
      {.p = 1, .min_area = 0.25, .max_area = 0.25, .min_ratio = 1, .max_ratio = 1});
  std::map<std::pair<int64_t, int64_t>, int> corners;
  for (int i = 0; i < 5000; ++i) {
    const Rectangle r = zeros_of(square(image, generator()));
    ASSERT_EQ(r.height, 4);
    ASSERT_EQ(r.width, 4);
    ++corners[{r.top, r.left}];
  }
  ASSERT_EQ(corners.size(), 25u);
  for (const auto& [corner, count] : corners) EXPECT_NEAR(count, 200, 5 * 14);
  const RandomErasing tall(
      {.p = 1, .min_area = 0.25, .max_area = 0.25, .min_ratio = 4, .max_ratio = 4});
  EXPECT_CLOSE(tall(image, generator()).data(), std::vector<double>(64, 1));
  EXPECT_CLOSE(image.data(), std::vector<double>(64, 1));  // the image itself is never written to
}

TEST(RandomErasing, DrawsAreaUniformlyAndRatioByItsLogarithm) {
  // Areas 0.05 to 0.15 of 100 x 100: mean 1,000, a deviation of 289 for one. Ratios 1/2 to 2: half of them
  // above 1, and of those half above sqrt(2). Sides are rounded to pixels, by 2 % at most.
  const Tensor image = ones({100, 100});
  const RandomErasing erasing(
      {.p = 1, .min_area = 0.05, .max_area = 0.15, .min_ratio = 0.5, .max_ratio = 2});
  constexpr int kCount = 2000;
  double area = 0;
  int tall = 0, very_tall = 0;
  for (int i = 0; i < kCount; ++i) {
    const Rectangle r = zeros_of(erasing(image, generator()));
    const double ratio = static_cast<double>(r.height) / static_cast<double>(r.width);
    EXPECT_NEAR(static_cast<double>(r.height * r.width), 1000, 500 * 1.05);
    EXPECT_GE(ratio, 0.5 * 0.95);
    EXPECT_LE(ratio, 2 * 1.05);
    area += static_cast<double>(r.height * r.width) / kCount;
    tall += ratio > 1;
    very_tall += ratio > std::sqrt(2.);
  }
  EXPECT_NEAR(area, 1000, 5 * 289 / std::sqrt(kCount) + 5);
  EXPECT_NEAR(tall, kCount / 2, 5 * 22 + 30);  // 30: sides that are rounded to a square
  EXPECT_NEAR(very_tall, kCount / 4, 5 * 19 + 20);
}

TEST(RandomErasing, ErasesAllChannelsWithItsProbabilityAndValue) {
  const Tensor image = ones({3, 10, 10}, uint8);
  const RandomErasing erasing({.p = 0.25, .value = 9});
  int erased = 0;
  for (int i = 0; i < 1000; ++i) {
    const Tensor y = erasing(image, generator());
    EXPECT_EQ(y.dtype(), uint8);
    const Tensor changed = y.eq(9).sum({1, 2});
    const std::vector<int64_t> count = changed.to_vector<int64_t>();
    EXPECT_THAT(count, ElementsAre(count[0], count[0], count[0]));
    erased += count[0] > 0;
  }
  EXPECT_NEAR(erased, 250, 5 * 14);
}

TEST(RandomErasing, RefusesWhatCannotBe) {
  EXPECT_THROWS(ValueError, "[RandomErasing] expected p in [0, 1], got -0.5",
                RandomErasing({.p = -0.5}));
  const char* areas = "[RandomErasing] expected areas 0 <= min_area <= max_area <= 1, got ";
  EXPECT_THROWS(ValueError, areas + std::string("0.5 and 0.25"),
                RandomErasing({.min_area = 0.5, .max_area = 0.25}));
  EXPECT_THROWS(ValueError, areas, RandomErasing({.max_area = 1.5}));
  EXPECT_THROWS(ValueError, areas, RandomErasing({.min_area = test::kNan}));
  const char* ratios = "[RandomErasing] expected finite ratios 0 < min_ratio <= max_ratio, got ";
  EXPECT_THROWS(ValueError, ratios + std::string("0 and 1"),
                RandomErasing({.min_ratio = 0, .max_ratio = 1}));
  EXPECT_THROWS(ValueError, ratios, RandomErasing({.max_ratio = test::kInf}));
  EXPECT_THROWS(ShapeError, "[RandomErasing] expected an image (..., height, width), got (4,)",
                RandomErasing()(ones(4), generator()));
}

}  // namespace
}  // namespace lamina::nn::data
