#include "io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace weft::io {
namespace {

[[noreturn]] void cannot_read(const Path& path, const std::string& got, const std::string& hint) {
  fail(ErrorCode::input, {path.string(), "a readable file", got, hint});
}

[[noreturn]] void cannot_read(const Path& path, int error) {
  cannot_read(
      path, std::strerror(error),
      error == ENOENT ? "check the path; relative ones start at the working directory" : "");
}

// Reads exactly `size` bytes from `offset` on, or says why not.
void read_all(int fd, const Path& path, char* to, size_t size, size_t offset = 0) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = ::pread(fd, to + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot_read(path, errno);
    if (n == 0) cannot_read(path, "one that became shorter while it was read", "");
    done += static_cast<size_t>(n);
  }
}

struct Opened {
  FileHandle file;
  size_t size;
};

// O_NONBLOCK: a named pipe must be refused, not waited for.
constexpr int kReading = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

Opened open_regular(const Path& path) {
  FileHandle file(::open(path.c_str(), kReading));
  if (file.get() < 0) cannot_read(path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) cannot_read(path, errno);
  if (S_ISDIR(info.st_mode)) cannot_read(path, "a folder", "");
  if (!S_ISREG(info.st_mode)) cannot_read(path, "a device, pipe or socket", "");
  return {std::move(file), static_cast<size_t>(info.st_size)};
}

}  // namespace

FileHandle::FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileHandle& FileHandle::operator=(FileHandle&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

bool FileHandle::close() noexcept {
  const int fd = std::exchange(fd_, -1);
  return fd < 0 || ::close(fd) == 0;
}

Lock try_lock(const FileHandle& file) noexcept {
  int failed = 0;
  do {
    failed = ::flock(file.get(), LOCK_EX | LOCK_NB);
  } while (failed != 0 && errno == EINTR);
  if (failed == 0) return Lock::taken;
  // Network file systems say ENOLCK, ENOSYS, EOPNOTSUPP or EBADF, each in its own mood; EACCES is
  // their other word for busy.
  return errno == EWOULDBLOCK || errno == EACCES ? Lock::busy : Lock::none;
}

FileBytes::FileBytes(const Path& path) {
  const Opened opened = open_regular(path);
  content_ = Buffer(opened.size);
  read_all(opened.file.get(), path, static_cast<char*>(content_.data()), opened.size);
}

FilePieces::Identity FilePieces::identify(int fd, const Path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) cannot_read(path, errno);
  return {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino),
          static_cast<size_t>(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

FilePieces::FilePieces(const Path& path, bool keep_open) : path_(path) {
  Opened opened = open_regular(path);
  identity_ = identify(opened.file.get(), path);
  if (keep_open) file_ = std::move(opened.file);
}

void FilePieces::read(size_t offset, std::span<std::byte> to) const {
  const FileHandle again(file_.get() < 0 ? ::open(path_.c_str(), kReading) : -1);
  const int fd = file_.get() < 0 ? again.get() : file_.get();
  if (fd < 0) cannot_read(path_, errno);
  if (!(identify(fd, path_) == identity_)) {
    fail(ErrorCode::input,
         {path_.string(), "the file as it was when it was opened", "one that was written to since",
          "files must be left alone while they are read"});
  }
  read_all(fd, path_, reinterpret_cast<char*>(to.data()), to.size(), offset);
}

std::string read_text(const Path& path, size_t most_bytes) {
  const Opened opened = open_regular(path);
  if (opened.size > most_bytes) {
    fail(ErrorCode::input, {path.string(), "at most " + std::to_string(most_bytes) + " bytes",
                            std::to_string(opened.size), ""});
  }
  std::string text(opened.size, '\0');
  read_all(opened.file.get(), path, text.data(), text.size());
  return text;
}

}  // namespace weft::io
