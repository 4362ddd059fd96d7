// A team of threads that is smaller while other programs want its cores.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "runtime/runtime.h"
#include "runtime/team_size.h"

namespace weft {

/// Runs regions of tasks with as many threads as pay (TeamSize) and as the system lets it have,
/// measuring a few of them. Several threads of a program may call it at once: one of them measures.
class AdaptiveTeam {
 public:
  explicit AdaptiveTeam(int most);

  /// As detail::run_tasks() with at most `threads` of them; measured where these are all.
  void run(int threads, int64_t tasks, detail::TaskFn fn, void* context) noexcept;
  /// Threads that the next region takes.
  int size() const { return size_.load(std::memory_order_relaxed); }

 private:
  /// Processor time of a thread, from its first task of a region to the end of its last.
  struct alignas(64) Share {
    double begin = 0, end = 0;
    int64_t tasks = 0;
  };
  struct Measured;
  struct Alone;

  void measure_team(double start, int64_t tasks, detail::TaskFn fn, void* context) noexcept;
  void measure_alone(double start, int64_t tasks, detail::TaskFn fn, void* context) noexcept;
  void finish(int threads, int64_t tasks, Alone& alone) noexcept;
  int startable() noexcept;

  int most_;
  std::atomic<int> startable_{0};  ///< threads that can be had; 0: not tried yet
  TeamSize policy_;
  std::atomic<int> size_;
  std::atomic<double> due_{0};
  std::atomic_flag measuring_ = ATOMIC_FLAG_INIT;  ///< held by the one that measures
  std::vector<Share> shares_;                      ///< [most]
  double clock_cost_;                              ///< seconds of reading a thread's clock
};

}  // namespace weft
