#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
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

}  // namespace

Console::Console()
    : stdout_is_terminal_(::isatty(STDOUT_FILENO) == 1),
      stderr_is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void Console::result(std::string_view text) const {
  if (const int error = write_all(STDOUT_FILENO, text); error != 0) {
    if (error == EPIPE) throw ClosedPipe();
    const bool closed = error == EBADF;
    fail(ErrorCode::runtime, {"stdout", closed ? "a reader for the result" : "room for the result",
                              closed ? "a closed stream" : std::strerror(error)});
  }
}

void Console::note(std::string_view line) const {
  raw(std::string(line) + "\n");
}

void Console::raw(std::string_view text) const {
  (void)write_all(STDERR_FILENO, text);
}

int Console::width() const {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace weft::cli
