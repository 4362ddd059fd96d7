// Text on disk as one sequence of tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/data_files.h"
#include "data/tokenizer.h"
#include "io/file.h"

namespace weft {

/// Before a hash of samples of the content.
inline constexpr std::string_view kSampledHash = "sampled:";

/// A file of a corpus as it was when it was opened.
struct DataFile {
  std::string path;
  int64_t bytes = 0;
  std::string
      hash;  ///< of the content: io::ContentHash, behind kSampledHash where not of all of it
  bool operator==(const DataFile&) const = default;
};

/// Files one after another with the separator between them. Nothing is mapped: a file that is cut
/// short or written to by another program never ends the process.
///
/// Texts of up to 256 MiB together are read into memory when they are opened, and nothing that
/// happens to the files afterwards is seen. Of more text, files above 1 MiB stay on disk, and
/// smaller ones beyond the 256 MiB, and each read takes its piece; the hash of those above 1 MiB is
/// one of 64 KiB in every 4 MiB. With a tokenizer whose tokens are no bytes, all is encoded when it
/// is opened.
class Corpus {
 public:
  struct Options {
    io::Path run = {};    ///< a run folder, no part of any data; "": none
    bool binary = false;  ///< take bytes of any kind, not text alone
    size_t in_memory = size_t{256} << 20;
  };

  /// Files in the order given; a folder stands for the files that files_below() lists, without
  /// binary ones (check_text()). Throws Error(input) at a missing or unreadable path, an empty or
  /// binary file that was named, a folder with nothing in it, no paths, or text without a single
  /// token.
  static Corpus open(std::span<const io::Path> paths, const Tokenizer& tokenizer,
                     const Options& options);
  static Corpus open(std::span<const io::Path> paths, const Tokenizer& tokenizer) {
    return open(paths, tokenizer, {});
  }
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
  /// What a user should know of how the paths were read, one line each: what was left out of
  /// folders, what is no UTF-8.
  const std::vector<std::string>& notes() const { return notes_; }
  /// In the order of the text; of a text in memory none.
  const std::vector<DataFile>& contents() const { return contents_; }

  /// Copies the tokens [begin, begin + out.size()), which must lie within [0, size()). Allocates
  /// nothing while files are in memory. Throws Error(input) where a file that stayed on disk was
  /// changed or removed.
  void read(int64_t begin, std::span<int32_t> out) const;

 private:
  struct Piece {
    io::FileBytes text;                     // the tokens, where they are bytes and in memory
    std::optional<io::FilePieces> on_disk;  // the same, where they stayed on disk
    std::vector<int32_t> tokens;            // where they are no bytes
    size_t bytes = 0;                       // of text
    int64_t begin = 0, end = 0;  // in the corpus; a separator stands at `end` of all but the last
  };
  friend class CorpusReader;

  static std::vector<int32_t> bytes_of_ids(const Tokenizer& tokenizer);
  void number_tokens();
  void read_piece(const Piece& piece, size_t skip, std::span<int32_t> out) const;

  std::vector<Piece> pieces_;
  std::vector<DataFile> contents_;
  std::vector<std::string> notes_;
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
