#include "lab/icl/metrics_lines.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"

namespace weft::icl {
namespace {

[[noreturn]] void cannot_write(const io::Path& path, int error) {
  fail(ErrorCode::runtime, {path.string(), "to write it", std::strerror(error), ""});
}

std::string line_of(const Training& training, const CurvePoint& point) {
  nlohmann::json line = to_json(point);
  line["seed"] = training.seed;
  return io::to_json_line(line) + "\n";
}

}  // namespace

void make_run_folder(const io::Path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && std::filesystem::is_directory(folder, error)) return;
  fail(ErrorCode::runtime,
       {folder.string(), "a folder to write to", error ? error.message() : "a file of that name",
        "choose another --out"});
}

MetricsLines::MetricsLines(const io::Path& path)
    : path_(path),
      file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_.get() < 0) cannot_write(path, errno);
}

void MetricsLines::append(const Training& training, const CurvePoint& point) {
  const std::string text = line_of(training, point);
  const std::lock_guard lock(mutex_);
  const ssize_t n = ::write(file_.get(), text.data(), text.size());
  if (n != static_cast<ssize_t>(text.size())) cannot_write(path_, n < 0 ? errno : ENOSPC);
}

void MetricsLines::sort(std::span<const MeasuredRun> runs) {
  std::string text;
  for (const MeasuredRun& run : runs) {
    for (const CurvePoint& point : run.curve) text += line_of(run.setting.training, point);
  }
  io::write_atomic(path_, text);
}

}  // namespace weft::icl
