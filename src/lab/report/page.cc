#include "lab/report/page.h"

#include <fmt/format.h>

#include "model/svg.h"

namespace weft::report {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--paper:#fff;--line:#d1d9e0;--note:#fff8e6;--edge:#c78a00;--link:#0a5fa8}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--paper:#0d1117;--line:#30363d;--note:#2a2310;--edge:#d9a021;--link:#6cb2f2}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.2rem 1rem 4rem;max-width:48rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:.6rem 0 .2rem}h2{font-size:1.25rem;margin:2.6rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--line)}
.subtitle,figcaption,caption{color:var(--soft)}
a{color:var(--link)}nav ol{padding-left:1.4rem;columns:2 16rem}
code{font:.92em ui-monospace,monospace}
.caveat{background:var(--note);border-left:4px solid var(--edge);padding:.6rem .9rem;margin:1rem 0}
figure{margin:1.2rem 0;overflow-x:auto}figure svg{max-width:100%;height:auto}@media(max-width:34rem){figure svg{min-width:34rem;max-width:none}}figcaption{font-size:.9rem}
.scroll{overflow-x:auto;margin:1.2rem 0}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{caption-side:top;text-align:left;padding-bottom:.4rem}
th,td{padding:.28rem .6rem;border-bottom:1px solid var(--line);text-align:right}td{white-space:nowrap}td.text{white-space:normal}
th:first-child,td:first-child{text-align:left;white-space:normal;min-width:11rem}
)";

constexpr size_t kLongestNumber = 26;  // "-0.000123 .. 0.000456 [P]"

/// Escaped, and what stands between backticks as code.
std::string inline_html(std::string_view text) {
  std::string out;
  bool code = false;
  for (size_t at = 0; at <= text.size();) {
    const size_t tick = text.find('`', at);
    // A backtick without a partner is itself.
    const bool paired = tick != text.npos && (code || text.find('`', tick + 1) != text.npos);
    const size_t end = paired ? tick : text.size();
    out += xml_escaped(text.substr(at, end - at));
    if (!paired) break;
    out += code ? "</code>" : "<code>";
    code = !code;
    at = tick + 1;
  }
  return out;
}

std::string html_of(const TableCells& table) {
  std::string out = fmt::format("<div class=\"scroll\"><table>\n<caption>{}</caption>\n<thead><tr>",
                                inline_html(table.caption));
  for (const std::string& cell : table.header) {
    out += fmt::format("<th scope=\"col\">{}</th>", inline_html(cell));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    out += "<tr>";
    for (const std::string& cell : row) {
      // Numbers stay on one line, sentences do not.
      const bool sentence = cell.size() > kLongestNumber;
      out += fmt::format("<td{}>{}</td>", sentence ? " class=\"text\"" : "", inline_html(cell));
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace

Page::Page(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::section(std::string_view id, std::string_view title) {
  contents_.emplace_back(id, title);
  body_ += fmt::format("<h2 id=\"{}\">{}</h2>\n", xml_escaped(id), inline_html(title));
}

void Page::text(std::string_view paragraph) {
  body_ += fmt::format("<p>{}</p>\n", inline_html(paragraph));
}

void Page::caveat(std::string_view paragraph) {
  body_ += fmt::format("<p class=\"caveat\">{}</p>\n", inline_html(paragraph));
}

void Page::table(const TableCells& table) {
  body_ += html_of(table);
}

void Page::summary(const TableCells& table) {
  summary_ += html_of(table);
}

void Page::figure(std::string_view svg, std::string_view caption) {
  body_ += fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n", svg,
                       inline_html(caption));
}

std::string Page::html() const {
  std::string contents;
  for (const auto& [id, title] : contents_) {
    contents +=
        fmt::format("<li><a href=\"#{}\">{}</a></li>\n", xml_escaped(id), inline_html(title));
  }
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n"
      "<p class=\"subtitle\">{2}</p>\n{5}<nav><ol>\n{3}</ol></nav>\n{4}</body>\n</html>\n",
      xml_escaped(title_), kStyle, inline_html(subtitle_), contents, body_, summary_);
}

}  // namespace weft::report
