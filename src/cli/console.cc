#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"

namespace weft::cli {
namespace {

/// 0, or the system's error number.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

/// Erases the live line. The cursor waits in its first column, so that it can be erased in whole
/// also where a window that became narrower has broken it in two.
constexpr std::string_view kErase = "\x1b[J\r\x1b[K";

}  // namespace

bool understands_escapes(const char* term, const char* no_color) {
  if (no_color != nullptr && *no_color != '\0') return false;
  return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

Console::Console()
    : stdout_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      stderr_is_terminal_(::isatty(STDERR_FILENO) == 1),
      draws_(stderr_is_terminal_ &&
             understands_escapes(std::getenv("TERM"), std::getenv("NO_COLOR"))) {}

void Console::result(std::string_view text) const {
  if (stdout_is_terminal_) end_live();
  if (const int error = write_all(STDOUT_FILENO, text); error != 0) {
    if (error == EPIPE) throw ClosedPipe();
    const bool closed = error == EBADF;
    fail(ErrorCode::runtime, {"stdout", closed ? "a reader for the result" : "room for the result",
                              closed ? "a closed stream" : std::strerror(error)});
  }
}

void Console::note(std::string_view line) const {
  above_live(std::string(line) + "\n");
}

void Console::highlight(std::string_view line) const {
  above_live(draws_ ? "\x1b[1m" + std::string(line) + "\x1b[0m\n" : std::string(line) + "\n");
}

// In one write, so that nothing flickers and no other program's output falls in between.
void Console::above_live(const std::string& text) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string whole =
      live_.empty() ? text : std::string(kErase) + text + std::string(kErase) + drawn();
  (void)write_all(STDERR_FILENO, whole);
}

void Console::live(std::string_view line) const {
  if (!draws_) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  live_ = line;
  (void)write_all(STDERR_FILENO, std::string(kErase) + drawn());
}

void Console::end_live() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (live_.empty()) return;
  live_.clear();
  (void)write_all(STDERR_FILENO, kErase);
}

// One column less than there is: some terminals wrap when the last one is written.
std::string Console::drawn() const {
  return live_.substr(0, static_cast<size_t>(std::max(0, width() - 1))) + "\r";
}

int Console::width() const {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace weft::cli
