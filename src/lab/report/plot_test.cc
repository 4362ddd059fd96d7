#include "lab/report/plot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>

#include "lab/report/heat_map.h"

namespace weft::report {
namespace {

TEST(AxisTicks, AreRoundNumbersWithin) {
  EXPECT_EQ(axis_ticks(0.8, 30, true), (std::vector<double>{1, 2, 5, 10, 20}));
  EXPECT_EQ(axis_ticks(0.001, 0.006, true), (std::vector<double>{0.001, 0.002, 0.005}));
  EXPECT_EQ(axis_ticks(0.5, 2e6, true), (std::vector<double>{1, 10, 100, 1e3, 1e4, 1e5, 1e6}));
  EXPECT_EQ(axis_ticks(0, 9, false), (std::vector<double>{0, 2, 4, 6, 8}));
  EXPECT_EQ(axis_ticks(-1.2, 1.1, false), (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
  EXPECT_EQ(axis_ticks(1e-20, 1e7, true),
            (std::vector<double>{1e-18, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1, 1e3, 1e6}));
  EXPECT_TRUE(axis_ticks(1, 1, true).empty());
  EXPECT_TRUE(axis_ticks(-1, 1, true).empty());
}

Plot example() {
  Plot plot{.title = "Cost of <T>", .x_label = "T", .y_label = "ms", .log_x = true, .log_y = true};
  plot.lines = {{.name = "softmax & co", .points = {{512, 1}, {1024, 4}, {2048, 16}}},
                {.name = "linear", .points = {{512, 1}, {2048, 16}}}};
  return plot;
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
    Plot plot{.title = "t", .x_label = "x", .y_label = "y"};
    plot.log_x = plot.log_y = logarithmic;
    plot.lines = {{.name = "a", .points = {{1, 2}}}, {.name = "b", .points = {}}};
    const std::string svg = plot_svg(plot);
    EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
    EXPECT_EQ(svg.find("inf"), std::string::npos) << svg;
  }
}

/// How often a pattern stands in a text.
size_t count(const std::string& text, const std::string& pattern) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(pattern, at)) != std::string::npos; ++at) ++n;
  return n;
}

TEST(Plot, WhatCannotBeDrawnInterruptsALine) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  Plot plot{.title = "t", .x_label = "x", .y_label = "y", .log_y = true};
  plot.lines = {{.name = "a", .points = {{0, 1}, {1, 2}, {2, kInf}, {3, -1}, {4, 3}, {5, 4}}}};
  const std::string svg = plot_svg(plot);
  EXPECT_EQ(count(svg, "<circle"), 4u);
  const size_t from = svg.find("<path d=\""), to = svg.find('"', from + 9);
  const std::string data = svg.substr(from, to - from);
  EXPECT_EQ(count(data, "M"), 2u) << data;
  EXPECT_EQ(count(data, "L"), 2u) << data;
}

TEST(Plot, DotsBandsAndBarsAreDrawnWithinTheAxes) {
  Plot plot{.title = "t", .x_label = "x", .y_label = "density"};
  plot.bars = {{.name = "bars", .edges = {0, 1, 2}, .heights = {0.3, 0.7}}};
  plot.dots = {{.name = "dots", .points = {{0.5, 0.2}, {1.5, std::nan("")}, {1.2, 0.1}}}};
  plot.bands = {{.x = {0, 1, 2}, .low = {0, 0.1, 0.2}, .high = {0.4, 0.5, 0.6}}};
  const std::string svg = plot_svg(plot);
  EXPECT_EQ(count(svg, "h0"), 2u) << "the dot without a value is left out";
  EXPECT_EQ(count(svg, "Z"), 3u) << "two bars and a band";
  EXPECT_NE(svg.find(">dots</text>"), std::string::npos);
  const std::regex place("[ML]([0-9.-]+) ([0-9.-]+)");
  for (std::sregex_iterator m(svg.begin(), svg.end(), place), end; m != end; ++m) {
    EXPECT_GE(std::stod((*m)[1]), 0) << m->str();
    EXPECT_LE(std::stod((*m)[1]), 680) << m->str();
    EXPECT_GE(std::stod((*m)[2]), 0) << m->str();
    EXPECT_LE(std::stod((*m)[2]), 390) << m->str();
  }
}

