// Text on disk as one sequence of tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer.h"
#include "io/file.h"

namespace weft {

/// Files one after another with the separator between them. With a byte tokenizer the tokens are
/// the mapped bytes themselves; with any other the files are encoded when they are opened.
class Corpus {
 public:
  /// Files in the order given; a folder stands for all regular files below it, sorted by path,
  /// hidden and empty ones left out. Throws Error(input) at a missing or unreadable path, an empty
  /// file that was named, a folder with nothing in it, no paths, or text without a single token.
  static Corpus open(std::span<const io::Path> paths, const Tokenizer& tokenizer);
  /// One text in memory, which is encoded and not kept. Throws Error(input) where it is empty.
  static Corpus of_text(std::string_view text, const Tokenizer& tokenizer);

  int64_t size() const { return size_; }  ///< tokens, separators included
  int64_t files() const { return static_cast<int64_t>(pieces_.size()); }
  int32_t separator() const { return separator_; }
  /// Bytes of text that a token stands for on average, a separator counting as one byte; exactly 1
  /// with a byte tokenizer. bits per byte = nats per token / (ln 2 * bytes_per_token).
  double bytes_per_token() const { return bytes_per_token_; }

  /// Bytes of text that the tokens [begin, end) stand for, in the same sense.
  int64_t bytes(int64_t begin, int64_t end) const;

  /// Copies the tokens [begin, begin + out.size()), which must lie within [0, size()).
  void read(int64_t begin, std::span<int32_t> out) const noexcept;

 private:
  struct Piece {
    io::MappedFile file;
    std::vector<int32_t> tokens;  // unused where the bytes are the tokens
    int64_t begin, end;           // in the corpus; a separator stands at `end` of all but the last
  };

  static std::vector<Piece> open_pieces(std::span<const io::Path> paths,
                                        const Tokenizer& tokenizer);

  std::vector<Piece> pieces_;
  int64_t size_ = 0;
  int32_t separator_ = 0;
  bool tokens_are_bytes_ = true;
  double bytes_per_token_ = 1;
  std::vector<int32_t> bytes_of_id_;  // [vocab], where the tokens are not bytes
};

/// A range [begin, end) of the tokens of a corpus.
struct Split {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

struct Splits {
  Split train, held_out;
};

/// Holds out the last `fraction` of the tokens, rounded down. Throws Error(config) where it is not
/// in [0, 1).
Splits split_tail(const Corpus& corpus, double fraction);

}  // namespace weft
