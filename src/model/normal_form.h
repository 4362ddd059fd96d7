// The normal form of rules: terms that vanish are dropped, constant terms on one tensor are merged,
// a rule that says no more than "the block's own value" is deleted. So a neutral setting is the
// plain stack.
#pragma once

#include <string>
#include <vector>

#include "model/head_intervals.h"

namespace weft {

/// The tensor behind a tap of one head, followed through the aliases in `rules`.
HeadTensor follow(const HeadRules& rules, const HeadTap& tap, bool raw);
/// The tensor that `term` of the rule on `destination` reads.
HeadTensor source_of(const HeadIntervals& heads, const HeadRules& rules, const HeadTap& destination,
                     const Term& term);

/// Of one wiring, before it meets others: merges only what is spelled alike. `name` for messages.
/// Throws Error(config) where a rule has no term left.
void normalise_alone(const HeadIntervals& heads, HeadRules& rules, const std::string& name);
/// Of all wirings together: aliases are followed, and sources are rewritten to the tensor in the
/// end (raw: the block's own; not raw: the output of a mix). Returns how many rules vanished, by
/// wiring.
std::vector<int> normalise_together(const HeadIntervals& heads, HeadRules& rules,
                                    const std::vector<std::string>& names);

}  // namespace weft
