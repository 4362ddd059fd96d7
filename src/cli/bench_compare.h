// Two runs of weft bench side by side: what changed by more than their noise.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/bench_document.h"

namespace weft::cli {

/// A row that both runs have.
struct Change {
  std::string name;
  double before = 0, now = 0;  ///< seconds
  double noise = 0;            ///< of now / before, relative

  double ratio() const { return now / before; }
  bool slower() const;
  bool faster() const;
};

/// Relative noise of the ratio of two medians: the spreads of both added up, how far apart the runs
/// measured the peak that bounds the row (clock and neighbours change between runs; of a row
/// without a bound the peak that moved most), and 3% for what neither of them sees.
double noise_of(const BenchResult& before, const Peaks& peaks_before, const BenchResult& now,
                const Peaks& peaks_now);

struct Comparison {
  std::vector<Change> changes;  ///< in the order of the new run
  std::vector<std::string> gone, added;
};
/// Rows are matched by name; of a name that comes twice the first counts.
Comparison compare(const BenchDocument& before, const BenchDocument& now);

/// The changes beyond the noise, largest first, and how many there are within it.
std::string comparison_text(const Comparison& c, const BenchDocument& before,
                            const BenchDocument& now);
nlohmann::json to_json(const Comparison& c, const BenchDocument& before);

}  // namespace weft::cli
