// Where a verb writes: results to stdout, everything else to stderr. A terminal that can erase has
// one live line below what was written.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace weft::cli {

/// Nobody reads stdout any more: what is left to write has no use, and nothing went wrong.
struct ClosedPipe {};

/// Whether escape sequences are welcome on a terminal of this kind: TERM and NO_COLOR of the
/// environment, null where they are not set. Not on one that is unknown or "dumb".
bool understands_escapes(const char* term, const char* no_color);

/// Several threads may write at once.
class Console {
 public:
  Console();

  /// Writes to stdout at once. Throws ClosedPipe where its reader has gone,
  /// Error(runtime) where it does not arrive otherwise.
  void result(std::string_view text) const;
  /// A line on stderr, above the live line. What cannot be written there is lost, and nothing else
  /// is.
  void note(std::string_view line) const;
  /// The same, and it stands out where escape sequences are understood.
  void highlight(std::string_view line) const;

  /// True where lines are drawn over: stderr is a terminal that understands escape sequences.
  bool draws() const { return draws_; }
  /// Puts `line` in the place of the live line, cut to the width of the window; one line of ASCII.
  /// Nothing where draws() is false.
  void live(std::string_view line) const;
  /// Erases the live line.
  void end_live() const;

  bool stdout_is_terminal() const { return stdout_is_terminal_; }
  bool stderr_is_terminal() const { return stderr_is_terminal_; }
  /// Columns of the terminal behind stderr now; 80 where there is none.
  int width() const;

 private:
  void above_live(const std::string& text) const;
  std::string drawn() const;

  bool stdout_is_terminal_, stderr_is_terminal_, draws_;
  mutable std::mutex mutex_;
  mutable std::string live_;  ///< "": there is none
};

}  // namespace weft::cli
