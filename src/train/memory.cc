#include "train/memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/error.h"

namespace weft {
namespace {

double real(int64_t n) {
  return static_cast<double>(n);
}

std::string in_words(double bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit < 5; ++unit) bytes /= 1024;
  return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, kUnits[unit]);
}

}  // namespace

MemoryPlan least_memory(const ModelConfig& m, const TrainConfig& t) {
  const double dim = real(m.dim), q = real(m.heads) * real(m.head_dim), ffn = real(m.ffn);
  const double table = real(m.vocab) * dim;
  // Wirings may leave out projections of keys and values, so those are not counted.
  const double elements =
      table * (m.tie_embeddings ? 1 : 2) + real(m.layers) * (2 * q * dim + 3 * dim * ffn);
  const bool half = t.precision == DType::bf16;
  const double element = half ? 2 : 4, rows = real(t.batch) * real(m.context);
  MemoryPlan plan;
  plan.parameters = elements * (half ? 6 : 4);
  plan.gradients = elements * 4;
  plan.optimizer = elements * (t.optimizer.kind == OptimizerKind::adamw ? 8 : 4);
  // Kept from forward to backward: the block's input, q, gate and up; recomputing, the input alone.
  const double kept = t.recompute ? dim : dim + q + 2 * ffn;
  plan.activations = rows * element * kept * real(m.depth());
  plan.batches = rows * 8;
  return plan;
}

double usable_memory() {
  double usable = real(sysconf(_SC_PHYS_PAGES)) * real(sysconf(_SC_PAGESIZE));
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    double limit = 0;
    if (std::ifstream(file) >> limit && limit > 0) usable = std::min(usable, limit);
  }
  return usable;
}

ResidentMemory resident_memory() {
  ResidentMemory memory;
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double* const to = word == "VmRSS:" ? &memory.now : word == "VmHWM:" ? &memory.peak : nullptr;
    if (to != nullptr && status >> *to) *to *= 1024;  // the kernel counts in KiB
  }
  return memory;
}

void restart_resident_peak() {
  std::ofstream("/proc/self/clear_refs") << "5\n";
}

void add_snapshot(MemoryPlan& plan, double bytes, const TrainConfig& train, double usable) {
  const bool due = train.checkpoint_every > 0 && train.checkpoint_every < train.steps;
  if (due && plan.total() + bytes <= usable) plan.snapshot = bytes;
}

void check_memory(const MemoryPlan& plan, double usable) {
  if (plan.total() <= usable) return;
  fail(ErrorCode::config,
       {"train: memory", fmt::format("at most {} ({:.0f} bytes)", in_words(usable), usable),
        fmt::format("a plan of {} ({:.0f} bytes: parameters {}, gradients {}, optimizer {}, "
                    "activations {})",
                    in_words(plan.total()), plan.total(), in_words(plan.parameters),
                    in_words(plan.gradients), in_words(plan.optimizer), in_words(plan.activations)),
        "lower train.batch, model.context or the sizes of the model, or set train.recompute"});
}

}  // namespace weft
