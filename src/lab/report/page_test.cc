#include "lab/report/page.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "lab/report/plot.h"

namespace weft::report {
namespace {

Page example() {
  Page page("Adam & SGD", "made by `weft reproduce`");
  page.section("gap", "The gap <P1>");
  page.text("a < b, `x < y`, and one ` alone");
  page.caveat("Only for part of the path.");
  page.table({"Ratios", {"step", "ours"}, {{"750", "1.7 (0.4)"}, {"1250", "<script>"}}});
  Plot plot{.title = "t", .x_label = "x", .y_label = "y"};
  plot.lines = {{.name = "a", .points = {{1, 2}, {2, 3}}}};
  page.figure(drawing_of(plot), "A line.");
  page.summary({"In short", {"claim"}, {{"holds"}}});
  return page;
}

TEST(ReportPage, EscapesTextsAndMarksCode) {
  const std::string html = example().html();
  EXPECT_NE(html.find("<title>Adam &amp; SGD</title>"), std::string::npos);
  EXPECT_NE(html.find("<h2 id=\"gap\">The gap &lt;P1&gt;</h2>"), std::string::npos);
  EXPECT_NE(html.find("<a href=\"#gap\">"), std::string::npos);
  EXPECT_NE(html.find("a &lt; b, <code>x &lt; y</code>, and one ` alone"), std::string::npos)
      << html;
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_NE(html.find("<td>&lt;script&gt;</td>"), std::string::npos);
}

TEST(ReportPage, TheSummaryStandsAboveTheContents) {
  const std::string html = example().html();
  EXPECT_LT(html.find("In short"), html.find("<nav>"));
  EXPECT_GT(html.find("The gap"), html.find("<nav>"));
}

/// How often a pattern stands in a text.
size_t count(const std::string& text, const std::string& pattern) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(pattern, at)) != std::string::npos; ++at) ++n;
  return n;
}

TEST(ReportPage, EveryTableScrollsByItselfAndAWideOneSaysSo) {
  const std::vector<std::string> header = {"quantity", "ours: mean (sd)", "95 % interval"};
  Page page("t", "s");
  page.summary({"small", {"step", "ours"}, {{"750", "1.7 (0.4)"}}});
  page.table({"wide \"one\"", header, {{"loss", "4.59 (0.287) and more", "2.01 .. 7.17 [P]"}}});
  page.table(
      {"sentences", {"claim", "verdict"}, {{"Adam beats SGD", "not measured at this scale"}}});
  const std::string html = page.html();
  EXPECT_EQ(count(html, "<table>"), 3u);
  EXPECT_EQ(count(html, "<div class=\"scroll\""), 3u);
  for (size_t at = 0; (at = html.find("<table>", at)) != std::string::npos; ++at) {
    const size_t open = html.rfind("<div class=\"scroll\"", at);
    EXPECT_EQ(html.find('>', open) + 1, at) << "a table outside its container";
  }
  // Only the wide one is a region that the keyboard reaches, with a note.
  EXPECT_EQ(count(html, "tabindex=\"0\" role=\"region\" aria-label=\"wide &quot;one&quot;\""), 1u);
  EXPECT_EQ(count(html, "tabindex"), 1u);
  EXPECT_EQ(count(html, "<p class=\"sideways\">"), 1u);
  EXPECT_NE(html.find(".scroll{overflow-x:auto;background:"), std::string::npos) << "no shadow";
}

TEST(ReportPage, FiguresHaveAShapeForNarrowScreens) {
  const std::string html = example().html();
  EXPECT_EQ(count(html, "<svg"), 2u);
  EXPECT_EQ(count(html, "<div class=\"wide\"><svg"), 1u);
  EXPECT_EQ(count(html, "<div class=\"narrow\"><svg"), 1u);
}

TEST(ReportPage, FetchesNothing) {
  const std::string html = example().html();
  for (const char* what : {" src=", "@import", "url(", "<link", "<iframe"}) {
    EXPECT_EQ(html.find(what), std::string::npos) << what;
  }
}

TEST(ReportPage, ClosesWhatItOpens) {
  const std::string html = example().html();
  const auto count = [&](const std::string& what) {
    int n = 0;
    for (size_t at = 0; (at = html.find(what, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  for (const std::string tag :
       {"table", "tr", "td", "figure", "svg", "nav", "ol", "p", "code", "body", "html", "div"}) {
    EXPECT_EQ(count("<" + tag + ">") + count("<" + tag + " "), count("</" + tag + ">")) << tag;
    EXPECT_GT(count("</" + tag + ">"), 0) << tag;
  }
}

}  // namespace
}  // namespace weft::report