/// Texts that leave the drawing, as far as lengths are known without a font: 6.2 pixels a
/// character, bold ones 7.
std::string cut_texts(const std::string& svg) {
  const std::regex page("<svg [^>]*width=\"([0-9.]+)\" height=\"([0-9.]+)\"");
  std::smatch size;
  if (!std::regex_search(svg, size, page)) return "no size";
  const double width = std::stod(size[1]), height = std::stod(size[2]);
  const std::regex text("<text x=\"([0-9.-]+)\" y=\"([0-9.-]+)\" ?([^>]*)>([^<]*)<");
  std::string cut;
  for (std::sregex_iterator m(svg.begin(), svg.end(), text), end; m != end; ++m) {
    const double x = std::stod((*m)[1]), y = std::stod((*m)[2]);
    const std::string look = (*m)[3], content = (*m)[4];
    const bool bold = look.find("weight") != look.npos || look.find("title") != look.npos;
    const double wide = (bold ? 7 : 6.2) * static_cast<double>(content.size());
    const double left = look.find("\"end\"") != look.npos      ? x - wide
                        : look.find("\"middle\"") != look.npos ? x - wide / 2
                                                               : x;
    if (left < -0.5 || left + wide > width + 0.5 || y < 8 || y > height) cut += content + "\n";
  }
  return cut;
}

Plot of_long_texts() {
  const std::string words = "many words about what was measured here and how often it was done ";
  Plot plot{.title = "The title: " + words + words,
            .x_label = "the step, " + words + words,
            .y_label = "the loss, " + words + words};
  plot.log_x = true;
  for (const char* name : {"a name", "a much longer name of a line", "a third"}) {
    plot.lines.push_back({.name = name, .points = {{1, 20000}, {100000, 100000}}});
  }
  plot.dots = {{.name = "and dots, which have a name too", .points = {{10, 50000}}}};
  return plot;
}

TEST(Plot, NoTextIsCutInEitherShape) {
  for (const PlotShape shape : {PlotShape::wide, PlotShape::narrow}) {
    for (const Plot& plot : {example(), of_long_texts()}) {
      EXPECT_EQ(cut_texts(plot_svg(plot, shape)), "");
    }
    EXPECT_EQ(cut_texts(heat_maps_svg(
                  "A title of some length: what the layers have learned",
                  {{"Q of layer 1, a name that is longer than its map", 2, 2, {1, -0.25, 0, 2}},
                   {"B", 3, 3, std::vector<double>(9, 0.5)}},
                  shape)),
              "");
  }
  // The checker sees what is cut.
  const std::string page = "<svg width=\"100\" height=\"50\">";
  EXPECT_NE(cut_texts(page + "<text x=\"60\" y=\"20\" >a long text</text>"), "");
  EXPECT_NE(cut_texts(page + "<text x=\"4\" y=\"20\" text-anchor=\"end\">text</text>"), "");
  EXPECT_NE(cut_texts(page + "<text x=\"4\" y=\"60\" >text</text>"), "");
  EXPECT_EQ(cut_texts(page + "<text x=\"4\" y=\"20\" >text</text>"), "");
}

TEST(Plot, ANarrowOneFitsATelephone) {
  const std::string svg = plot_svg(of_long_texts(), PlotShape::narrow);
  EXPECT_NE(svg.find("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 328 "),
            std::string::npos)
      << svg.substr(0, 120);
  for (const char* name : {"a name", "a much longer name of a line", "a third", "and dots"}) {
    EXPECT_NE(svg.find(std::string(">") + name), std::string::npos) << name;
  }
}

TEST(HeatMap, ShowsSignsAndNumbers) {
  const std::string svg = heat_maps_svg("Matrices", {{"Q & B", 2, 2, {1, -0.25, 0, 2}}});
  EXPECT_EQ(count(svg, "<rect"), 5u);
  EXPECT_NE(svg.find(">-0.25</text>"), std::string::npos);
  EXPECT_NE(svg.find("Q &amp; B"), std::string::npos);
  EXPECT_NE(svg.find("fill-opacity=\"0.600\""), std::string::npos) << "the largest is strongest";
  EXPECT_NE(svg.find("mean of the diagonal 1.5, largest off it 0.25"), std::string::npos) << svg;
}

TEST(AxisNumbers, AreShort) {
  EXPECT_EQ(axis_number(16384), "16,384");
  EXPECT_EQ(axis_number(1e-5), "1e-5");
  EXPECT_EQ(axis_number(-0.5), "-0.5");
}

}  // namespace
}  // namespace weft::report
