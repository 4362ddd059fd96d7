// Prompts kept in memory: the fixed evaluation batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lab/icl/sampler.h"

namespace weft::icl {

/// Prompts [0, count) of a stream, in float64. Lanes behind the last prompt hold prompts too, which
/// do not count.
class PromptBatch {
 public:
  PromptBatch(const Sampler& sampler, const Stream& stream, int64_t count);

  const PromptLayout& layout() const { return layout_; }
  int64_t count() const { return count_; }
  int64_t packs() const { return (count_ + kPack - 1) / kPack; }
  std::span<const double> numbers() const { return numbers_; }  ///< [packs, entries, kPack]
  const double* pack(int64_t p) const { return numbers_.data() + p * layout_.entries() * kPack; }

 private:
  PromptLayout layout_;
  int64_t count_;
  std::vector<double> numbers_;
};

/// The fixed evaluation batch of a setting: its eval_batch first prompts of seed eval_seed.
PromptBatch evaluation_batch(const Setting& setting, Isa isa);

/// Of the squared errors of a batch. Where heavy tails rule, the mean belongs to a few prompts
/// (spec of the lab: setting 2 with three layers), so all three are always shown.
struct LossStatistics {
  double mean = 0, median = 0;
  double clipped_mean = 0;  ///< errors above their 99 % quantile count as that
  int64_t skipped = 0;      ///< prompts whose error is not finite, left out of everything
};
/// Of y_q - prediction of each prompt; NaN where none of them is finite.
LossStatistics loss_statistics(std::span<const double> residuals);

}  // namespace weft::icl
