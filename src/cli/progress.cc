#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cli/table.h"

namespace weft::cli {
namespace {

/// In the order in which they stand; rank 0 is given up last.
struct Part {
  int rank;
  std::string text;
};

std::string joined(const std::vector<Part>& parts) {
  std::string line;
  for (const Part& part : parts) line += (line.empty() ? "" : "  ") + part.text;
  return line;
}

std::string fitted(std::vector<Part> parts, int width) {
  for (;;) {
    const std::string line = joined(parts);
    if (static_cast<int>(line.size()) <= width) return line;
    if (parts.size() == 1) return line.substr(0, static_cast<size_t>(std::max(0, width)));
    parts.erase(std::max_element(parts.begin(), parts.end(),
                                 [](const Part& a, const Part& b) { return a.rank < b.rank; }));
  }
}

std::string step_text(const Progress& p) {
  return fmt::format("step {}/{}", p.step, p.steps);
}

/// What stands after the step.
std::vector<Part> measures(const Progress& p) {
  std::vector<Part> parts = {{1, fmt::format("loss {:.4f}", p.loss)}};
  if (p.val_loss) parts.push_back({3, fmt::format("val_loss {:.4f}", *p.val_loss)});
  if (p.val_accuracy) {
    parts.push_back({3, fmt::format("val_accuracy {:.2f}%", 100 * *p.val_accuracy)});
  }
  if (p.tokens_per_second > 0) {
    parts.push_back({4, human_count(p.tokens_per_second) + " tok/s"});
  }
  if (p.mfu > 0) parts.push_back({5, fmt::format("mfu {:.0f}%", 100 * p.mfu)});
  if (p.seconds_left >= 0)
    parts.push_back({2, (p.seconds_left < 1 ? "<1 s" : human_seconds(p.seconds_left)) + " left"});
  return parts;
}

/// "[=====>    ]" of `size` columns.
std::string bar(const Progress& p, int size) {
  const int inside = size - 2;
  const double share = p.steps > 0 ? static_cast<double>(p.step) / static_cast<double>(p.steps) : 0;
  const int done = std::clamp(static_cast<int>(share * inside), 0, inside);
  std::string text(static_cast<size_t>(done), '=');
  if (done < inside) text += '>';
  text.resize(static_cast<size_t>(inside), ' ');
  return "[" + text + "]";
}

}  // namespace

std::string progress_line(const Progress& p, int width) {
  std::vector<Part> parts = measures(p);
  parts.insert(parts.begin(), {0, step_text(p)});
  return fitted(std::move(parts), width);
}

std::string progress_bar(const Progress& p, int width) {
  constexpr int kLeast = 10, kMost = 40, kGap = 2;
  const std::string step = step_text(p);
  const std::vector<Part> all = measures(p);
  const int room = width - static_cast<int>(step.size()) - 2 * kGap;
  const int least = static_cast<int>(all.front().text.size());  // the loss
  if (room < kLeast + least) return progress_line(p, width);
  const std::string rest = fitted(all, room - kLeast);
  const int size = std::min(room - static_cast<int>(rest.size()), kMost);
  return step + "  " + bar(p, size) + "  " + rest;
}

bool RedrawClock::due(Time now) {
  if (last_ && now - *last_ < std::chrono::milliseconds(100)) return false;
  last_ = now;
  return true;
}

}  // namespace weft::cli
