// Opening the files of a corpus: which they are, whether they are text, where they are kept.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "data/corpus.h"
#include "data/text_check.h"
#include "io/hash.h"
#include "io/utf8.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLarge = size_t{1} << 20;    // bytes of a file that stays on disk in large data
constexpr size_t kMostOpen = 256;             // descriptors, of the 1024 that are usual
constexpr size_t kStride = size_t{4} << 20;   // of the samples that large files are told by
constexpr size_t kSample = size_t{64} << 10;  // of them, bytes

[[noreturn]] void refuse(const io::Path& path, std::string expected, std::string got,
                         std::string hint = "") {
  fail(ErrorCode::input,
       {"data: " + path.string(), std::move(expected), std::move(got), std::move(hint)});
}

std::string hash_of(std::string_view text) {
  io::ContentHash hash;
  hash.add(text);
  return hash.hex();
}

std::string read_piece_of(const io::FilePieces& file, size_t offset, size_t bytes) {
  std::string text(std::min(bytes, file.size() - offset), '\0');
  file.read(offset, std::as_writable_bytes(std::span(text)));
  return text;
}

// Tens of gigabytes would take minutes to read, 1/64 of them seconds.
std::string hash_of(const io::FilePieces& file) {
  if (file.size() <= kLarge) return hash_of(read_piece_of(file, 0, file.size()));
  io::ContentHash hash;
  for (size_t at = 0; at < file.size(); at += kStride) {
    hash.add(read_piece_of(file, at, kSample));
  }
  const size_t last = file.size() - std::min(kSample, file.size());
  hash.add(read_piece_of(file, last, kSample));
  return std::string(kSampledHash) + hash.hex();
}

}  // namespace

/// Opens the files of a corpus.
class CorpusReader {
 public:
  CorpusReader(Corpus& corpus, const Tokenizer& tokenizer, const Corpus::Options& options)
      : corpus_(corpus), tokenizer_(tokenizer), options_(options) {}

  void read(std::span<const io::Path> paths) {
    for (const io::Path& path : paths) list(path);
    // What is text first: files that are left out must not decide where the others are kept.
    std::erase_if(listed_, [this](Listed& file) { return !meanwhile(file, &CorpusReader::judge); });
    size_t total = 0;
    for (const Listed& file : listed_) total += file.bytes;
    all_in_memory_ = !tokenizer_.tokens_are_bytes() || total <= options_.in_memory;
    for (Listed& file : listed_) meanwhile(file, &CorpusReader::take);
    for (const io::Path& folder : folders_) check_folder(folder);
    corpus_.notes_ = left_.notes();
    note_encodings();
  }

 private:
  struct Listed {
    io::Path path;
    int folder = -1;   // in folders_; -1: named by itself
    size_t bytes = 0;  // when it was judged
  };

