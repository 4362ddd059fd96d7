#include "data/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"

namespace weft {
namespace {

// One window: tokens from `start`, the next token as the label of each position.
void fill_row(const Corpus& corpus, int64_t start, const BatchView& row) {
  corpus.read(start, row.tokens);
  std::copy(row.tokens.begin() + 1, row.tokens.end(), row.labels.begin());
  corpus.read(start + static_cast<int64_t>(row.tokens.size()), row.labels.last(1));
  if (!row.first_key.empty()) mark_documents(row.tokens, corpus.separator(), row.first_key);
}

[[noreturn]] void nothing_to_score(int64_t least, int64_t got, const std::string& hint) {
  fail(ErrorCode::input,
       {"data", fmt::format("a text of at least {} tokens", least), std::to_string(got), hint});
}

void check(const EvalOptions& o) {
  const bool possible = o.length >= 1 && o.stride >= 0 && o.stride <= o.length && o.score >= 0 &&
                        o.score <= o.length && (o.stride == 0 || o.score == 0) &&
                        o.max_labels >= 0 && (o.width == 0 || o.width >= o.length);
  if (possible) return;
  fail(ErrorCode::config,
       {"evaluation", "a length of at least 1, and a stride or a score of at most that",
        fmt::format("length {}, stride {}, score {}", o.length, o.stride, o.score)});
}

}  // namespace

BatchView row_of(const BatchView& out, int64_t row, int64_t time) noexcept {
  const auto part = [&](std::span<int32_t> matrix) {
    return matrix.empty()
               ? matrix
               : matrix.subspan(static_cast<size_t>(row * time), static_cast<size_t>(time));
  };
  return {part(out.tokens), part(out.labels), part(out.first_key)};
}

void fill_blank(const BatchView& out) noexcept {
  std::fill(out.tokens.begin(), out.tokens.end(), 0);
  std::fill(out.labels.begin(), out.labels.end(), kNoLabel);
  std::fill(out.first_key.begin(), out.first_key.end(), 0);
}

void mark_documents(std::span<const int32_t> tokens, int32_t separator,
                    std::span<int32_t> first_key) noexcept {
  int32_t begin = 0;
  for (size_t t = 0; t < tokens.size(); ++t) {
    if (tokens[t] == separator) begin = static_cast<int32_t>(t);
    first_key[t] = begin;
  }
}

TrainWindows::TrainWindows(const Corpus& corpus, Split split, Options options)
    : corpus_(&corpus), split_(split), options_(options), random_(options.seed, "data.windows") {
  for (const int64_t n : {options.batch, options.accumulate, options.time}) {
    if (n < 1) {
      fail(ErrorCode::config,
           {"config: train", "batch, accumulate and context of at least 1", std::to_string(n), ""});
    }
  }
  if (split.size() > options.time) return;
  // A window needs one token more than its length, the label of the last.
  fail(ErrorCode::input,
       {"data", fmt::format("more than {} tokens, a window", options.time),
        std::to_string(split.size()),
        split.size() < 2
            ? "use more text"
            : fmt::format("use more text, or a model.context of at most {}", split.size() - 1)});
}

int64_t TrainWindows::start(int64_t step, int64_t micro, int64_t row) const noexcept {
  const int64_t index = (step * options_.accumulate + micro) * options_.batch + row;
  const auto places = static_cast<uint64_t>(split_.size() - options_.time);
  return split_.begin + static_cast<int64_t>(random_.below(static_cast<uint64_t>(index), places));
}

void TrainWindows::fill(int64_t step, int64_t micro, const BatchView& out) const {
  for (int64_t row = 0; row < options_.batch; ++row) {
    fill_row(*corpus_, start(step, micro, row), row_of(out, row, options_.time));
  }
}

EvalWindows::EvalWindows(const Corpus& corpus, Split split, const EvalOptions& options)
    : corpus_(&corpus), split_(split), options_(options) {
  EvalOptions& o = options_;
  check(o);
  const int64_t labels = split.size() - 1;
  if (labels < 1) nothing_to_score(2, split.size(), "use more text");
  if (o.score > 0) {
    first_ = std::max(o.longest, o.length) - o.score;
    if (labels <= first_) {
      nothing_to_score(
          first_ + 2, split.size(),
          fmt::format("the first {} labels of windows of {} are not scored; use more text, "
                      "shorter lengths or a larger score",
                      first_, first_ + o.score));
    }
  }
  last_ = o.max_labels > 0 ? std::min(labels, first_ + o.max_labels) : labels;
  if (o.stride == 0) o.stride = o.score > 0 ? o.score : o.length;
  const int64_t further = o.score > 0 ? last_ - first_ : std::max<int64_t>(0, last_ - o.length);
  count_ = (further + o.stride - 1) / o.stride + (o.score > 0 ? 0 : 1);
  if (o.width == 0) o.width = std::min(o.length, last_);
}

void EvalWindows::fill_window(int64_t window, const BatchView& row) const {
  const EvalOptions& o = options_;
  // Inputs and labels have the same numbers: input i is the token before label i.
  const int64_t begin = (o.score > 0 ? first_ + o.score - o.length : 0) + window * o.stride;
  const int64_t end = std::min(begin + o.length, last_);
  int64_t scored = begin;
  if (o.score > 0) scored = first_ + window * o.score;
  if (o.score == 0 && window > 0) scored = begin - o.stride + o.length;
  const auto size = static_cast<size_t>(end - begin);
  fill_blank(row);
  fill_row(*corpus_, split_.begin + begin, row_of(row, 0, end - begin));
  std::fill_n(row.labels.begin(), static_cast<size_t>(scored - begin), kNoLabel);
  // What lies behind the text belongs to its last document: first keys never go back.
  if (!row.first_key.empty()) {
    std::fill(row.first_key.begin() + static_cast<ptrdiff_t>(size), row.first_key.end(),
              row.first_key[size - 1]);
  }
}

void EvalWindows::fill(int64_t first, const BatchView& out) const {
  const int64_t batch = static_cast<int64_t>(out.tokens.size()) / options_.width;
  for (int64_t row = 0; row < batch; ++row) {
    const BatchView window = row_of(out, row, options_.width);
    first + row < count_ ? fill_window(first + row, window) : fill_blank(window);
  }
}

EvalSequence::EvalSequence(std::vector<EvalWindows> parts) : parts_(std::move(parts)) {
  if (parts_.empty()) fail(ErrorCode::config, {"evaluation", "at least one text", "none"});
  for (const EvalWindows& part : parts_) count_ += part.count();
}

void EvalSequence::fill(int64_t first, const BatchView& out) const {
  const int64_t width = parts_.front().width();
  const int64_t rows = static_cast<int64_t>(out.tokens.size()) / width;
  fill_blank(out);
  auto part = parts_.begin();
  for (int64_t row = 0; row < rows; ++row) {
    for (; part != parts_.end() && first + row >= part->count(); ++part) first -= part->count();
    if (part == parts_.end()) return;
    part->fill(first + row, row_of(out, row, width));
  }
}

}  // namespace weft
