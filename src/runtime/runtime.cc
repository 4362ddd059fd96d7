#include "runtime/runtime.h"

#include <omp.h>
#include <sched.h>

#include <fstream>

#include "runtime/signal_guard.h"

namespace weft {

std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::generic:
      return "generic";
    case Isa::neon:
      return "neon";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512bf16:
      return "avx512bf16";
  }
  return "?";
}

std::span<const Isa> all_isas() {
  static constexpr Isa list[] = {Isa::avx512bf16, Isa::avx512, Isa::avx2, Isa::neon, Isa::generic};
  return list;
}

namespace {

#if defined(__x86_64__)
constexpr std::string_view kPlatform = "x86-64";
#elif defined(__aarch64__)
constexpr std::string_view kPlatform = "arm64";
#else
constexpr std::string_view kPlatform = "this platform";
#endif

bool built(Isa isa) {
#if defined(__x86_64__)
  return isa != Isa::neon;
#else
  return isa == kBaseIsa;
#endif
}

/// Of what is built.
bool executes(Isa isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (isa == Isa::avx512bf16) return executes(Isa::avx512) && has_bf16_dot();
  if (isa == Isa::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return isa == kBaseIsa;
}

}  // namespace

std::string refusal(Isa isa) {
  if (!built(isa)) return "not built for " + std::string(kPlatform);
  return executes(isa) ? "" : "not executed by this CPU";
}

std::vector<Isa> isas_here() {
  std::vector<Isa> here;
  for (const Isa isa : all_isas()) {
    if (refusal(isa).empty()) here.push_back(isa);
  }
  return here;
}

Isa best_isa() {
  return isas_here().front();
}

bool has_bf16_dot() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return 1;
}

std::string machine_name() {
  std::string model = "unknown CPU";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      model = line.substr(colon + 2);
      break;
    }
  }
  return model + ", " + std::to_string(available_cores()) + " cores, " +
         std::string(name_of(best_isa()));
}

Runtime Runtime::best() {
  return {available_cores(), best_isa(), {}};
}

namespace detail {

void run_tasks(int threads, int64_t tasks, TaskFn fn, void* context) noexcept {
  const SignalGuard guard;
  if (threads <= 1 || tasks <= 1 || omp_in_parallel() != 0) {
    for (int64_t i = 0; i < tasks; ++i) fn(context, i, 0);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int64_t i = 0; i < tasks; ++i) {
    const WorkerSignalGuard worker;
    fn(context, i, omp_get_thread_num());
  }
}

}  // namespace detail
}  // namespace weft
