#include "cli/bench_progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/table.h"

namespace weft::cli {

std::string bench_progress_line(int row, int rows, const std::string& name, double elapsed,
                                int width) {
  std::string line = fmt::format("bench {}/{}", row, rows);
  const auto room = static_cast<size_t>(std::max(0, width));
  if (row > 1) {
    const double left = elapsed / (row - 1) * (rows - row + 1);
    line += fmt::format("  {} left", human_seconds(left));
  }
  if (line.size() + 2 + name.size() <= room) line += "  " + name;
  return line.substr(0, room);
}

BenchProgress::~BenchProgress() {
  console_.end_live();
}

void BenchProgress::begin(const std::string& row) {
  const auto now = std::chrono::steady_clock::now();
  if (row_++ == 0) start_ = now;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  console_.live(
      bench_progress_line(row_, std::max(rows_, row_), row, elapsed, console_.width() - 1));
}

}  // namespace weft::cli
