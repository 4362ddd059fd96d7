#include "cli/prompt.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "io/file.h"
#include "io/utf8.h"

namespace weft::cli {
namespace {

constexpr size_t kMostBytes = size_t{1} << 28;

std::string read_stream(int fd, const std::string& where) {
  std::string text;
  char portion[1 << 16];
  while (true) {
    const ssize_t n = ::read(fd, portion, sizeof portion);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::input, {where, "a prompt", std::strerror(errno)});
    if (n == 0) return text;
    text.append(portion, static_cast<size_t>(n));
    if (text.size() > kMostBytes) {
      fail(ErrorCode::input, {where, fmt::format("at most {} bytes", kMostBytes), "more"});
    }
  }
}

/// Pipes too: `--prompt-file <(...)`.
std::string read_file(const std::string& path) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (!std::filesystem::is_fifo(status)) return io::read_text(path, kMostBytes);
  const io::FileHandle pipe(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (pipe.get() < 0) fail(ErrorCode::input, {path, "a readable file", std::strerror(errno)});
  return read_stream(pipe.get(), path);
}

}  // namespace

std::string read_prompt(const std::optional<std::string>& given, const std::string& file) {
  if (given && !file.empty()) {
    fail(ErrorCode::usage, {"weft generate", "--prompt or --prompt-file", "both"});
  }
  if (!given && file.empty()) {
    fail(ErrorCode::usage,
         {"weft generate", "--prompt or --prompt-file", "none", "see weft generate --help"});
  }
  const bool standard = file == "-" || (given && *given == "-");
  const std::string where = standard ? "standard input" : given ? "--prompt" : file;
  const std::string text = standard ? read_stream(STDIN_FILENO, where)
                           : given  ? *given
                                    : read_file(file);
  if (const size_t bad = io::first_invalid_utf8(text); bad != std::string_view::npos) {
    fail(ErrorCode::input, {where, "UTF-8 text", fmt::format("an invalid byte at {}", bad)});
  }
  if (text.empty()) {
    fail(ErrorCode::input, {where, "at least one character", "an empty prompt",
                            "the model continues text, it needs some to begin with"});
  }
  return text;
}

}  // namespace weft::cli
