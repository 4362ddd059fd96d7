#include "model/svg.h"

#include <fmt/format.h>

#include <cmath>

#include "io/utf8.h"

namespace weft {
namespace {

// Tenths of a pixel, without a point where there is none.
std::string px(double x) {
  const double rounded = std::round(x * 10) / 10;
  return fmt::format("{}", rounded == 0 ? 0.0 : rounded);
}

}  // namespace

void SvgPath::add(char command, double x, double y) {
  data_ += fmt::format("{}{} {}", command, px(x), px(y));
}

void SvgPath::dot(double x, double y) {
  add('M', x, y);
  data_ += "h0";
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : io::without_controls(io::to_utf8(text))) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  // U+FFFE and U+FFFF are characters that XML does not have.
  for (const char* forbidden : {"\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    for (size_t at; (at = out.find(forbidden)) != std::string::npos;) out.replace(at, 3, "?");
  }
  return out;
}

void Svg::rect(double x, double y, double width, double height, std::string_view look,
               std::string_view tip) {
  body_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}", px(x), px(y),
                       px(width), px(height), look);
  body_ += tip.empty() ? std::string("/>\n")
                       : fmt::format("><title>{}</title></rect>\n", xml_escaped(tip));
}

void Svg::circle(double x, double y, double radius, std::string_view look) {
  body_ +=
      fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {}/>\n", px(x), px(y), px(radius), look);
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view look) {
  body_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {}/>\n", px(x1), px(y1),
                       px(x2), px(y2), look);
}

void Svg::path(const std::string& d, std::string_view look, std::string_view tip) {
  body_ += fmt::format("<path d=\"{}\" {}><title>{}</title></path>\n", d, look, xml_escaped(tip));
}

void Svg::shape(const SvgPath& path, std::string_view look) {
  body_ += fmt::format("<path d=\"{}\" {}/>\n", path.data(), look);
}

void Svg::arc(double x1, double y1, double x2, double y2, double rise, std::string_view look,
              std::string_view tip) {
  // The top of such a curve is three quarters of the way to its control points.
  const double reach = rise * 4 / 3;
  path(fmt::format("M{} {}C{} {} {} {} {} {}", px(x1), px(y1), px(x1), px(y1 - reach), px(x2),
                   px(y2 - reach), px(x2), px(y2)),
       look, tip);
}

void Svg::flow(double x1, double y1, double x2, double y2, std::string_view look,
               std::string_view tip) {
  const double middle = (y1 + y2) / 2;
  path(fmt::format("M{} {}C{} {} {} {} {} {}", px(x1), px(y1), px(x1), px(middle), px(x2),
                   px(middle), px(x2), px(y2)),
       look, tip);
}

void Svg::text(double x, double y, std::string_view content, std::string_view look) {
  body_ += fmt::format("<text x=\"{}\" y=\"{}\" {}>{}</text>\n", px(x), px(y), look,
                       xml_escaped(content));
}

std::string Svg::document(double width, double height, std::string_view title,
                          std::string_view description, std::string_view style) const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" role=\"img\">\n<title>{2}</title>\n<desc>{3}</desc>\n<style>{4}</style>\n"
      "{5}</svg>\n",
      px(width), px(height), xml_escaped(title), xml_escaped(description), xml_escaped(style),
      body_);
}

}  // namespace weft
