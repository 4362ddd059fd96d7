// Several wirings on one model: mixes that meet on a head are merged by fixed rules.
#pragma once

#include <string>
#include <vector>

#include "model/head_rules.h"

namespace weft {

struct Composition {
  HeadRules rules;
  std::vector<int> dropped;        ///< by wiring: rules that gave way to an alias or a blend
  std::vector<std::string> notes;  ///< the same in words
};

/// On one head: an alias wins over a blend (the follower reads its owner's final value), or, where
/// config.composition is blend-follower, the blend stays and mixes what the alias reads in the
/// place of its own value; of two aliases the coarser grouping of layers wins. Throws Error(config)
/// at two blends, at groupings of which neither refines the other, and at a raw alias beside
/// another one. The order of the wirings has no influence beyond their numbers.
Composition compose(const ModelConfig& config, const std::vector<HeadRules>& wirings,
                    const std::vector<std::string>& names);

}  // namespace weft
