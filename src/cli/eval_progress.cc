#include "cli/eval_progress.h"

#include <fmt/format.h>

#include <chrono>

#include "cli/table.h"

namespace weft::cli {

std::function<void(double)> eval_progress(const Console& console) {
  if (!console.draws()) return {};
  const auto start = std::chrono::steady_clock::now();
  return [&console, start, shown = start](double share) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - shown < std::chrono::milliseconds(100)) return;
    shown = now;
    const double left = std::chrono::duration<double>(now - start).count() * (1 / share - 1);
    console.live(fmt::format("eval {:.0f}%, {} left", 100 * share, human_seconds(left)));
  };
}

void end_eval_progress(const Console& console) {
  console.end_live();
}

}  // namespace weft::cli
