// Rows of a batch, and windows of a corpus as such: drawn at random for training, in order for
// evaluation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "data/corpus.h"

namespace weft {

/// The label of a position that is not scored.
inline constexpr int32_t kNoLabel = -1;

/// Where a batch is written, row-major; its shape belongs to whoever fills it.
struct BatchView {
  std::span<int32_t> tokens;          ///< [batch, time]
  std::span<int32_t> labels;          ///< [batch, time]: the next token, or kNoLabel
  std::span<int32_t> first_key = {};  ///< [batch, time], optional: see mark_documents
};

/// What a model is trained on. Nothing is remembered between calls: any micro-batch can be made
/// again, and a step replayed without the ones before it.
class TrainBatches {
 public:
  virtual ~TrainBatches() = default;
  /// Writes micro-batch `micro` of step `step` (from 0). Throws Error(input) where a text can no
  /// longer be read.
  virtual void fill(int64_t step, int64_t micro, const BatchView& out) const = 0;
};

/// A fixed set of rows that a model is evaluated on.
class EvalBatches {
 public:
  virtual ~EvalBatches() = default;
  virtual int64_t count() const = 0;  ///< rows
  /// Writes rows from `first` on, as many as `out` holds; those past the last row are token 0
  /// without labels, so that every batch has the same shape. Throws as TrainBatches::fill.
  virtual void fill(int64_t first, const BatchView& out) const = 0;
};

/// Row `row` of `out`, whose rows are `time` long.
BatchView row_of(const BatchView& out, int64_t row, int64_t time) noexcept;
/// Token 0 everywhere, no labels.
void fill_blank(const BatchView& out) noexcept;

/// For each position of a window the position, in the same window, at which its document begins: a
/// separator belongs to the document that it opens, and what stands before the first separator
/// begins at 0. Spans are of equal length.
void mark_documents(std::span<const int32_t> tokens, int32_t separator,
                    std::span<int32_t> first_key) noexcept;

/// Training windows. Row r of micro-batch m of step s begins at a position drawn evenly from all
/// those of the split where `time` tokens and the label of the last fit, by the counter-based
/// generator named "data.windows" at index (s * accumulate + m) * batch + r: the seed alone decides
/// the order, a step can be replayed without the ones before it, and 2 x 8 rows see the data that
/// 1 x 16 see.
class TrainWindows final : public TrainBatches {
 public:
  struct Options {
    uint64_t seed = 0;
    int64_t batch = 1;       ///< rows of a micro-batch
    int64_t accumulate = 1;  ///< micro-batches of a step
    int64_t time = 1;        ///< tokens of a row
  };

  /// The corpus must outlive this. Throws Error(input) where the split is shorter than a window and
  /// its last label.
  TrainWindows(const Corpus& corpus, Split split, Options options);

  /// First token of row `row` of a micro-batch, in the corpus.
  int64_t start(int64_t step, int64_t micro, int64_t row) const noexcept;
  /// Spans are batch * time long.
  void fill(int64_t step, int64_t micro, const BatchView& out) const override;

 private:
  const Corpus* corpus_;
  Split split_;
  Options options_;
  Random random_;
};

/// What of a text is scored, and how much of it each label can see.
struct EvalOptions {
  int64_t length = 1;      ///< inputs of a window
  int64_t stride = 0;      ///< tokens from one window to the next; 0: length
  int64_t score = 0;       ///< labels of a window, its last ones; 0: all that no earlier one scored
  int64_t longest = 0;     ///< with score: of all lengths that share their labels; 0: length
  int64_t max_labels = 0;  ///< at most so many; 0: all
  int64_t width = 0;       ///< positions of a row; 0: of the longest window
};

/// Evaluation windows of a text, in order. A token is the label of the one before it, so n tokens
/// have n - 1 labels, and a window of `length` inputs has as many labels.
///
/// By `stride` a window begins every so many tokens; the first scores all of its labels and each
/// further one those that no earlier one did. So every token that has a predecessor is scored once,
/// whatever the length; the last window, or the only one of a short text, has fewer inputs.
///
/// By `score` each window scores its last so many labels, one block after another, of which the
/// last may be shorter. The first block leaves room for a window of `longest`, so that every length
/// up to it can score the same labels: the `longest - score` before them are not scored.
class EvalWindows final : public EvalBatches {
 public:
  /// The corpus must outlive this. Throws Error(config) where a number is not positive, or stride,
  /// score or width go with no such length; Error(input) where nothing can be scored.
  EvalWindows(const Corpus& corpus, Split split, const EvalOptions& options);

  int64_t count() const override { return count_; }  ///< windows
  int64_t width() const { return options_.width; }   ///< positions of a row
  int64_t labels() const { return last_ - first_; }  ///< in all windows
  /// Where the tokens that are labels lie in the corpus: without a gap.
  Split targets() const { return {split_.begin + 1 + first_, split_.begin + 1 + last_}; }
  /// Writes windows [first, first + batch), batch = tokens.size() / width(). Positions behind a
  /// window that is shorter are token 0 without labels.
  void fill(int64_t first, const BatchView& out) const override;

 private:
  void fill_window(int64_t window, const BatchView& row) const;

  const Corpus* corpus_;
  Split split_;
  EvalOptions options_;
  int64_t first_ = 0, last_ = 0;  // labels that are scored, counted from the first of the split
  int64_t count_ = 0;
};

/// Several sets of rows of one width, one after another.
class EvalSequence final : public EvalBatches {
 public:
  explicit EvalSequence(std::vector<EvalWindows> parts);
  int64_t count() const override { return count_; }
  void fill(int64_t first, const BatchView& out) const override;

 private:
  std::vector<EvalWindows> parts_;
  int64_t count_ = 0;
};

}  // namespace weft
