// How far a long computation is, and how long it will take: a live line where the console draws, a
// line every tenth elsewhere.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "cli/console.h"
#include "cli/progress.h"

namespace weft::cli {

/// "training  43%  loss 0.0123  12 s left". `elapsed`: seconds since the beginning; while there are
/// too few to know the speed, the time left is left out.
std::string share_line(std::string_view what, double share, std::string_view more, double elapsed);

class ShareProgress {
 public:
  /// The console must outlive it.
  explicit ShareProgress(const Console& console);
  ~ShareProgress() { finish(); }
  ShareProgress(const ShareProgress&) = delete;
  ShareProgress& operator=(const ShareProgress&) = delete;

  /// `share` in [0, 1]; `more` is appended: "loss 0.0123". Not from two threads at a time.
  void update(std::string_view what, double share, std::string_view more = "");
  /// Erases the live line.
  void finish() { console_.end_live(); }

 private:
  const Console& console_;
  std::chrono::steady_clock::time_point begun_;
  RedrawClock clock_;
  int tenths_ = 0;
};

}  // namespace weft::cli
