// The risk that no model beats: the Bayes predictor's, ridge regression.
#pragma once

#include "lab/icl/estimate.h"
#include "lab/icl/setting.h"

namespace weft::icl {

/// Mean of (x_q . (w - what))^2 over prompts, what = E[w | context, sigma]: with noise ridge
/// regression, without it the shortest exact fit. Over the query and the labels in closed form,
/// over the contexts by sampling. Where sigma is drawn for each prompt the predictor is told which,
/// so that the floor holds for every model. Throws Error(config) at a teacher that is not linear.
Estimate bayes_floor(const PromptLaw& law, uint64_t samples = 20000, uint64_t seed = 0);

}  // namespace weft::icl
