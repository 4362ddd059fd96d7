// The whole of arXiv 2310.01082 re-measured: runs, figures, tables, verdicts, one report.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "io/file.h"
#include "lab/icl/reproduce_suite.h"
#include "runtime/runtime.h"

namespace weft::icl {

struct ReproduceRequest {
  Scale scale = Scale::laptop;
  io::Path out;  ///< made where it does not exist
  Runtime runtime = Runtime::best();
  std::function<void(std::string_view what, double share)> on_progress = {};
  const std::atomic<bool>* stop = nullptr;
};

struct ReproduceOutcome {
  bool stopped = false;  ///< by the flag: nothing was written
  int64_t runs = 0;
  double seconds = 0;
  std::vector<std::pair<std::string, std::string>> verdicts = {};  ///< claim, "confirmed: why"
};

/// Writes results.json, report.html and the figures as SVG into `out`. Throws Error(config) where
/// `out` holds results already, Error(runtime) where it cannot be written.
ReproduceOutcome reproduce(const ReproduceRequest& request);

}  // namespace weft::icl
