#include "lab/report/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/svg.h"

namespace weft::report {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ink:#1f2328;--soft:#59636e;--paper:#fff;--line:#d1d9e0;--note:#fff8e6;--edge:#c78a00;--link:#0a5fa8;--shade:#59636e66}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--paper:#0d1117;--line:#30363d;--note:#2a2310;--edge:#d9a021;--link:#6cb2f2;--shade:#9aa4af73}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.2rem 1rem 4rem;max-width:48rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:.6rem 0 .2rem}h2{font-size:1.25rem;margin:2.6rem 0 .6rem;padding-top:.8rem;border-top:1px solid var(--line)}
.subtitle,figcaption,caption{color:var(--soft)}
a{color:var(--link)}nav ol{padding-left:1.4rem;columns:2 16rem}
code{font:.92em ui-monospace,monospace}
.caveat{background:var(--note);border-left:4px solid var(--edge);padding:.6rem .9rem;margin:1rem 0}
p,li,h1,h2,figcaption,caption{overflow-wrap:anywhere}
figure{margin:1.2rem 0}figure svg{max-width:100%;height:auto}.narrow{display:none}
@media(max-width:36rem){.wide{display:none}.narrow{display:block}}figcaption{font-size:.9rem}
.table{margin:1.2rem 0}.sideways{display:none;color:var(--soft);font-size:.85rem;margin:.3rem 0 0}
.scroll{overflow-x:auto;background:linear-gradient(to right,var(--paper) 40%,transparent) left/2.4rem 100%,linear-gradient(to left,var(--paper) 40%,transparent) right/2.4rem 100%,linear-gradient(to right,var(--shade),transparent) left/1rem 100%,linear-gradient(to left,var(--shade),transparent) right/1rem 100%;background-repeat:no-repeat;background-attachment:local,local,scroll,scroll}
@media(max-width:36rem){.over .sideways{display:block}th:first-child,td:first-child{min-width:7.5rem}}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{caption-side:top;text-align:left;padding-bottom:.4rem}
th,td{padding:.28rem .6rem;border-bottom:1px solid var(--line);text-align:right}td{white-space:nowrap}td.text{white-space:normal}@media(max-width:36rem){td.words{white-space:normal}}
th:first-child,td:first-child{text-align:left;white-space:normal;min-width:11rem}
)";

constexpr size_t kLongestNumber = 26;  // "-0.000123 .. 0.000456 [P]"
// Pixels: a screen of 360 without the page's margins and a scroll bar; the least first column; a
// character of a wide font and the padding of a cell. A note too many says nothing false.
constexpr double kNarrowest = 312, kFirstColumn = 120, kCharacter = 8.7, kPadding = 19.2;

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

// Numbers stay on one line; sentences are broken, a few words on narrow screens alone.
bool is_sentence(const std::string& cell) {
  return cell.size() > kLongestNumber;
}
bool is_words(const std::string& cell) {
  return is_sentence(cell) || std::count(cell.begin(), cell.end(), ' ') > 3;
}

// Whether a table is wider than a narrow screen: its first column, and of the others what cannot be
// broken.
bool is_wide(const TableCells& table) {
  double wide = 0;
  for (size_t column = 0; column < table.header.size(); ++column) {
    size_t longest = 0;
    const auto add = [&](const std::string& cell, bool whole) {
      size_t word = 0;
      for (const char c : cell) {
        word = !whole && c == ' ' ? 0 : word + 1;
        longest = std::max(longest, word);
      }
    };
    add(table.header[column], false);
    for (const auto& row : table.rows) {
      add(row[column], column > 0 && !is_words(row[column]));
    }
    const double cell = kCharacter * static_cast<double>(longest);
    wide += kPadding + (column == 0 ? std::max(cell, kFirstColumn) : cell);
  }
  return wide > kNarrowest;
}

std::string html_of(const TableCells& table) {
  const bool wide = is_wide(table);
  std::string out = fmt::format(
      "<div class=\"table{}\"><div class=\"scroll\"{}><table>\n<caption>{}</caption>\n<thead><tr>",
      wide ? " over" : "",
      // Reached and moved by the keyboard as well.
      wide ? fmt::format(" tabindex=\"0\" role=\"region\" aria-label=\"{}\"",
                         xml_escaped(table.caption))
           : std::string(),
      inline_html(table.caption));
  for (const std::string& cell : table.header) {
    out += fmt::format("<th scope=\"col\">{}</th>", inline_html(cell));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    out += "<tr>";
    for (const std::string& cell : row) {
      const char* look = is_sentence(cell) ? " class=\"text\""
                         : is_words(cell)  ? " class=\"words\""
                                           : "";
      out += fmt::format("<td{}>{}</td>", look, inline_html(cell));
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  if (wide)
    out +=
        "<p class=\"sideways\">Where the table is wider than the screen, scroll it sideways.</p>\n";
  return out + "</div>\n";
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

void Page::figure(const Drawing& drawing, std::string_view caption) {
  body_ += fmt::format(
      "<figure>\n<div class=\"wide\">{}</div>\n<div class=\"narrow\">{}</div>\n"
      "<figcaption>{}</figcaption>\n</figure>\n",
      drawing.wide, drawing.narrow, inline_html(caption));
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
