// Does ThreadSanitizer see into parallel_for? The OpenMP runtime is not instrumented, so this needs
// proof from both sides: `tsan_selftest race` must be reported, `tsan_selftest clean` must not.
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "runtime/runtime.h"

namespace {

constexpr int64_t kTasks = 20000;

// Neighbouring tasks write the same element and no lock guards it.
int64_t race(const weft::Runtime& rt) {
  std::vector<int64_t> count(1, 0);
  weft::parallel_for(rt, kTasks, [&](int64_t, int) { count[0] += 1; });
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
