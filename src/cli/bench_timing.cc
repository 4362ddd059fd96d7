#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "cli/bench.h"

namespace weft::cli {

Timing time_runs(const std::function<void()>& f, double seconds, int least, bool cold) {
  using Clock = std::chrono::steady_clock;
  if (!cold) f();
  std::vector<double> times;
  double total = 0;
  while (total < seconds || static_cast<int>(times.size()) < least) {
    const Clock::time_point start = Clock::now();
    f();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  const double range = times[times.size() * 3 / 4] - times[times.size() / 4];
  return {median, range / median, static_cast<int>(times.size())};
}

BenchResult timed(std::string name, const Timing& timing) {
  BenchResult r;
  r.name = std::move(name);
  r.seconds = timing.median;
  r.spread = timing.spread;
  r.runs = timing.runs;
  return r;
}

BenchResult timed(std::string name, const Timing& timing, double flops, DType type) {
  BenchResult r = timed(std::move(name), timing);
  r.gflops = r.rate = flops / timing.median * 1e-9;
  r.bound = gemm_bound(type);
  return r;
}

void require_ok(const std::vector<KernelRow>& rows) {
  for (const KernelRow& row : rows) {
    if (!row.refused.empty() || row.ok()) continue;
    fail(ErrorCode::runtime, {"bench", "kernels that agree with their reference",
                              row.op + " " + row.kernel + " " + row.dtype, "see weft check"});
  }
}

}  // namespace weft::cli
