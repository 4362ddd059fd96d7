// Whether queries and keys of two layers mean the same thing.
#pragma once

#include <string>
#include <vector>

#include "model/axes.h"
#include "model/head_rules.h"

namespace weft {

/// Throws Error(config) where a rule on q or k reads a layer whose rotation (base, dimensions) or
/// family of mechanisms (weighing keys, keeping a state) differs. Rules must be in their final
/// form.
void check_keys(const ModelConfig& config, const Axes& axes, const HeadRules& rules,
                const std::vector<std::string>& names);
/// The same for layers that attend to another layer's keys (layout.extra_kv); their mechanism must
/// weigh keys whatever their order.
void check_extra_keys(const ModelConfig& config, const Axes& axes, const Layout& layout);

}  // namespace weft
