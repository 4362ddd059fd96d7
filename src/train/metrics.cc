#include "train/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"

namespace weft {
namespace {

[[noreturn]] void cannot_write(const io::Path& path, int error) {
  fail(ErrorCode::runtime, {path.string(), "to write it", std::strerror(error),
                            error == ENOSPC ? "free some space, then continue with --resume" : ""});
}

LogLine parse_line(std::string_view text, const io::Path& path) {
  const nlohmann::json json = io::parse_json(text, path.string());
  const auto number = [&](const char* key) -> std::optional<double> {
    if (!json.contains(key) || !json[key].is_number()) return {};
    return json[key].get<double>();
  };
  LogLine line;
  line.step = json.at("step").get<int64_t>();
  line.seconds = json.at("seconds").get<double>();
  line.loss = number("loss").value_or(0);
  line.val_loss = number("val_loss");
  line.val_accuracy = number("val_accuracy");
  return line;
}

// The part of the text that holds whole lines up to a step, and the last of them.
std::string_view lines_until(std::string_view text, int64_t last_step, const io::Path& path,
                             LogLine& last) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t newline = text.find('\n', at);
    if (newline == std::string_view::npos) break;
    try {
      const LogLine line = parse_line(text.substr(at, newline - at), path);
      if (line.step > last_step) break;
      last = line;
    } catch (const std::exception&) {
      break;  // cut short by a crash, or not ours: nothing after it can be trusted
    }
    at = end = newline + 1;
  }
  return text.substr(0, end);
}

}  // namespace

std::string to_json_line(const LogLine& line) {
  const auto number = [](const std::optional<double>& x) {
    return x ? nlohmann::json(*x) : nlohmann::json(nullptr);
  };
  nlohmann::json keys = {{"step", line.step},
                         {"tokens", line.tokens},
                         {"loss", line.loss},
                         {"val_loss", number(line.val_loss)},
                         {"lr", line.lr},
                         {"grad_norm", line.grad_norm},
                         {"tokens_per_second", line.tokens_per_second},
                         {"mfu", number(line.mfu)},
                         {"peak_gflops", line.peak_gflops},
                         {"seconds", line.seconds}};
  if (line.val_accuracy) keys["val_accuracy"] = *line.val_accuracy;
  return io::to_json_line(keys);
}

MetricsFile::MetricsFile(const io::Path& path, const TryLock& try_lock)
    : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_.get() < 0) cannot_write(path, errno);
  const io::Lock lock = try_lock(file_);
  locked_ = lock == io::Lock::taken;
  if (lock == io::Lock::busy) {
    fail(ErrorCode::runtime,
         {path.string(), "a run that nobody else is training", "another process", "stop it first"});
  }
}

int64_t MetricsFile::reached() const {
  const io::FileBytes content(path_);
  LogLine last;
  lines_until(content.text(), std::numeric_limits<int64_t>::max(), path_, last);
  return last.step;
}

void MetricsFile::keep(int64_t last_step) {
  const io::FileBytes content(path_);
  const std::string_view kept = lines_until(content.text(), last_step, path_, last_);
  if (kept.size() == content.size()) return;
  if (::ftruncate(file_.get(), static_cast<off_t>(kept.size())) != 0) cannot_write(path_, errno);
}

void MetricsFile::append(const LogLine& line) {
  const std::string text = to_json_line(line) + "\n";
  const ssize_t n = ::write(file_.get(), text.data(), text.size());
  if (n != static_cast<ssize_t>(text.size())) cannot_write(path_, n < 0 ? errno : ENOSPC);
}

void MetricsFile::flush() {
  if (::fsync(file_.get()) != 0) cannot_write(path_, errno);
}

}  // namespace weft
