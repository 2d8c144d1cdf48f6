#include "lamina/apps/report/svg_chart.h"

#include <cmath>
#include <limits>
#include <regex>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lamina/nn.h"
#include "lamina/tensor/test_util.h"

namespace lamina::apps::report {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointwise;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Escaped, LeavesNothingThatIsMarkup) {
  EXPECT_EQ(escaped("a<b> & \"c\" 'd'\x01\n"), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\n");
}

TEST(Escaped, ReplacesWhatIsNoCharacterOfXml) {
  EXPECT_EQ(escaped("gr\u00fc\u00df \u20ac \U0001F600\uFFFD"),
            "gr\u00fc\u00df \u20ac \U0001F600\uFFFD");
  EXPECT_EQ(escaped("\xe9<"), "\uFFFD&lt;");                 // Latin-1
  EXPECT_EQ(escaped("a\xe2\x82"), "a\uFFFD\uFFFD");          // cut short
  EXPECT_EQ(escaped("\xc0\xbc"), "\uFFFD\uFFFD");            // a '<' that is too long
  EXPECT_EQ(escaped("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(escaped("\xef\xbf\xbe"), "\uFFFD\uFFFD\uFFFD");  // U+FFFE
  EXPECT_EQ(escaped("\xef\xbf\xbf"), "\uFFFD\uFFFD\uFFFD");  // U+FFFF
}

void expect_ticks(double low, double high, int count, const std::vector<double>& expected) {
  EXPECT_THAT(round_ticks(low, high, count), Pointwise(DoubleNear(1e-12), expected))
      << low << " to " << high;
}

TEST(RoundTicks, AreOneTwoOrFiveTimesAPowerOfTenApart) {
  expect_ticks(0, 1, 5, {0, 0.2, 0.4, 0.6, 0.8, 1});
  expect_ticks(0, 10, 10, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  expect_ticks(-3, 17, 5, {-5, 0, 5, 10, 15, 20});
  expect_ticks(0.031, 0.112, 4, {0, 0.05, 0.1, 0.15});
}

TEST(RoundTicks, EndForAnyRange) {
  const double largest = std::numeric_limits<double>::max();
  const std::vector<std::pair<double, double>> ranges = {
      {1e20, 1e20 + 1e5}, {-largest, largest}, {0, 5e-324}, {1, std::nextafter(1, 2)}};
  for (const auto& [low, high] : ranges) {
    const std::vector<double> ticks = round_ticks(low, high, 6);
    EXPECT_GE(ticks.size(), 2) << low;
    EXPECT_LE(ticks.size(), 16) << low;
    EXPECT_LE(ticks.front(), low);
    EXPECT_GE(ticks.back(), high);
  }
}

TEST(LineChart, SaysSoWithoutAFinitePoint) {
  EXPECT_EQ(line_chart({}, {}), "<p>No finite values.</p>\n");
  EXPECT_EQ(line_chart({{"a", {1, kInfinity}, {std::nan(""), 2}}}, {}),
            "<p>No finite values.</p>\n");
}

TEST(LineChart, OfASinglePointHasRoomAround) {
  const std::string svg = line_chart({{"a", {3}, {7}}}, {});
  EXPECT_THAT(svg, HasSubstr("<circle"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

// The plot is from 34 (the top) to 274, and ends at 624 across; it begins at 30 + 7.7 for each character of the
// longest number beside it. Half of the height is 154.
TEST(LineChart, OfTheLargestAndTheSmallestNumbersStaysInThePlot) {
  const double most = std::numeric_limits<double>::max(), least = 5e-324;
  const std::vector<std::pair<std::vector<double>, std::string>> cases = {
      {{-1e308, 0, 1e308}, "M83.9 274.0 L354.0 154.0 L624.0 34.0 "},  // -1e+308
      {{-most, 0, most}, "M130.1 274.0 L377.1 154.0 L624.0 34.0 "},   // -1.79769e+308
      {{0, least}, "M122.4 274.0 L624.0 34.0 "},                      // 4.94066e-324
      {{least}, "M373.2 154.0 "},                                     // from 0 to twice as much
      {{most}, "M373.2 34.0 "},                                       // there is nothing above
      {{-most}, "M377.1 274.0 "}};                                    // nor below
  for (const auto& [y, path] : cases) {
    std::vector<double> x;
    for (size_t i = 0; i < y.size(); ++i) x.push_back(static_cast<double>(i));
    const std::string chart = line_chart({{"a", x, y}}, {});
    EXPECT_THAT(chart, HasSubstr("<path d=\"" + path + "\""));
    for (const bool diagonal : {false, true}) {
      for (const bool points : {false, true}) {
        ChartOptions options;
        options.points = points;
        options.diagonal = diagonal;
        for (const std::string& svg :
             {line_chart({{"a", x, y}}, options), line_chart({{"a", y, x}}, options)}) {
          EXPECT_THAT(svg, Not(HasSubstr("nan"))) << path;
          EXPECT_THAT(svg, Not(HasSubstr("inf"))) << path;
        }
      }
    }
  }
}

TEST(LineChart, HasRoomForLongNumbersBesideTheNameOfTheAxis) {
  // A digit of DejaVu Sans, with which browsers on Debian draw them, is 0.636 times as wide as its 12 pixels of
  // height; the name is in the first 20 pixels.
  for (const double largest : {5.0, 600000.0, -0.000123456}) {
    const std::string svg = line_chart({{"loss", {1, 2}, {largest / 2, largest}}}, {});
    const std::regex tick("<text x=\"([0-9.]+)\" y=\"[0-9.]+\" text-anchor=\"end\">([^<]*)<");
    int count = 0;
    for (std::sregex_iterator it(svg.begin(), svg.end(), tick), end; it != end; ++it, ++count) {
      EXPECT_GE(std::stod((*it)[1]) - 0.636 * 12 * static_cast<double>((*it)[2].length()), 20)
          << largest;
    }
    EXPECT_GE(count, 2);
  }
}

TEST(LineChart, OfPointsHasNoLine) {
  EXPECT_THAT(line_chart({{"a", {1, 2}, {3, 4}}}, {.points = true}), Not(HasSubstr("<path")));
  EXPECT_THAT(line_chart({{"a", {1, 2}, {3, 4}}}, {}), HasSubstr("<path d=\"M"));
}

TEST(LineChart, RefusesSeriesWithoutPairs) {
  EXPECT_THROWS(ValueError, "[line_chart] expected as many x as y, got 2 and 1 of a",
                line_chart({{"a", {1, 2}, {3}}}, {}));
}

TEST(MatrixChart, RefusesWhatIsNotSquareOrNotNamed) {
  EXPECT_THROWS(ShapeError, "[matrix_chart] expected counts (n, n), got (2, 3)",
                matrix_chart(zeros({2, 3}), {"a", "b"}, "r", "c"));
  EXPECT_THROWS(ValueError, "[matrix_chart] expected 2 names, got 1",
                matrix_chart(zeros({2, 2}), {"a"}, "r", "c"));
}

TEST(MatrixChart, OfCountsThatAreNotFiniteHasColoursThatAreNumbers) {
  const std::string svg =
      matrix_chart(tensor({kInfinity, 1., std::nan(""), 4.}, {2, 2}), {"a", "b"}, "r", "c");
  EXPECT_THAT(svg, HasSubstr("fill-opacity=\"0.000\"><title>r a, c a: inf</title>"));
  EXPECT_THAT(svg, Not(::testing::ContainsRegex("opacity=\"-?(nan|inf)")));
}

TEST(MatrixChart, OfNoCountsIsEmpty) {
  const std::string svg = matrix_chart(zeros({2, 2}), {"a", "b"}, "r", "c");
  EXPECT_THAT(svg, HasSubstr("fill-opacity=\"0.000\""));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace lamina::apps::report
