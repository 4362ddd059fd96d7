// The mixes of a layout as lines of text, layers with the same formula joined.
#pragma once

#include <string>
#include <vector>

#include "model/config.h"
#include "model/layout.h"

namespace weft {

/// Where the coefficient of a term begins; that of a constant one is its value.
double first_coefficient(const Layout& layout, const Term& term);

/// "v[3]", "k[1]"; the embedding is "y[-1]".
std::string spelled(const Tap& tap);
/// "0-2,5": ascending numbers, neighbours joined; "-" where there are none.
std::string ranges(const std::vector<int>& numbers);
/// "v[3] = 0.5 v[0] + 0.5 v[3]". Learned coefficients stand in parentheses, with their first value,
/// "(0.5)", the complement of one as "(1-0.5)"; where they differ among the layers of a line as
/// "(0.3 to 0.6)". "raw" is what the block computes, where a mix is written on that tap as well.
std::string formula(const ModelConfig& config, const Layout& layout, const ResolvedMix& mix);

struct FormulaLine {
  std::string text;         ///< "v[l] = 0.5 v[0] + 0.5 v[l]"
  std::vector<int> layers;  ///< for which it holds, ascending
};
/// By port, then by the first layer; layers that attend to further keys and values come last. Sums
/// of many terms are summarised; g is a gate, a number for each token and head.
std::vector<FormulaLine> formulas(const ModelConfig& config, const Layout& layout);

}  // namespace weft
