#include "data/corpus.h"

#include <algorithm>

#include "base/error.h"

namespace weft {

// A separator stands for no text, but takes the place of a byte between files.
std::vector<int32_t> Corpus::bytes_of_ids(const Tokenizer& tokenizer) {
  std::vector<int32_t> bytes;
  for (int32_t id = 0; id < tokenizer.vocab(); ++id) {
    const bool separator = id == tokenizer.separator();
    bytes.push_back(separator ? 1 : static_cast<int32_t>(tokenizer.decode({&id, 1}).size()));
  }
  return bytes;
}

void Corpus::number_tokens() {
  int64_t at = 0, bytes = 0;
  for (Piece& piece : pieces_) {
    piece.begin = at;
    piece.end = at + static_cast<int64_t>(tokens_are_bytes_ ? piece.bytes : piece.tokens.size());
    at = piece.end + 1;
    bytes += static_cast<int64_t>(piece.bytes) + 1;
  }
  size_ = at - 1;
  if (size_ > 0) bytes_per_token_ = static_cast<double>(bytes - 1) / static_cast<double>(size_);
}

Corpus Corpus::of_text(std::string_view text, const Tokenizer& tokenizer) {
  Corpus corpus;
  corpus.separator_ = tokenizer.separator();
  corpus.tokens_are_bytes_ = false;
  corpus.bytes_of_id_ = bytes_of_ids(tokenizer);
  Piece piece;
  piece.tokens = tokenizer.encode(text);
  piece.bytes = text.size();
  corpus.pieces_.push_back(std::move(piece));
  corpus.number_tokens();
  if (corpus.size_ == 0) fail(ErrorCode::input, {"data", "text of at least one token", "none", ""});
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

void Corpus::read_piece(const Piece& piece, size_t skip, std::span<int32_t> out) const {
  if (!tokens_are_bytes_) {
    std::copy_n(piece.tokens.begin() + static_cast<ptrdiff_t>(skip), out.size(), out.begin());
    return;
  }
  const unsigned char* from = nullptr;
  if (piece.on_disk) {
    // Into the last quarter of the tokens' own memory, which is widened from the front: a byte is
    // read before the token that takes its place is written.
    const std::span<std::byte> bytes = std::as_writable_bytes(out).last(out.size());
    piece.on_disk->read(skip, bytes);
    from = reinterpret_cast<const unsigned char*>(bytes.data());
  } else {
    from = reinterpret_cast<const unsigned char*>(piece.text.text().data()) + skip;
  }
  for (size_t i = 0; i < out.size(); ++i) out[i] = from[i];
}

void Corpus::read(int64_t begin, std::span<int32_t> out) const {
  auto piece = std::upper_bound(pieces_.begin(), pieces_.end(), begin,
                                [](int64_t at, const Piece& p) { return at < p.begin; }) -
               1;
  for (size_t done = 0; done < out.size(); ++piece) {
    const int64_t at = begin + static_cast<int64_t>(done);
    const auto skip = static_cast<size_t>(at - piece->begin);
    const size_t n = std::min(out.size() - done, static_cast<size_t>(piece->end - at));
    read_piece(*piece, skip, out.subspan(done, n));
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
