// Prompts of any law, one at a time in float64, straight from the definitions: for oracles and
// tests, beside the vectorised sampler that training uses.
#pragma once

#include "base/random.h"
#include "lab/icl/reference.h"

namespace weft::icl::reference {

struct DrawnPrompt {
  Prompt prompt;
  Eigen::VectorXd w;  ///< [d] the teacher
  double sigma = 0;   ///< deviation of the noise on the labels of this context
};

/// Draws prompts of one law. The prompt of an index depends on (law, seed, index) alone.
class Draw {
 public:
  /// Throws Error(config) at a teacher that is not linear, and a covariance that is none.
  Draw(const PromptLaw& law, uint64_t seed);
  DrawnPrompt operator()(uint64_t index) const;

 private:
  PromptLaw law_;
  uint64_t seed_;
  Eigen::MatrixXd root_, whitener_;  ///< [d, d] Sigma^(1/2); factor of the law of w
};

}  // namespace weft::icl::reference
