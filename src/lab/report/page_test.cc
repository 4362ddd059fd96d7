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
  page.figure(plot_svg(plot), "A line.");
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
