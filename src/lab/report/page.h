// A report as one HTML file: text, tables, and SVG figures inlined; no script, nothing fetched.
// Readable on a narrow screen and in the dark.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/report/plot.h"

namespace weft::report {

/// A table that is wider than a narrow screen scrolls by itself and says so.
struct TableCells {
  std::string caption;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
};

/// Pieces are appended in the order in which they stand. Texts are plain, not HTML, but for `code`
/// between backticks.
class Page {
 public:
  Page(std::string title, std::string subtitle);

  /// Begins a section, which the contents at the top name. `id`: letters, digits and hyphens.
  void section(std::string_view id, std::string_view title);
  void text(std::string_view paragraph);
  /// What a reader must know before believing a number: set apart.
  void caveat(std::string_view paragraph);
  void table(const TableCells& table);
  /// A table that stands above the contents: what the report comes to.
  void summary(const TableCells& table);
  void figure(const Drawing& drawing, std::string_view caption);

  std::string html() const;

 private:
  std::string title_, subtitle_, summary_, body_;
  std::vector<std::pair<std::string, std::string>> contents_;  ///< id, title
};

}  // namespace weft::report
