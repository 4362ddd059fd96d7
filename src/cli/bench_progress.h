// The live line of a benchmark: which row is being measured, how many there are, how long it takes.
#pragma once

#include <chrono>
#include <string>

#include "cli/console.h"

namespace weft::cli {

/// "bench 3/12  gemm f32 1024x1024x1024  1 min 05 s left", cut to `width`. `elapsed` since the
/// first row began; what is left follows from the rows that are done, so the first has no estimate.
std::string bench_progress_line(int row, int rows, const std::string& name, double elapsed,
                                int width);

class BenchProgress {
 public:
  BenchProgress(const Console& console, int rows) : console_(console), rows_(rows) {}
  BenchProgress(const BenchProgress&) = delete;
  BenchProgress& operator=(const BenchProgress&) = delete;
  /// Erases the line.
  ~BenchProgress();

  void begin(const std::string& row);

 private:
  const Console& console_;
  int rows_, row_ = 0;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace weft::cli
