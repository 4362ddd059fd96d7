#include "data/batches.h"

#include <fmt/format.h>

#include <algorithm>

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

// A window needs one token more than its length, the label of the last.
[[noreturn]] void too_short(int64_t window, int64_t got, const char* set_by) {
  fail(ErrorCode::input,
       {"data", fmt::format("more than {} tokens, a window", window), std::to_string(got),
        got < 2 ? "use more text"
                : fmt::format("use more text, or {} of at most {}", set_by, got - 1)});
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
  if (split.size() <= options.time) too_short(options.time, split.size(), "a model.context");
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

EvalWindows::EvalWindows(const Corpus& corpus, Split split, Options options)
    : corpus_(&corpus), options_(options) {
  Options& o = options_;
  if (o.score == 0) o.score = o.length;
  o.longest = std::max(o.longest, o.length);
  if (o.length < 1 || o.score < 1 || o.score > o.length) {
    fail(ErrorCode::config, {"evaluation", "a length of at least 1 and a score of at most that",
                             fmt::format("length {}, score {}", o.length, o.score), ""});
  }
  // Window w reads inputs [start, start + length) and predicts one token further; its block is the
  // last `score` of what it predicts. The longest window of the first block begins the split.
  first_start_ = split.begin + o.longest - o.length;
  count_ = (split.size() - 1 - (o.longest - o.score)) / o.score;
  if (count_ < 1 || split.size() <= o.longest) too_short(o.longest, split.size(), "windows");
  if (o.max_tokens > 0) {
    count_ = std::min(count_, std::max<int64_t>(1, o.max_tokens / o.score));
  }
}

void EvalWindows::fill(int64_t first, const BatchView& out) const {
  const int64_t time = options_.length;
  const int64_t batch = static_cast<int64_t>(out.tokens.size()) / time;
  for (int64_t row = 0; row < batch; ++row) {
    const BatchView window = row_of(out, row, time);
    if (first + row >= count_) {
      fill_blank(window);
      continue;
    }
    fill_row(*corpus_, first_start_ + (first + row) * options_.score, window);
    const auto unscored = static_cast<size_t>(time - options_.score);
    std::fill_n(window.labels.begin(), unscored, kNoLabel);
  }
}

std::vector<EvalWindows> eval_windows_by_length(const Corpus& corpus, Split split,
                                                std::span<const int64_t> lengths,
                                                int64_t max_tokens) {
  if (lengths.empty()) fail(ErrorCode::config, {"evaluation", "at least one length", "none", ""});
  const auto [shortest, longest] = std::minmax_element(lengths.begin(), lengths.end());
  std::vector<EvalWindows> windows;
  for (const int64_t length : lengths) {
    windows.push_back(EvalWindows(
        corpus, split, {length, std::max<int64_t>(1, *shortest / 4), *longest, max_tokens}));
  }
  return windows;
}

}  // namespace weft
