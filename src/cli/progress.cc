#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cli/table.h"

namespace weft::cli {

std::string progress_line(const Progress& p, int width) {
  // In the order in which they stand; rank 0 is given up last.
  struct Part {
    int rank;
    std::string text;
  };
  std::vector<Part> parts = {{0, fmt::format("step {}/{}", p.step, p.steps)},
                             {1, fmt::format("loss {:.4f}", p.loss)}};
  if (p.val_loss) parts.push_back({3, fmt::format("val_loss {:.4f}", *p.val_loss)});
  if (p.val_accuracy) {
    parts.push_back({3, fmt::format("val_accuracy {:.2f}%", 100 * *p.val_accuracy)});
  }
  if (p.tokens_per_second > 0) {
    parts.push_back({4, human_count(p.tokens_per_second) + " tok/s"});
  }
  if (p.mfu > 0) parts.push_back({5, fmt::format("mfu {:.0f}%", 100 * p.mfu)});
  if (p.seconds_left >= 0) parts.push_back({2, human_seconds(p.seconds_left) + " left"});
  for (;;) {
    std::string line;
    for (const Part& part : parts) line += (line.empty() ? "" : "  ") + part.text;
    if (static_cast<int>(line.size()) <= width) return line;
    if (parts.size() == 1) return line.substr(0, static_cast<size_t>(std::max(0, width)));
    parts.erase(std::max_element(parts.begin(), parts.end(),
                                 [](const Part& a, const Part& b) { return a.rank < b.rank; }));
  }
}

bool RedrawClock::due(Time now) {
  if (last_ && now - *last_ < std::chrono::milliseconds(100)) return false;
  last_ = now;
  return true;
}

}  // namespace weft::cli
