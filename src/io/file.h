// Reading files.
#pragma once

#include <cstddef>
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

/// The bytes of a regular file, read-only. Files of 64 KiB and more are memory-mapped; smaller ones
/// are read, so that a folder of a million small files does not exhaust the system's mappings.
/// Nobody may shorten a file while it is mapped. Throws Error(input) where it cannot be read.
class MappedFile {
 public:
  MappedFile() = default;  ///< of no bytes
  explicit MappedFile(const Path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  size_t size() const { return size_; }

 private:
  Buffer small_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// The whole of a small file. Throws Error(input) where it cannot be read or has more than
/// `most_bytes`.
std::string read_text(const Path& path, size_t most_bytes);

}  // namespace weft::io
