// Writing files and folders atomically. A crash at any moment leaves the old content or the new
// one, and perhaps a temporary name that the next run recognises.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "io/file.h"

namespace weft::io {

/// A file that appears under its name when commit() is called, complete and flushed to the disk,
/// or not at all. A symbolic link is followed: what it points to is replaced. All members throw
/// Error(runtime) with the system's reason; the temporary file is removed then.
class AtomicFile {
 public:
  explicit AtomicFile(const Path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  void commit();

 private:
  Path path_, temporary_;
  FileHandle file_;
};

/// Replaces the content of a file, or creates it: one AtomicFile.
void write_atomic(const Path& path, std::string_view bytes);

/// A folder that appears under its name when commit() is called, with all files flushed, or not at
/// all. Files go to path() until then. A folder of that name is replaced.
class AtomicDir {
 public:
  explicit AtomicDir(const Path& path);
  ~AtomicDir();
  AtomicDir(const AtomicDir&) = delete;
  AtomicDir& operator=(const AtomicDir&) = delete;

  const Path& path() const { return temporary_; }
  void commit();

 private:
  Path path_, temporary_;
  FileHandle folder_;
};

/// Removes from `folder` the temporary files and folders of processes that died while writing and
/// returns how many there were. Those of a living process stay: it holds a lock on each; where the
/// file system has no locks, all stay. Call it before anything is written. A folder that does not
/// exist holds none.
int remove_stale(const Path& folder);

}  // namespace weft::io
