#include "train/latest.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "model/model.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_write(const fs::path& path, const std::string& why) {
  fail(ErrorCode::runtime, {path.string(), "to write it", why, ""});
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

void rename_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) cannot_write(to, error.message());
}

// Out of the way, under a name that is free.
fs::path move_aside(const fs::path& latest) {
  const int64_t step = step_of_checkpoint(latest);
  const std::string name = step >= 0 ? fmt::format("latest-of-step-{}", step) : "latest-of-old";
  fs::path aside = latest.parent_path() / name;
  for (int n = 2; is_there(aside); ++n) {
    aside = latest.parent_path() / fmt::format("{}-{}", name, n);
  }
  rename_to(latest, aside);
  return aside;
}

bool same_content(const fs::path& a, const fs::path& b) {
  const io::FilePieces left(a), right(b);
  if (left.size() != right.size()) return false;
  constexpr size_t kAtOnce = size_t{1} << 20;
  std::vector<std::byte> x(kAtOnce), y(kAtOnce);
  for (size_t at = 0; at < left.size(); at += kAtOnce) {
    const size_t n = std::min(kAtOnce, left.size() - at);
    left.read(at, std::span(x).first(n));
    right.read(at, std::span(y).first(n));
    if (!std::equal(x.begin(), x.begin() + static_cast<ptrdiff_t>(n), y.begin())) return false;
  }
  return true;
}

// Every file of `copy` is in `original`, to the byte: without it nothing is lost.
bool is_contained(const fs::path& copy, const fs::path& original) {
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(copy)) {
      const fs::path other = original / entry.path().filename();
      if (!entry.is_regular_file() || !fs::is_regular_file(other)) return false;
      if (!same_content(entry.path(), other)) return false;
    }
  } catch (const std::exception&) {
    return false;
  }
  return true;
}

// What a link becomes where there are none: a file that holds the path that it led to.
bool is_link_as_text(const fs::path& path) {
  try {
    return io::read_text(path, 256).starts_with("checkpoints/step-");
  } catch (const Error&) {
    return false;
  }
}

std::string replace_copy(const fs::path& run, int64_t newest) {
  const fs::path latest = run / "latest";
  const int64_t step = step_of_checkpoint(latest);
  std::error_code ignored;
  if (step > newest) {
    fs::create_directories(run / "checkpoints", ignored);
    rename_to(latest, step_folder(run, step));
    point_latest(run, step);
    return fmt::format("latest was a folder, the newest checkpoint: it is checkpoints/step-{} now",
                       step);
  }
  const fs::path original = step_folder(run, step);
  if (step >= 0 && is_contained(latest, original)) {
    // The link first: a folder that is removed in part must not be called latest.
    const fs::path aside = move_aside(latest);
    point_latest(run, newest);
    fs::remove_all(aside, ignored);
    return fmt::format(
        "latest was a folder, a copy of checkpoints/step-{}: it is a link to "
        "step-{} again",
        step, newest);
  }
  const fs::path aside = move_aside(latest);
  point_latest(run, newest);
  return fmt::format("latest was no link: what it held is {} now, and it points to step-{}",
                     aside.filename().string(), newest);
}

}  // namespace

void point_latest(const fs::path& run, int64_t step) {
  const fs::path next = run / ".latest-next", latest = run / "latest";
  const fs::path target = step_folder("", step);
  std::error_code error;
  fs::remove(next, error);
  if (::symlink(target.c_str(), next.c_str()) != 0) {
    if (errno == EPERM || errno == ENOTSUP || errno == ENOSYS) return;
    cannot_write(next, std::strerror(errno));
  }
  const fs::file_status there = fs::symlink_status(latest, error);
  if (fs::exists(there) && !fs::is_symlink(there) && !is_link_as_text(latest)) move_aside(latest);
  rename_to(next, latest);
}

std::string mend_latest(const fs::path& run) {
  const fs::path latest = run / "latest";
  const std::vector<int64_t> steps = step_folders(run);
  const int64_t newest = steps.empty() ? -1 : steps.back();
  std::error_code error;
  const fs::file_status there = fs::symlink_status(latest, error);
  if (fs::exists(there) && !fs::is_symlink(there) && !is_link_as_text(latest)) {
    return newest < 0 && step_of_checkpoint(latest) < 0 ? "" : replace_copy(run, newest);
  }
  if (newest < 0) return "";
  const fs::path target = fs::is_symlink(there) ? fs::read_symlink(latest, error) : fs::path();
  if (target == step_folder("", newest)) return "";
  point_latest(run, newest);
  if (target.empty()) return "";
  return fmt::format("latest pointed to {}: it points to checkpoints/step-{} again",
                     target.string(), newest);
}

}  // namespace weft
