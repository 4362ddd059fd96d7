// Text to tokens and back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"

namespace weft {

/// A reversible map between bytes and token ids in [0, vocab).
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual std::string_view name() const = 0;
  virtual int64_t vocab() const = 0;
  /// The id that stands between documents; the one with which each but the first begins.
  virtual int32_t separator() const = 0;
  /// True where token i of a text is its byte i: corpora then use the bytes of the file as they
  /// are.
  virtual bool tokens_are_bytes() const = 0;

  virtual std::vector<int32_t> encode(std::string_view text) const = 0;
  /// Bytes, not necessarily UTF-8. Throws Error(input) at an id outside the vocabulary.
  virtual std::string decode(std::span<const int32_t> tokens) const = 0;
};

/// 256 ids, each byte its own; id 0 (NUL) separates documents, also where a text contains it.
class ByteTokenizer final : public Tokenizer {
 public:
  static constexpr int64_t kVocab = 256;
  static constexpr int32_t kSeparator = 0;

  std::string_view name() const override { return "byte"; }
  int64_t vocab() const override { return kVocab; }
  int32_t separator() const override { return kSeparator; }
  bool tokens_are_bytes() const override { return true; }
  std::vector<int32_t> encode(std::string_view text) const override;
  std::string decode(std::span<const int32_t> tokens) const override;
};

/// The tokenizer of a name, "byte". Throws Error(config) at any other.
std::unique_ptr<Tokenizer> make_tokenizer(std::string_view name);

/// Writes tokenizer.json atomically, in the form that Hugging Face's tokenizers library reads and
/// by which it encodes text to the same ids. Throws Error(usage) for other than a byte tokenizer.
void write_tokenizer(const io::Path& path, const Tokenizer& tokenizer);
/// Reads it back, also in the form of older checkpoints. Throws Error(input) where the file is no
/// such JSON or of another tokenizer.
std::unique_ptr<Tokenizer> read_tokenizer(const io::Path& path);

}  // namespace weft
