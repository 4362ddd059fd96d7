// Reading files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"

namespace weft::io {

using Path = std::filesystem::path;

/// A file descriptor with an owner.
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int fd) : fd_(fd) {}
  ~FileHandle() { close(); }
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;

  int get() const { return fd_; }
  /// False where the system reports that what was written did not arrive.
  bool close() noexcept;

 private:
  int fd_ = -1;
};

/// What became of the wish to be the only one.
enum class Lock : uint8_t {
  taken,
  busy,  ///< another process has it
  none   ///< the file system knows no locks
};
/// Locks an open file or folder for as long as its descriptor lives. Does not wait.
Lock try_lock(const FileHandle& file) noexcept;

/// The bytes of a regular file as they were when it was opened: a copy in memory, not a mapping,
/// which a file cut short by another program would turn into a fatal signal. Throws Error(input)
/// where it cannot be read.
class FileBytes {
 public:
  FileBytes() = default;  ///< of no bytes
  explicit FileBytes(const Path& path);

  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(content_.data()), content_.size()};
  }
  std::string_view text() const {
    return {static_cast<const char*>(content_.data()), content_.size()};
  }
  size_t size() const { return content_.size(); }

 private:
  Buffer content_;
};

/// A regular file too large to keep in memory, read in pieces. Whether somebody wrote to it since
/// it was opened is asked before every piece, by its size and the time of its last change.
class FilePieces {
 public:
  /// `keep_open`: hold a descriptor, where the process has one left; otherwise the file is opened
  /// anew for each piece, so that any number of files can be at hand. Throws Error(input) where it
  /// cannot be read.
  explicit FilePieces(const Path& path, bool keep_open = true);

  const Path& path() const { return path_; }
  size_t size() const { return identity_.size; }
  /// Copies bytes from `offset` on. Throws Error(input) naming the file where it was changed,
  /// replaced or removed.
  void read(size_t offset, std::span<std::byte> to) const;

 private:
  struct Identity {
    uint64_t device = 0, inode = 0;
    size_t size = 0;
    int64_t seconds = 0, nanoseconds = 0;  // of the last change
    bool operator==(const Identity&) const = default;
  };
  static Identity identify(int fd, const Path& path);

  Path path_;
  FileHandle file_;  // of no file where it is not kept open
  Identity identity_;
};

/// The whole of a small file. Throws Error(input) where it cannot be read or has more than
/// `most_bytes`.
std::string read_text(const Path& path, size_t most_bytes);

}  // namespace weft::io
