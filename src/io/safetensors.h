// safetensors files: named tensors behind a JSON header.
// Format: https://github.com/huggingface/safetensors (8 bytes of little-endian header length, the
// header, then the bytes of all tensors without gaps).
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "io/file.h"
#include "io/tensor_hash.h"

namespace weft::io {

/// A safetensors file, read into memory and checked as a whole when it is opened: header length,
/// JSON, names, types, shapes, and offsets that cover the data exactly once. Where the file carries
/// hashes, as ours do, those of a tensor are compared whenever it is read.
class SafeTensors {
 public:
  struct Entry {
    std::string name;
    TensorDesc desc;
    std::span<const std::byte> bytes;  ///< in memory; not aligned to anything
  };

  /// Throws Error(input) where the file cannot be read or anything in it is wrong.
  static SafeTensors open(const Path& path);

  /// In the order of the data.
  const std::vector<Entry>& entries() const { return entries_; }
  const Entry* find(std::string_view name) const;  ///< null where there is none
  /// The `__metadata__` of the header.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const Path& path() const { return path_; }
  /// Without hashes another program wrote it, and changed bytes would go unnoticed.
  bool has_hashes() const { return metadata_.contains(std::string(kHashKey)); }

  /// A copy. Throws Error(input) where there is no such tensor or its bytes are not those that were
  /// written.
  Tensor load(std::string_view name) const;
  /// Copies into `to`. Throws Error(input) as load(), and where its type or shape is another.
  void read(std::string_view name, const TensorView& to) const;

 private:
  explicit SafeTensors(const Path& path) : path_(path), file_(path) {}
  void parse();
  void match_hashes() const;
  void check_hash(const Entry& entry) const;
  const Entry& get(std::string_view name) const;

  Path path_;
  FileBytes file_;
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
  TensorHashes hashes_;
};

struct NamedTensor {
  std::string name;
  TensorView tensor;
};

/// Writes a file atomically, tensors in the order given and straight from their memory, their
/// hashes beside the `metadata`. Equal input gives equal bytes. Throws Error(usage) at a name that
/// is used twice, reserved or not UTF-8, and Error(runtime) where writing fails.
void write_safetensors(const Path& path, std::span<const NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace weft::io
