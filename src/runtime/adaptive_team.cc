#include "runtime/adaptive_team.h"

#include <omp.h>

#include <algorithm>
#include <ctime>

#include "runtime/thread_limit.h"

namespace weft {
namespace {

double seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}
double wall_clock() {
  return seconds(CLOCK_MONOTONIC);
}
double thread_clock() {
  return seconds(CLOCK_THREAD_CPUTIME_ID);
}

/// Some 0.3 us in a virtual machine, as much as a small task.
double cost_of_thread_clock() {
  double least = 1;
  for (int i = 0; i < 8; ++i) {
    const double start = wall_clock();
    thread_clock();
    least = std::min(least, wall_clock() - start);
  }
  return least;
}

}  // namespace

struct AdaptiveTeam::Measured {
  detail::TaskFn fn;
  void* context;
  Share* shares;

  static void run(void* self, int64_t task, int thread) {
    const Measured& m = *static_cast<Measured*>(self);
    Share& share = m.shares[thread];
    if (share.tasks++ == 0) share.begin = thread_clock();
    m.fn(m.context, task, thread);
    share.end = thread_clock();
  }
};

AdaptiveTeam::AdaptiveTeam(int most)
    : most_(most),
      policy_(most),
      size_(policy_.size()),
      shares_(static_cast<size_t>(most)),
      clock_cost_(cost_of_thread_clock()) {}

void AdaptiveTeam::run(int threads, int64_t tasks, detail::TaskFn fn, void* context) noexcept {
  const bool measurable = threads == most_ && threads > 1 && tasks > 1 && omp_in_parallel() == 0;
  if (measurable && wall_clock() >= due_.load(std::memory_order_relaxed) &&
      !measuring_.test_and_set(std::memory_order_acquire)) {
    run_measured(tasks, fn, context);
    measuring_.clear(std::memory_order_release);
    return;
  }
  detail::run_tasks(std::min(threads, size()), tasks, fn, context);
}

void AdaptiveTeam::run_measured(int64_t tasks, detail::TaskFn fn, void* context) noexcept {
  if (policy_.size() > 1 && !started_) {
    started_ = true;
    policy_.limit(startable_threads(policy_.size()));
  }
  std::fill(shares_.begin(), shares_.end(), Share{});
  Measured measured{fn, context, shares_.data()};
  const double start = wall_clock();
  if (policy_.size() == 1) {
    shares_[0].begin = thread_clock();
    detail::run_tasks(1, tasks, fn, context);
    shares_[0].end = thread_clock();
    shares_[0].tasks = 1;
  } else {
    detail::run_tasks(policy_.size(), tasks, Measured::run, &measured);
  }
  const double end = wall_clock();
  double work = 0;
  for (const Share& share : shares_) {
    if (share.tasks == 0) continue;
    // Of the reads, all but half the first and half the last are within.
    const double reads = static_cast<double>(share.tasks) * clock_cost_;
    work += std::max(0.0, share.end - share.begin - reads);
  }
  const double reads = static_cast<double>(shares_[0].tasks + 1) * clock_cost_;
  policy_.ran(end, std::max(end - start - reads, 1e-9), work);
  size_.store(policy_.size(), std::memory_order_relaxed);
  due_.store(policy_.due(), std::memory_order_relaxed);
}

}  // namespace weft
