// What one run of weft bench measured, and where: what --json writes, --from and --compare read,
// and the tables print.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/bench.h"
#include "io/file.h"

namespace weft::cli {

struct BenchDocument {
  std::vector<BenchResult> results;
  Peaks peaks;
  std::string machine;
  int threads = 0;
  std::string date, command, version;  ///< date: "2026-11-22T01:30:05Z"
};

/// The moment, as a document has it.
std::string utc_now();

nlohmann::json to_json(const BenchDocument& document);
/// Takes also what earlier versions wrote: results[].name and .seconds and the machine's three
/// peaks are needed, everything else may be absent. Throws Error(input) naming the file at anything
/// else.
BenchDocument read_bench(const io::Path& path);

/// The rate in the unit of what bounds it: "187 GFLOP/s", "38.1 GB/s"; "" where there is none.
std::string rate_text(const BenchResult& result);
/// "12.1 ms memory": the least time that the peaks allow, and what sets it.
std::string roofline_text(const BenchResult& result, const Peaks& peaks);

/// For people: a table for each bench. Columns that do not fit into `width` are left out, the least
/// important first, and named; 0: any width.
std::string bench_text(const BenchDocument& document, size_t width);
/// The same for a page of documentation: machine, date and command, then a table for each bench.
std::string bench_markdown(const BenchDocument& document);

}  // namespace weft::cli