  void list(const io::Path& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
      refuse(path, "a text file or a folder of them", error ? error.message() : "nothing",
             "check the path; relative ones start at the working directory");
    }
    if (!fs::is_directory(status)) {
      listed_.push_back({path});
      return;
    }
    const auto folder = static_cast<int>(folders_.size());
    folders_.push_back(path);
    taken_of_.push_back(0);
    for (io::Path& file : files_below(path, options_.run, left_)) {
      listed_.push_back({std::move(file), folder});
    }
  }

  // False where the step says so, or the file went away: editors and downloads make files that live
  // for a moment.
  bool meanwhile(Listed& file, bool (CorpusReader::*step)(Listed&)) {
    try {
      return (this->*step)(file);
    } catch (const Error&) {
      std::error_code ignored;
      if (file.folder < 0 || fs::exists(fs::symlink_status(file.path, ignored))) throw;
      left_.add(LeftOut::went_away, file.path);
      return false;
    }
  }

  // True: text, or whatever it is where bytes of any kind are asked for.
  bool judge(Listed& listed) {
    const io::FilePieces file(listed.path);
    listed.bytes = file.size();
    if (file.size() == 0 && listed.folder < 0) {
      refuse(listed.path, "text", "an empty file", "leave it out or name another");
    }
    if (file.size() == 0 || options_.binary) return file.size() > 0;
    std::vector<std::string> samples;
    for (const FilePiece& at : pieces_to_judge(file.size())) {
      samples.push_back(read_piece_of(file, at.offset, at.bytes));
    }
    const TextCheck check =
        check_text(std::vector<std::string_view>(samples.begin(), samples.end()));
    if (check.kind == TextKind::other && other_encodings_++ == 0) first_other_ = listed.path;
    if (check.kind != TextKind::binary) return true;
    if (listed.folder < 0) {
      refuse(listed.path, "text", check.what,
             "a model of bytes of any kind: --set data.binary=true, in eval --binary");
    }
    left_.add(LeftOut::not_text, listed.path, check.what);
    return false;
  }

  bool take(Listed& file) {
    Corpus::Piece piece;
    const bool small = file.bytes <= kLarge && in_memory_ + file.bytes <= options_.in_memory;
    std::string hash;
    if (all_in_memory_ || small) {
      piece.text = io::FileBytes(file.path);
      piece.bytes = piece.text.size();
      in_memory_ += piece.bytes;
      hash = hash_of(piece.text.text());
    } else {
      piece.on_disk.emplace(file.path, on_disk_++ < kMostOpen);
      piece.bytes = piece.on_disk->size();
      hash = hash_of(*piece.on_disk);
    }
    if (piece.bytes == 0) refuse(file.path, "text", "a file that was emptied meanwhile");
    corpus_.contents_.push_back({file.path.string(), static_cast<int64_t>(piece.bytes), hash});
    if (!tokenizer_.tokens_are_bytes()) {
      piece.tokens = tokenizer_.encode(piece.text.text());
      piece.text = {};
    }
    if (file.folder >= 0) ++taken_of_[static_cast<size_t>(file.folder)];
    corpus_.pieces_.push_back(std::move(piece));
    return true;
  }

  void check_folder(const io::Path& folder) {
    if (taken_of_[static_cast<size_t>(&folder - folders_.data())] > 0) return;
    const std::vector<std::string> left = left_.notes();
    refuse(folder, "a folder with text files", "none that is not empty",
           "hidden files are not read" + (left.empty() ? "" : "; " + left.front()));
  }

  void note_encodings() {
    if (other_encodings_ == 0) return;
    std::string note = fmt::format(
        "{} not in UTF-8, taken byte by byte: {}",
        other_encodings_ == 1 ? "1 text is" : fmt::format("{} texts are", other_encodings_),
        io::without_controls(io::to_utf8(first_other_.string())));
    if (other_encodings_ > 1) note += fmt::format(" (and {} more)", other_encodings_ - 1);
    std::replace(note.begin(), note.end(), '\n', ' ');
    corpus_.notes_.push_back(std::move(note));
  }

  Corpus& corpus_;
  const Tokenizer& tokenizer_;
  const Corpus::Options& options_;
  std::vector<Listed> listed_;
  std::vector<io::Path> folders_;
  std::vector<int64_t> taken_of_;  // files, of each folder
  LeftOutList left_;
  bool all_in_memory_ = true;
  size_t on_disk_ = 0;    // files
  size_t in_memory_ = 0;  // bytes
  int64_t other_encodings_ = 0;
  io::Path first_other_;
};

Corpus Corpus::open(std::span<const io::Path> paths, const Tokenizer& tokenizer,
                    const Options& options) {
  if (paths.empty()) fail(ErrorCode::input, {"data", "at least one file or folder", "none", ""});
  Corpus corpus;
  corpus.separator_ = tokenizer.separator();
  corpus.tokens_are_bytes_ = tokenizer.tokens_are_bytes();
  if (!corpus.tokens_are_bytes_) corpus.bytes_of_id_ = bytes_of_ids(tokenizer);
  CorpusReader(corpus, tokenizer, options).read(paths);
  corpus.number_tokens();
  if (corpus.size_ < 1) refuse(paths.front(), "text of at least one token", "none");
  return corpus;
}

}  // namespace weft
