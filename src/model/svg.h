// Writing SVG: shapes appended to a document, texts escaped.
#pragma once

#include <string>
#include <string_view>

namespace weft {

/// Text for XML content or an attribute: well-formed UTF-8, without characters that XML forbids,
/// and the five special ones as entities.
std::string xml_escaped(std::string_view text);

/// The data of a path, in pixels rounded to a tenth.
class SvgPath {
 public:
  void move(double x, double y) { add('M', x, y); }
  void line(double x, double y) { add('L', x, y); }
  /// A point by itself: painted as a dot where the path has round caps.
  void dot(double x, double y);
  void close() { data_ += 'Z'; }
  bool empty() const { return data_.empty(); }
  const std::string& data() const { return data_; }

 private:
  void add(char command, double x, double y);

  std::string data_;
};

/// Shapes in the order in which they are painted. Coordinates are in pixels, rounded to a tenth.
/// `look`: further attributes, written as they are ("class=\"card\" rx=\"6\"").
class Svg {
 public:
  /// `tip`: shown where a reader points; empty: none.
  void rect(double x, double y, double width, double height, std::string_view look,
            std::string_view tip = {});
  void circle(double x, double y, double radius, std::string_view look);
  void line(double x1, double y1, double x2, double y2, std::string_view look);
  /// From (x1, y1) to (x2, y2), leaving and arriving vertically; `rise` above both where positive,
  /// below them where negative.
  void arc(double x1, double y1, double x2, double y2, double rise, std::string_view look,
           std::string_view tip);
  /// From (x1, y1) down to (x2, y2) in an S.
  void flow(double x1, double y1, double x2, double y2, std::string_view look,
            std::string_view tip);
  void text(double x, double y, std::string_view content, std::string_view look);
  void shape(const SvgPath& path, std::string_view look);

  /// Paints another one's shapes on top.
  void append(const Svg& other) { body_ += other.body_; }

  /// The whole document. `title` and `description` are for readers that do not see it; `style` is
  /// CSS.
  std::string document(double width, double height, std::string_view title,
                       std::string_view description, std::string_view style) const;

 private:
  void path(const std::string& d, std::string_view look, std::string_view tip);

  std::string body_;
};

}  // namespace weft
