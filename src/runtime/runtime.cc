#include "runtime/runtime.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

#include "runtime/adaptive_team.h"
#include "runtime/cpu_quota.h"
#include "runtime/signal_guard.h"
#include "runtime/thread_limit.h"

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
  // The kernel refuses a set that is too small for the machine.
  for (size_t cpus = CPU_SETSIZE; cpus <= size_t{1} << 20; cpus *= 2) {
    std::vector<cpu_set_t> set((cpus + CPU_SETSIZE - 1) / CPU_SETSIZE);
    const size_t bytes = set.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, set.data()) == 0) return CPU_COUNT_S(bytes, set.data());
  }
  return 1;
}

int useful_threads() {
  const int cores = available_cores();
  const double quota = std::ceil(cpu_quota().value_or(cores));
  return static_cast<int>(std::clamp<double>(quota, 1, cores));
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
  const int cores = available_cores();
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  std::string name = model + ", " + std::to_string(cores);
  if (online > cores) name += " of " + std::to_string(online);
  name += " cores";
  if (const auto quota = cpu_quota(); quota && *quota < cores) {
    std::ostringstream cpus;
    cpus << *quota;
    name += " (a quota of " + cpus.str() + ")";
  }
  return name + ", " + std::string(name_of(best_isa()));
}

Runtime Runtime::best() {
  return {useful_threads(), best_isa(), {}, {}};
}

Runtime Runtime::adaptive(int threads) {
  return {threads, best_isa(), {}, threads > 1 ? std::make_shared<AdaptiveTeam>(threads) : nullptr};
}

Runtime Runtime::whole() const {
  Runtime all = *this;
  if (team != nullptr) all.threads = startable_threads(threads);
  all.team = nullptr;
  return all;
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

void run_tasks(const Runtime& rt, int64_t tasks, TaskFn fn, void* context) noexcept {
  if (rt.team != nullptr) {
    rt.team->run(rt.threads, tasks, fn, context);
  } else {
    run_tasks(rt.threads, tasks, fn, context);
  }
}

}  // namespace detail
}  // namespace weft
