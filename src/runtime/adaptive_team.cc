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

/// A region that takes one thread so long, in seconds, has tasks long enough for any team.
constexpr double kLong = 0.1;

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

/// A region that one thread begins, and leaves to others where it takes too long.
struct AdaptiveTeam::Alone {
  detail::TaskFn fn;
  void* context;
  double until;
  int64_t done = 0;
  bool late = false;

  static void run(void* self, int64_t task, int thread) {
    Alone& a = *static_cast<Alone*>(self);
    if (a.late) return;
    a.fn(a.context, task, thread);
    a.done = task + 1;
    a.late = wall_clock() >= a.until;
  }
  static void run_rest(void* self, int64_t task, int thread) {
    const Alone& a = *static_cast<Alone*>(self);
    a.fn(a.context, a.done + task, thread);
  }
};

AdaptiveTeam::AdaptiveTeam(int most)
    : most_(most),
      policy_(most),
      size_(policy_.size()),
      shares_(static_cast<size_t>(most)),
      clock_cost_(cost_of_thread_clock()) {}

void AdaptiveTeam::run(int threads, int64_t tasks, detail::TaskFn fn, void* context) noexcept {
  if (threads <= 1 || tasks <= 1 || omp_in_parallel() != 0) {
    detail::run_tasks(1, tasks, fn, context);
    return;
  }
  const double start = wall_clock();
  if (threads == most_ && start >= due_.load(std::memory_order_relaxed) &&
      !measuring_.test_and_set(std::memory_order_acquire)) {
    if (policy_.size() > 1) policy_.limit(startable());
    policy_.size() > 1 ? measure_team(start, tasks, fn, context)
                       : measure_alone(start, tasks, fn, context);
    size_.store(policy_.size(), std::memory_order_relaxed);
    due_.store(policy_.due(), std::memory_order_relaxed);
    measuring_.clear(std::memory_order_release);
  } else if (size() > 1) {
    detail::run_tasks(std::min(threads, size()), tasks, fn, context);
  } else {
    Alone alone{fn, context, start + kLong};
    detail::run_tasks(1, tasks, Alone::run, &alone);
    finish(threads, tasks, alone);
  }
}

void AdaptiveTeam::finish(int threads, int64_t tasks, Alone& alone) noexcept {
  if (alone.done == tasks) return;
  detail::run_tasks(std::min(threads, startable()), tasks - alone.done, Alone::run_rest, &alone);
}

int AdaptiveTeam::startable() noexcept {
  int threads = startable_.load(std::memory_order_relaxed);
  if (threads == 0) {
    threads = startable_threads(most_);
    startable_.store(threads, std::memory_order_relaxed);
  }
  return threads;
}

void AdaptiveTeam::measure_alone(double start, int64_t tasks, detail::TaskFn fn,
                                 void* context) noexcept {
  Alone alone{fn, context, start + kLong};
  const double begin = thread_clock();
  detail::run_tasks(1, tasks, Alone::run, &alone);
  const double work = thread_clock() - begin, end = wall_clock();
  policy_.ran(end, std::max(end - start, 1e-9), work);
  finish(most_, tasks, alone);
}

void AdaptiveTeam::measure_team(double start, int64_t tasks, detail::TaskFn fn,
                                void* context) noexcept {
  std::fill(shares_.begin(), shares_.end(), Share{});
  Measured measured{fn, context, shares_.data()};
  detail::run_tasks(policy_.size(), tasks, Measured::run, &measured);
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
}

}  // namespace weft
