// Where a verb writes: results to stdout, everything else to stderr.
#pragma once

#include <string_view>

namespace weft::cli {

/// Nobody reads stdout any more: what is left to write has no use, and nothing went wrong.
struct ClosedPipe {};

class Console {
 public:
  Console();

  /// Writes to stdout at once. Throws ClosedPipe where its reader has gone,
  /// Error(runtime) where it does not arrive otherwise.
  void result(std::string_view text) const;
  /// A line on stderr. What cannot be written there is lost, and nothing else is.
  void note(std::string_view line) const;
  /// The same without the end of the line.
  void raw(std::string_view text) const;

  bool stdout_is_terminal() const { return stdout_is_terminal_; }
  bool stderr_is_terminal() const { return stderr_is_terminal_; }
  /// Columns of the terminal behind stderr now; 80 where there is none.
  int width() const;

 private:
  bool stdout_is_terminal_, stderr_is_terminal_;
};

}  // namespace weft::cli
