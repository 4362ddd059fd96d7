#include "data/corpus.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/error.h"

namespace weft {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 1'000'000;

[[noreturn]] void refuse(const io::Path& path, std::string expected, std::string got,
                         std::string hint = "") {
  fail(ErrorCode::input,
       {"data: " + path.string(), std::move(expected), std::move(got), std::move(hint)});
}

bool is_hidden(const io::Path& path) {
  return path.filename().string().starts_with('.');
}

// All files below a folder that hold text, sorted by path so that the order does not depend on the
// file system.
std::vector<io::Path> files_below(const io::Path& folder) {
  std::vector<io::Path> files;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    if (is_hidden(it->path())) {
      it.disable_recursion_pending();
    } else if (it->is_regular_file(unknown) && it->file_size(unknown) > 0) {
      files.push_back(it->path());
      if (files.size() > kMostFiles) refuse(folder, "at most 1000000 files", "more");
    }
  }
  if (error) refuse(folder, "a readable folder", error.message());
  if (files.empty()) {
    refuse(folder, "a folder with text files", "none that is not empty",
           "hidden files are not read");
  }
  std::sort(files.begin(), files.end(),
            [](const io::Path& a, const io::Path& b) { return a.native() < b.native(); });
  return files;
}

std::vector<io::Path> files_at(const io::Path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    refuse(path, "a text file or a folder of them", error ? error.message() : "nothing",
           "check the path; relative ones start at the working directory");
  }
  if (fs::is_directory(status)) return files_below(path);
  return {path};
}

// A separator stands for no text, but takes the place of a byte between files.
std::vector<int32_t> bytes_of_ids(const Tokenizer& tokenizer) {
  std::vector<int32_t> bytes;
  for (int32_t id = 0; id < tokenizer.vocab(); ++id) {
    const bool separator = id == tokenizer.separator();
    bytes.push_back(separator ? 1 : static_cast<int32_t>(tokenizer.decode({&id, 1}).size()));
  }
  return bytes;
}

}  // namespace

std::vector<Corpus::Piece> Corpus::open_pieces(std::span<const io::Path> paths,
                                               const Tokenizer& tokenizer) {
  std::vector<Piece> pieces;
  for (const io::Path& path : paths) {
    for (const io::Path& file : files_at(path)) {
      Piece piece{io::MappedFile(file), {}, 0, 0};
      if (piece.file.size() == 0) {
        refuse(file, "text", "an empty file", "leave it out or name another");
      }
      if (!tokenizer.tokens_are_bytes()) piece.tokens = tokenizer.encode(piece.file.text());
      pieces.push_back(std::move(piece));
    }
  }
  return pieces;
}

Corpus Corpus::open(std::span<const io::Path> paths, const Tokenizer& tokenizer) {
  if (paths.empty()) fail(ErrorCode::input, {"data", "at least one file or folder", "none", ""});
  Corpus corpus;
  corpus.separator_ = tokenizer.separator();
  corpus.tokens_are_bytes_ = tokenizer.tokens_are_bytes();
  if (!corpus.tokens_are_bytes_) corpus.bytes_of_id_ = bytes_of_ids(tokenizer);
  corpus.pieces_ = open_pieces(paths, tokenizer);
  int64_t at = 0, bytes = 0;
  for (Piece& piece : corpus.pieces_) {
    const size_t tokens = corpus.tokens_are_bytes_ ? piece.file.size() : piece.tokens.size();
    piece.begin = at;
    piece.end = at + static_cast<int64_t>(tokens);
    at = piece.end + 1;
    bytes += static_cast<int64_t>(piece.file.size()) + 1;
  }
  if (at <= 1) refuse(paths.front(), "text of at least one token", "none");
  corpus.size_ = at - 1;
  corpus.bytes_per_token_ = static_cast<double>(bytes - 1) / static_cast<double>(at - 1);
  return corpus;
}

Corpus Corpus::of_text(std::string_view text, const Tokenizer& tokenizer) {
  Corpus corpus;
  corpus.separator_ = tokenizer.separator();
  corpus.tokens_are_bytes_ = false;
  corpus.bytes_of_id_ = bytes_of_ids(tokenizer);
  corpus.pieces_.push_back({io::MappedFile(), tokenizer.encode(text), 0, 0});
  Piece& piece = corpus.pieces_.front();
  piece.end = corpus.size_ = static_cast<int64_t>(piece.tokens.size());
  if (corpus.size_ == 0) fail(ErrorCode::input, {"data", "text of at least one token", "none", ""});
  corpus.bytes_per_token_ = static_cast<double>(text.size()) / static_cast<double>(corpus.size_);
  return corpus;
}

int64_t Corpus::bytes(int64_t begin, int64_t end) const {
  if (tokens_are_bytes_) return end - begin;
  std::vector<int32_t> ids(4096);
  int64_t sum = 0;
  for (; begin < end; begin += static_cast<int64_t>(ids.size())) {
    ids.resize(std::min(ids.size(), static_cast<size_t>(end - begin)));
    read(begin, ids);
    for (const int32_t id : ids) sum += bytes_of_id_[static_cast<size_t>(id)];
  }
  return sum;
}

void Corpus::read(int64_t begin, std::span<int32_t> out) const noexcept {
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), begin,
                                [](int64_t at, const Piece& p) { return at < p.begin; }) -
               1;
  for (size_t done = 0; done < out.size(); ++piece) {
    const int64_t at = begin + static_cast<int64_t>(done);
    const auto skip = static_cast<size_t>(at - piece->begin);
    const size_t n = std::min(out.size() - done, static_cast<size_t>(piece->end - at));
    int32_t* to = out.data() + done;
    if (tokens_are_bytes_) {
      const std::string_view text = piece->file.text().substr(skip, n);
      std::transform(text.begin(), text.end(), to,
                     [](char c) { return static_cast<unsigned char>(c); });
    } else {
      std::copy_n(piece->tokens.begin() + static_cast<ptrdiff_t>(skip), n, to);
    }
    done += n;
    if (done < out.size()) out[done++] = separator_;
  }
}

Splits split_tail(const Corpus& corpus, double fraction) {
  if (!(fraction >= 0 && fraction < 1)) {
    fail(ErrorCode::config,
         {"config: data.holdout", "a fraction from 0 to below 1", std::to_string(fraction), ""});
  }
  const auto held = static_cast<int64_t>(fraction * static_cast<double>(corpus.size()));
  if (fraction > 0 && held == 0) {
    fail(ErrorCode::config, {"config: data.holdout", "a fraction that holds out at least one token",
                             std::to_string(fraction) + " of " + std::to_string(corpus.size()),
                             "0 holds out nothing"});
  }
  const int64_t cut = corpus.size() - held;
  return {{0, cut}, {cut, corpus.size()}};
}

}  // namespace weft
