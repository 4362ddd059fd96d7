#include "cli/plot.h"

#include <gtest/gtest.h>

#include <regex>

namespace weft::cli {
namespace {

TEST(AxisTicks, AreRoundNumbersWithin) {
  EXPECT_EQ(axis_ticks(0.8, 30, true), (std::vector<double>{1, 2, 5, 10, 20}));
  EXPECT_EQ(axis_ticks(0.001, 0.006, true), (std::vector<double>{0.001, 0.002, 0.005}));
  EXPECT_EQ(axis_ticks(0.5, 2e6, true), (std::vector<double>{1, 10, 100, 1e3, 1e4, 1e5, 1e6}));
  EXPECT_EQ(axis_ticks(0, 9, false), (std::vector<double>{0, 2, 4, 6, 8}));
  EXPECT_TRUE(axis_ticks(1, 1, true).empty());
}

Plot example() {
  return {
      "Cost of <T>",
      "T",
      "ms",
      true,
      {{"softmax & co", {{512, 1}, {1024, 4}, {2048, 16}}}, {"linear", {{512, 1}, {2048, 16}}}}};
}

TEST(Plot, EscapesAndNamesItsLines) {
  const std::string svg = plot_svg(example());
  EXPECT_NE(svg.find("<title>Cost of &lt;T&gt;</title>"), std::string::npos) << svg;
  EXPECT_NE(svg.find(">softmax &amp; co</text>"), std::string::npos) << svg;
  EXPECT_NE(svg.find(">1,024</text>"), std::string::npos) << svg;
  EXPECT_NE(svg.find("prefers-color-scheme:dark"), std::string::npos);
}

// On a square of logarithms a square law is a straight line: equal steps down for equal steps
// right.
TEST(Plot, LogarithmicAxesMakePowersStraight) {
  const std::string svg = plot_svg(example());
  const std::regex circle("<circle cx=\"([0-9.]+)\" cy=\"([0-9.]+)\"");
  std::vector<std::pair<double, double>> at;
  for (std::sregex_iterator m(svg.begin(), svg.end(), circle), end; m != end; ++m) {
    at.emplace_back(std::stod((*m)[1]), std::stod((*m)[2]));
  }
  ASSERT_EQ(at.size(), 5u);
  EXPECT_NEAR(at[1].first - at[0].first, at[2].first - at[1].first, 0.2);
  EXPECT_NEAR(at[0].second - at[1].second, at[1].second - at[2].second, 0.2);
  EXPECT_LT(at[2].second, at[0].second);
}

TEST(Plot, NamesThatWouldTouchAreMovedApart) {
  const std::string svg = plot_svg(example());
  const std::regex label("<text x=\"[0-9.]+\" y=\"([0-9.]+)\" style");
  std::vector<double> y;
  for (std::sregex_iterator m(svg.begin(), svg.end(), label), end; m != end; ++m) {
    y.push_back(std::stod((*m)[1]));
  }
  ASSERT_EQ(y.size(), 2u);
  EXPECT_GE(std::abs(y[0] - y[1]), 14.9);
}

TEST(Plot, OneValueIsDrawnAsWell) {
  for (const bool logarithmic : {true, false}) {
    const std::string svg = plot_svg({"t", "x", "y", logarithmic, {{"a", {{1, 2}}}, {"b", {}}}});
    EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
    EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
  }
}

}  // namespace
}  // namespace weft::cli
