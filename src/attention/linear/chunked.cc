// Runs the chunk kernels: one task a sequence and key/value head (owner in the backward).
#include "attention/linear/chunked.h"

#include <algorithm>

#include "attention/linear/reference.h"
#include "attention/linear/scratch.h"
#include "simd/isa.h"

namespace weft {

#define WEFT_DECLARE(isa)                       \
  namespace isa {                               \
  const ChunkKernel& linear_chunks(DType type); \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

namespace {

MomentumTables tables_of(const AttentionProblem& p) {
  const double mu = recurrence_of(p.settings).momentum;
  MomentumTables t{};
  double power = 1, gain = 0;
  for (Int n = 0; n <= kChunk; ++n) {
    t.power[n] = static_cast<float>(power);
    t.gain[n] = static_cast<float>(gain);
    if (n < kChunk) t.weight[kChunk - 1 - n] = static_cast<float>(1 + gain);
    power *= mu;
    gain += power;
  }
  return t;
}

size_t chunk_bytes(const AttentionProblem& p, int lanes, bool backward) {
  LinearScratch s{};
  return carve(s, p, lanes, backward, nullptr);
}

/// What a thread holds in the backward: the sums of an owner, then the scratch of its chunks.
struct ThreadMemory {
  ThreadMemory(const AttentionProblem& p, int lanes)
      : dk(p.slots * p.max_time * round_up(p.head_dim, lanes)),
        sums(round_up(dk + p.slots * p.max_time * round_up(p.value_dim, lanes), 16)),
        bytes(static_cast<size_t>(sums) * sizeof(float) + chunk_bytes(p, lanes, true)) {}
  Int dk, sums;  ///< floats
  size_t bytes;
};

template <const ChunkKernel& (*kChunks)(DType), DType kType>
struct Chunked {
  static size_t forward_scratch(const AttentionProblem& p, const TileKernel*) {
    return static_cast<size_t>(p.threads) * chunk_bytes(p, kChunks(kType).lanes, false);
  }
  static size_t backward_scratch(const AttentionProblem& p, const TileKernel*) {
    return static_cast<size_t>(p.threads) * ThreadMemory(p, kChunks(kType).lanes).bytes;
  }
  static void forward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                      const TileKernel*) {
    const ChunkKernel& kernel = kChunks(kType);
    const MomentumTables tables = tables_of(p);
    const size_t bytes = chunk_bytes(p, kernel.lanes, false);
    parallel_for(rt, run.batch * p.kv_heads, [&](Int task, int thread) {
      kernel.forward(p, run, tables, task / p.kv_heads, task % p.kv_heads,
                     run.scratch + static_cast<size_t>(thread) * bytes);
    });
  }
  static void backward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                       const TileKernel*) {
    const ChunkKernel& kernel = kChunks(kType);
    const MomentumTables tables = tables_of(p);
    const ThreadMemory memory(p, kernel.lanes);
    parallel_for(rt, run.batch * p.owners, [&](Int task, int thread) {
      char* mine = run.scratch + static_cast<size_t>(thread) * memory.bytes;
      auto* dk = reinterpret_cast<float*>(mine);
      const OwnerSums sums{dk, dk + memory.dk, nullptr, nullptr};
      std::fill_n(dk, memory.sums, 0.f);
      const Int b = task / p.owners, owner = task % p.owners;
      kernel.backward(p, run, tables, b, owner, sums, mine + sizeof(float) * memory.sums);
      kernel.write(p, run, b, owner, sums);
    });
  }
  static AttentionKernel kernel() {
    return {forward_scratch, backward_scratch, forward, backward, nullptr};
  }
};

template <const ChunkKernel& (*kChunks)(DType)>
AttentionKernel chunked_kernel(DType type) {
  return type == DType::bf16 ? Chunked<kChunks, DType::bf16>::kernel()
                             : Chunked<kChunks, DType::f32>::kernel();
}

template <class T>
AttentionKernel reference_of() {
  using R = LinearReference<T>;
  return {R::forward_scratch, R::backward_scratch, R::forward, R::backward, nullptr};
}
AttentionKernel reference_kernel(DType type) {
  return type == DType::f64   ? reference_of<double>()
         : type == DType::f32 ? reference_of<float>()
                              : reference_of<bf16>();
}

}  // namespace

std::span<const Kernel<AttentionKernelOf>> chunked_kernels() {
#define WEFT_ENTRY(isa) \
  {{#isa, Isa::isa, {DType::f32, DType::bf16}}, chunked_kernel<isa::linear_chunks>},
  static const Kernel<AttentionKernelOf> list[] = {WEFT_FOR_EACH_ISA(WEFT_ENTRY){
      {"ref", Isa::generic, {DType::f64, DType::f32, DType::bf16}}, reference_kernel}};
#undef WEFT_ENTRY
  return list;
}

}  // namespace weft
