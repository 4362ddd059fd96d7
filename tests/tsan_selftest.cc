// Does ThreadSanitizer see into parallel_for? The OpenMP runtime is not instrumented, so this needs
// proof from both sides: `tsan_selftest race` must be reported, `tsan_selftest clean` must not.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "runtime/runtime.h"

namespace {

constexpr int64_t kTasks = 20000;

// Every task writes the same element and no lock guards it. The tasks wait for each other first, so
// that two threads write at the same time: left alone, one thread may take all of them before
// another has started. The waiting itself orders nothing (relaxed), so that it hides no race; it
// ends, too, where there is only one thread.
int64_t race(const weft::Runtime& rt) {
  std::vector<int64_t> count(1, 0);
  std::atomic<int> arrived{0};
  weft::parallel_for(rt, rt.threads, [&](int64_t, int) {
    arrived.fetch_add(1, std::memory_order_relaxed);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (arrived.load(std::memory_order_relaxed) < 2 &&
           std::chrono::steady_clock::now() < deadline) {
    }
    for (int64_t i = 0; i < kTasks; ++i) {
      count[0] += 1;
      std::atomic_signal_fence(std::memory_order_seq_cst);  // one access to memory each time
    }
  });
  return count[0];
}

// What kernels do: each task owns its rows; what follows the loop reads all of them, and a second
// loop gives the rows to other threads. Fork, join and hand-over must count as synchronisation.
int64_t clean(const weft::Runtime& rt) {
  std::vector<int64_t> rows(kTasks, 0);
  for (int round = 0; round < 3; ++round) {
    weft::parallel_for(rt, kTasks, [&](int64_t task, int) { rows[kTasks - 1 - task] += task; });
    weft::parallel_for(rt, kTasks, [&](int64_t task, int) { rows[task] -= task; });
  }
  int64_t sum = 0;
  for (const int64_t row : rows) sum += row;
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  weft::Runtime rt = weft::Runtime::best();
  rt.threads = 4;  // even on a machine with fewer cores
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "race") {
    std::printf("sum %lld\n", static_cast<long long>(race(rt)));
    return 0;
  }
  if (what == "clean") {
    const bool right = clean(rt) == 0;
    std::printf("sum %s\n", right ? "right" : "wrong");
    return right ? 0 : 1;
  }
  std::fprintf(stderr, "usage: tsan_selftest race|clean\n");
  return 2;
}
