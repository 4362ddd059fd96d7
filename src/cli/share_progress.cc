#include "cli/share_progress.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/table.h"

namespace weft::cli {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

std::string share_line(std::string_view what, double share, std::string_view more, double elapsed) {
  std::string text = fmt::format("{}  {:.0f}%", what, 100 * share);
  if (!more.empty()) text += fmt::format("  {}", more);
  // The first moments say nothing about the speed.
  if (elapsed > 0.5 && share > 0 && share < 1) {
    text += fmt::format("  {} left", human_seconds(elapsed * (1 / share - 1)));
  }
  return text;
}

ShareProgress::ShareProgress(const Console& console) : console_(console), begun_(Clock::now()) {}

void ShareProgress::update(std::string_view what, double share, std::string_view more) {
  share = std::clamp(share, 0.0, 1.0);
  const double elapsed = std::chrono::duration<double>(Clock::now() - begun_).count();
  if (console_.draws()) {
    if (clock_.due(Clock::now())) console_.live(share_line(what, share, more, elapsed));
    return;
  }
  const int tenths = static_cast<int>(10 * share);
  if (tenths <= tenths_) return;
  tenths_ = tenths;
  console_.note(share_line(what, share, more, elapsed));
}

}  // namespace weft::cli
