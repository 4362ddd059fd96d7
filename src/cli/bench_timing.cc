#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "cli/bench.h"

namespace weft::cli {
namespace {

double seconds_of(const std::function<void()>& f) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  f();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Timing summary(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  const double range = times[times.size() * 3 / 4] - times[times.size() / 4];
  return {median, range / median, static_cast<int>(times.size())};
}

}  // namespace

Timing time_runs(const std::function<void()>& f, double seconds, int least, bool cold) {
  if (!cold) f();
  std::vector<double> times;
  double total = 0;
  while (total < seconds || static_cast<int>(times.size()) < least) {
    times.push_back(seconds_of(f));
    total += times.back();
  }
  return summary(std::move(times));
}

TurnTiming time_in_turn(const std::function<void()>& f, const std::function<void()>& other,
                        double seconds, int least) {
  f(), other();
  std::vector<double> times, ratios;
  double total = 0;
  while (total < seconds || static_cast<int>(times.size()) < least) {
    times.push_back(seconds_of(f));
    const double beside = seconds_of(other);
    ratios.push_back(times.back() / beside);
    total += times.back() + beside;
  }
  return {summary(std::move(times)), summary(std::move(ratios)).median};
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
  return timed(std::move(name), timing, {flops, 0}, type);
}

BenchResult timed(std::string name, const Timing& timing, const Cost& work, DType type) {
  BenchResult r = timed(std::move(name), timing);
  r.work = work;
  r.gflops = r.rate = work.flops / timing.median * 1e-9;
  r.bound = gemm_bound(type);
  return r;
}

BenchResult timed_memory(std::string name, const Timing& timing, const Cost& work,
                         double bandwidth_gb_s) {
  BenchResult r = timed(std::move(name), timing);
  r.work = work;
  r.rate = work.bytes / timing.median * 1e-9;
  r.bound = Bound::bandwidth;
  r.bandwidth_gb_s = bandwidth_gb_s;
  return r;
}

bool has_part(const std::string& name, const std::vector<std::string>& parts) {
  return parts.empty() || std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
           return name.find(part) != std::string::npos;
         });
}

bool BenchContext::wanted(const std::string& row,
                          std::initializer_list<std::string_view> endings) const {
  const bool any = std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) {
    return has_part(row + std::string(ending), only);
  });
  if (any && begin) begin(row);
  return any && !listing;
}

void BenchContext::check(const std::function<std::vector<KernelRow>()>& rows) const {
  if (!listing) require_ok(rows());
}

void require_ok(const std::vector<KernelRow>& rows) {
  for (const KernelRow& row : rows) {
    if (!row.refused.empty() || row.ok()) continue;
    fail(ErrorCode::runtime, {"bench", "kernels that agree with their reference",
                              row.op + " " + row.kernel + " " + row.dtype, "see weft check"});
  }
}

}  // namespace weft::cli
