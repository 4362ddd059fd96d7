#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace weft::cli {
namespace {

/// Columns on a terminal: code points, which is right for all that we print.
size_t width_of(const std::string& s) {
  return static_cast<size_t>(std::count_if(
      s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }));
}

std::string three_digits(double n) {
  return n < 10    ? fmt::format("{:.2f}", n)
         : n < 100 ? fmt::format("{:.1f}", n)
                   : fmt::format("{:.0f}", n);
}

}  // namespace

Table::Table(std::vector<std::string> header) {
  for (std::string& cell : header) {
    left_.push_back(left_.empty() || cell.rfind('<', 0) == 0);
    if (cell.rfind('<', 0) == 0) cell.erase(0, 1);
  }
  rows_.push_back(std::move(header));
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(left_.size());
  rows_.push_back(std::move(cells));
}

void Table::drop(size_t column) {
  const auto at = static_cast<std::ptrdiff_t>(column);
  left_.erase(left_.begin() + at);
  for (auto& row : rows_) row.erase(row.begin() + at);
}

std::vector<size_t> Table::widths() const {
  std::vector<size_t> widths(left_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  return widths;
}

size_t Table::width() const {
  size_t sum = 0;
  for (const size_t w : widths()) sum += w + 2;
  return sum < 2 ? 0 : sum - 2;
}

std::string Table::str() const {
  const std::vector<size_t> widths = this->widths();
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string pad(widths[c] - width_of(row[c]), ' ');
      line += (c > 0 ? "  " : "") + (left_[c] ? row[c] + pad : pad + row[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string human_count(double n) {
  constexpr const char* units[] = {"", " k", " M", " G", " T", " P"};
  size_t u = 0;
  while (std::fabs(n) >= 999.5 && u + 1 < std::size(units)) n /= 1000, ++u;
  return u == 0 ? fmt::format("{:.0f}", n) : three_digits(n) + units[u];
}

std::string human_bytes(double n) {
  constexpr const char* units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
  size_t u = 0;
  while (n >= 1023.5 && u + 1 < std::size(units)) n /= 1024, ++u;
  return (u == 0 ? fmt::format("{:.0f}", n) : three_digits(n)) + units[u];
}

std::string human_seconds(double s) {
  if (s < 1e-6) return fmt::format("{:.0f} ns", s * 1e9);
  if (s < 1e-3) return three_digits(s * 1e6) + " us";
  if (s < 1) return three_digits(s * 1e3) + " ms";
  if (s < 60) return s < 10 ? fmt::format("{:.1f} s", s) : fmt::format("{:.0f} s", s);
  const auto seconds = static_cast<int64_t>(std::llround(std::min(s, 1e15)));
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

}  // namespace weft::cli
