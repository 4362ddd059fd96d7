// What a computation runs on: threads and instruction set. One object, handed down; no globals.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace weft {

/// Instruction sets that kernels are compiled for, weakest first. `neon` is what every arm64
/// machine executes, `generic` what the compiler targets without flags elsewhere (SSE2 on x86-64);
/// avx512bf16 adds the dot product of bf16 pairs, which attention is compiled for.
enum class Isa : uint8_t { generic, neon, avx2, avx512, avx512bf16 };

/// What every machine of this build executes.
#if defined(__aarch64__)
inline constexpr Isa kBaseIsa = Isa::neon;
#else
inline constexpr Isa kBaseIsa = Isa::generic;
#endif

std::string_view name_of(Isa isa);
/// All of them, strongest first.
std::span<const Isa> all_isas();
/// Why this build on this machine has no kernels of the instruction set ("not built for x86-64");
/// empty: it has.
std::string refusal(Isa isa);
/// Those that have them, strongest first.
std::vector<Isa> isas_here();
/// The strongest instruction set that this machine executes and this build holds.
Isa best_isa();
/// True where the CPU multiplies bf16 natively (AVX512_BF16); elsewhere f32 stands in for it.
bool has_bf16_dot();
/// "AMD EPYC, 2 cores, avx512bf16": for tables of measurements.
std::string machine_name();
/// Cores that this process may run on.
int available_cores();
/// Threads that its share of the machine has work for: a core each, and no more than the quota of
/// its control groups, rounded up.
int useful_threads();

class AdaptiveTeam;

struct Runtime {
  int threads = 1;
  Isa isa = kBaseIsa;       ///< the strongest that kernels may use
  std::string kernel = {};  ///< take only kernels of this name (and `ref`); empty: the fastest
  /// Takes fewer of the threads while others want their cores; null: always all of them.
  std::shared_ptr<AdaptiveTeam> team = {};

  /// All useful threads, the best instruction set.
  static Runtime best();
  /// The best instruction set, and a team of at most `threads` that gives way to other programs.
  static Runtime adaptive(int threads);
  /// The same without giving way, for measurements: those of its threads that can be had.
  Runtime whole() const;
};

namespace detail {
using TaskFn = void (*)(void* context, int64_t task, int thread);
void run_tasks(int threads, int64_t tasks, TaskFn fn, void* context) noexcept;
/// The same on rt.threads, or those of its team.
void run_tasks(const Runtime& rt, int64_t tasks, TaskFn fn, void* context) noexcept;
}  // namespace detail

/// Calls f(task, thread) for every task in [0, tasks), thread in [0, rt.threads). Tasks are handed
/// out dynamically in increasing order, so long ones should come first; a result must not depend on
/// which thread ran what. Inside a task it runs serially. f must not throw. Signals wait meanwhile.
template <class F>
void parallel_for(const Runtime& rt, int64_t tasks, F&& f) noexcept {
  using Fn = std::remove_reference_t<F>;
  detail::run_tasks(
      rt, tasks,
      [](void* context, int64_t task, int thread) { (*static_cast<Fn*>(context))(task, thread); },
      const_cast<std::remove_const_t<Fn>*>(&f));
}

}  // namespace weft
