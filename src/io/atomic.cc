// A temporary name in the same folder, fsync, rename, fsync of the folder. A temporary file or
// folder is locked (flock) as long as its writer lives; the system drops the lock of a process that
// dies, which is how the next run tells leftovers from work in progress.
#include "io/atomic.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace weft::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = ".weft-unfinished-";
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

[[noreturn]] void cannot_write(const Path& path, int error) {
  std::string hint;
  if (error == ENOSPC || error == EDQUOT)
    hint = "free some space; what was there before is unharmed";
  if (error == ENOENT) hint = "create the folder first";
  if (error == EROFS || error == EACCES) hint = "choose a folder that can be written";
  fail(ErrorCode::runtime, {path.string(), "to write it", std::strerror(error), hint});
}

Path folder_of(const Path& path) {
  return path.has_parent_path() ? path.parent_path() : Path(".");
}

// The name that a rename should replace: links followed, trailing slashes dropped.
Path target_of(const Path& path) {
  Path target = path.has_filename() ? path : path.parent_path();
  std::error_code ignored;
  if (fs::is_symlink(target, ignored)) {
    const Path real = fs::weakly_canonical(target, ignored);
    if (!ignored) target = real;
  }
  return target;
}

// Calls create(name) with names beside `path` until one is free. `create` returns 0 or less than 0
// with errno set; EEXIST asks for the next name. Returns the name, or "" with errno set.
template <class Create>
Path create_beside(const Path& path, Create&& create) {
  const std::string pid = std::to_string(::getpid());
  const std::string name = path.filename().string().substr(0, 100);
  for (int attempt = 0; attempt < 10000; ++attempt) {
    const std::string number = pid + "-" + std::to_string(attempt) + "-";
    Path candidate = folder_of(path) / (std::string(kPrefix) + number + name);
    if (create(candidate) >= 0) return candidate;
    if (errno != EEXIST) break;
  }
  return {};
}

void sync_folder(const Path& folder) {
  const FileHandle handle(::open(folder.c_str(), kFolderFlags));
  if (handle.get() < 0) cannot_write(folder, errno);
  // Some network file systems cannot flush a folder and say EINVAL; there is nothing more to do.
  if (::fsync(handle.get()) != 0 && errno != EINVAL) cannot_write(folder, errno);
}

// Everything below a folder, so that files written by other means are flushed as well.
void sync_tree(const Path& folder) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_symlink() || !(entry.is_regular_file() || entry.is_directory())) continue;
    const FileHandle handle(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (handle.get() < 0 || ::fsync(handle.get()) != 0) cannot_write(entry.path(), errno);
  }
  sync_folder(folder);
}

// Puts the folder `from` in the place of `to`. Two names are swapped in one step where the file
// system can; elsewhere there is a moment in which `to` does not exist.
void replace_folder(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  if (errno != EEXIST && errno != ENOTEMPTY) cannot_write(to, errno);
  std::error_code ignored;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    fs::remove_all(from, ignored);
    return;
  }
  const Path aside =
      create_beside(to, [](const Path& name) { return ::mkdir(name.c_str(), 0777); });
  if (aside.empty() || ::rename(to.c_str(), aside.c_str()) != 0) cannot_write(to, errno);
  if (::rename(from.c_str(), to.c_str()) != 0) {
    const int error = errno;
    fs::rename(aside, to, ignored);
    cannot_write(to, error);
  }
  fs::remove_all(aside, ignored);
}

}  // namespace

AtomicFile::AtomicFile(const Path& path) : path_(target_of(path)) {
  std::error_code ignored;
  const fs::file_status there = fs::status(path_, ignored);
  if (fs::exists(there) && !fs::is_regular_file(there)) {
    fail(ErrorCode::runtime, {path_.string(), "the name of a file to write",
                              "a folder or device of that name", "choose another name"});
  }
  temporary_ = create_beside(path_, [this](const Path& name) {
    file_ = FileHandle(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    return file_.get();
  });
  if (temporary_.empty()) cannot_write(path_, errno);
  (void)try_lock(file_);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) cannot_write(path_, n < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void AtomicFile::commit() {
  if (::fsync(file_.get()) != 0) cannot_write(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) cannot_write(path_, errno);
  temporary_.clear();
  if (!file_.close()) cannot_write(path_, errno);
  sync_folder(folder_of(path_));
}

void write_atomic(const Path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AtomicDir::AtomicDir(const Path& path) : path_(target_of(path)) {
  std::error_code ignored;
  const fs::file_status there = fs::status(path_, ignored);
  if (fs::exists(there) && !fs::is_directory(there)) {
    fail(ErrorCode::runtime, {path_.string(), "the name of a folder to write",
                              "a file of that name", "choose another name"});
  }
  temporary_ = create_beside(path_, [](const Path& name) { return ::mkdir(name.c_str(), 0777); });
  if (temporary_.empty()) cannot_write(path_, errno);
  folder_ = FileHandle(::open(temporary_.c_str(), kFolderFlags));
  if (folder_.get() >= 0) (void)try_lock(folder_);
}

AtomicDir::~AtomicDir() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void AtomicDir::commit() {
  try {
    sync_tree(temporary_);
  } catch (const fs::filesystem_error& e) {
    cannot_write(path_, e.code().value());
  }
  replace_folder(temporary_, path_);
  temporary_.clear();
  folder_.close();
  sync_folder(folder_of(path_));
}

int remove_stale(const Path& folder) {
  std::error_code error;
  std::vector<Path> stale;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(kPrefix)) continue;
    const FileHandle handle(
        ::open(it->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (handle.get() < 0 || try_lock(handle) != Lock::taken) continue;
    stale.push_back(it->path());
  }
  int removed = 0;
  for (const Path& path : stale) {
    fs::remove_all(path, error);
    if (!error) ++removed;
  }
  return removed;
}

}  // namespace weft::io
