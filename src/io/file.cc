#include "io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace weft::io {
namespace {

constexpr size_t kMapFrom = size_t{1} << 16;

[[noreturn]] void cannot_read(const Path& path, const std::string& got, const std::string& hint) {
  fail(ErrorCode::input, {path.string(), "a readable file", got, hint});
}

[[noreturn]] void cannot_read(const Path& path, int error) {
  cannot_read(
      path, std::strerror(error),
      error == ENOENT ? "check the path; relative ones start at the working directory" : "");
}

// Reads exactly `size` bytes, or says why not.
void read_all(int fd, const Path& path, char* to, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = ::read(fd, to + done, size - done);
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

Opened open_regular(const Path& path) {
  // O_NONBLOCK: a named pipe must be refused, not waited for.
  FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
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

MappedFile::MappedFile(const Path& path) {
  const Opened opened = open_regular(path);
  if (opened.size < kMapFrom) {
    small_ = Buffer(opened.size);
    read_all(opened.file.get(), path, static_cast<char*>(small_.data()), opened.size);
    data_ = static_cast<const std::byte*>(small_.data());
    size_ = opened.size;
    return;
  }
  void* mapped = ::mmap(nullptr, opened.size, PROT_READ, MAP_PRIVATE, opened.file.get(), 0);
  if (mapped == MAP_FAILED) {
    fail(ErrorCode::runtime,
         {path.string(), "to map the file into memory", std::strerror(errno), ""});
  }
  data_ = static_cast<const std::byte*>(mapped);
  size_ = opened.size;
}

MappedFile::~MappedFile() {
  if (size_ >= kMapFrom) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : small_(std::move(other.small_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(small_, other.small_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
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
