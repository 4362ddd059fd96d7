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

/// Evaluation windows, in order. The tokens to predict are cut into consecutive blocks of `score`;
/// each is seen in a window of `length` inputs that ends right before the block's last token, and
/// only the block has labels. So with score = length (the default) windows lie end to end and every
/// position counts, and with a smaller score the same blocks can be measured at several lengths:
/// give each the same `score` and `longest`. A last block that is not full is left out.
class EvalWindows final : public EvalBatches {
 public:
  struct Options {
    int64_t length = 1;      ///< tokens of a window
    int64_t score = 0;       ///< positions with a label, the last of each window; 0: all
    int64_t longest = 0;     ///< the first block leaves room for a window of this length; 0: length
    int64_t max_tokens = 0;  ///< at most about so many labels (whole blocks, at least one); 0: all
  };

  /// The corpus must outlive this. Throws Error(config) at a length or score that is not positive
  /// or a score above the length, and Error(input) where not one block fits.
  EvalWindows(const Corpus& corpus, Split split, Options options);

  int64_t count() const override { return count_; }            ///< windows
  int64_t targets() const { return count_ * options_.score; }  ///< labels in all of them
  /// Writes windows [first, first + batch), batch = tokens.size() / length.
  void fill(int64_t first, const BatchView& out) const override;

 private:
  const Corpus* corpus_;
  Options options_;
  int64_t first_start_ = 0;  // in the corpus, of window 0
  int64_t count_ = 0;
};

/// One EvalWindows a length, all with the same target tokens: score is a quarter of the shortest
/// length (at least 1), so that the shortest still sees three quarters of its length before each.
std::vector<EvalWindows> eval_windows_by_length(const Corpus& corpus, Split split,
                                                std::span<const int64_t> lengths,
                                                int64_t max_tokens);

}  // namespace weft
