// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace weft {

/// Filters act in this order: repetition penalty, temperature, top-k, top-p, min-p.
struct SamplerOptions {
  double temperature = 1;  ///< 0: greedy, the other filters but the penalty have no say
  int64_t top_k = 0;       ///< keep the k likeliest; 0: all
  double top_p = 1;        ///< keep the likeliest tokens until their sum reaches p, in (0, 1]
  double min_p = 0;        ///< drop what is less likely than min_p times the likeliest
  double repetition_penalty = 1;  ///< of tokens seen before: logit / r where positive, else * r
                                  ///< (arXiv 1909.05858)
  uint64_t seed = 0;
  int64_t known = 0;  ///< ids below it only are drawn, whatever the others' logits: those that the
                      ///< tokenizer knows, where a vocabulary is padded; 0: all
};

/// Draws tokens. The draw at `index` depends on the seed, the index and the logits alone, so equal
/// prompts give equal text whatever else was sampled. Ties are broken towards the smaller id.
class Sampler {
 public:
  /// Throws Error(usage) naming the option that is out of range.
  explicit Sampler(const SamplerOptions& options);

  /// The token that follows. `logits` [vocab]; `seen`: tokens that the penalty applies to, each
  /// in [0, vocab); `index`: position of the new token in its sequence. Throws Error(runtime) where
  /// a logit is NaN or none of a known id is finite.
  int32_t next(std::span<const double> logits, std::span<const int32_t> seen, uint64_t index);
  /// What next() draws from: probabilities [vocab], summing to one; those of ids that are not known
  /// are 0.
  std::vector<double> distribution(std::span<const double> logits, std::span<const int32_t> seen);

 private:
  struct Candidate {
    int32_t token;
    double weight;  // logit, then probability relative to the likeliest
  };
  void gather(std::span<const double> logits, std::span<const int32_t> seen);
  void penalise(std::span<const int32_t> seen);
  void filter();
  void keep_top_p();

  SamplerOptions options_;
  Random random_;
  std::vector<Candidate> candidates_;  // likeliest first after filter()
};

}  // namespace weft
