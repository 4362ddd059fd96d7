#include "attention/tiled.h"

#include <algorithm>

namespace weft {
namespace {

size_t aligned(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/// Hands out aligned pieces of the scratch memory; counts bytes where the base is null.
class Carver {
 public:
  explicit Carver(char* base) : base_(base) {}
  template <class E>
  E* take(int64_t n) {
    char* at = base_ == nullptr ? nullptr : base_ + used_;
    used_ += aligned(static_cast<size_t>(n) * sizeof(E));
    return reinterpret_cast<E*>(at);
  }
  size_t used() const { return used_; }

 private:
  char* base_;
  size_t used_ = 0;
};

struct TableMemory {
  int32_t *first, *count, *batch_begin;
};

TableMemory take_table(Carver& c, const AttentionProblem& p) {
  const Int rows = p.max_batch * p.max_time;
  return {c.take<int32_t>(rows), c.take<int32_t>(rows), c.take<int32_t>(p.max_batch + 1)};
}

TileTable cut(const AttentionProblem& p, const AttentionRun& run, int lanes, TableMemory memory) {
  TileTable t{memory.first, memory.count, memory.batch_begin, 0, kVectors, 1, 1, 1, false};
  t.group = group_of(p, lanes);
  t.chunks = p.heads / p.kv_heads / t.group;
  t.vectors = run.time * t.group <= lanes ? 1 : kVectors;
  const Int height = t.vectors * lanes / t.group;
  for (Int b = 0; b < run.batch; ++b) {
    memory.batch_begin[b] = static_cast<int32_t>(t.tiles);
    for (Int i = 0; i < run.time;) {
      const Int row = b * run.time + i;
      Int n = 1;
      while (n < height && i + n < run.time && document_of(run, row + n) == document_of(run, row)) {
        ++n;
      }
      memory.first[t.tiles] = static_cast<int32_t>(row);
      memory.count[t.tiles] = static_cast<int32_t>(n);
      ++t.tiles;
      i += n;
    }
  }
  memory.batch_begin[run.batch] = static_cast<int32_t>(t.tiles);
  constexpr Int kReaders = 3;  // of a block, for which a copy pays
  t.keeps_keys = run.past == 0 && t.tiles * t.chunks >= kReaders * run.batch;
  return t;
}

/// Of every thread.
void forget_keys(const AttentionProblem& p, TileShape shape, bool backward, char* threads,
                 Int stride) {
  for (Int thread = 0; thread < p.threads; ++thread) {
    TileScratch s{};
    carve(s, p, shape, backward, threads + thread * stride);
    forget_keys(s, p);
  }
}

size_t tile_bytes(const AttentionProblem& p, TileShape shape, bool backward) {
  TileScratch s{};
  return carve(s, p, shape, backward, nullptr);
}

/// Decoding is split over keys where it has fewer tasks than this for each thread.
constexpr Int kTasksOfThread = 4;
/// Blocks of keys for which a task of its own pays, and the most of a task: enough to fill the
/// lanes of a vector where there is one head.
constexpr Int kLeastOfTask = 8, kBlocksOfTask = 16;

struct ForwardMemory {
  explicit ForwardMemory(const AttentionProblem& p, TileShape shape, char* base) {
    Carver c(base);
    table = take_table(c, p);
    stride = static_cast<Int>(aligned(tile_bytes(p, shape, false)));
    threads = c.take<char>(stride * p.threads);
    const Int rows = group_of(p, shape.lanes) * most_key_heads(p, shape.lanes);
    const Int tasks = std::min<Int>(kTasksOfThread * p.threads, p.heads / rows * p.max_batch);
    part = p.sets * decode_part(p, shape);
    // Of the positions that exist and a block on either side: none begins at a document's end.
    if (p.k_past != nullptr) blocks = (p.most_capacity + p.max_time) / kBlock + 2;
    parts = c.take<float>(tasks * blocks * part);
    done = c.take<char>(tasks);
    bytes = c.used();
  }
  TableMemory table;
  char* threads;  ///< [threads, stride]
  Int stride;
  float* parts;  ///< [tasks, blocks, part] of decoding split over keys
  Int part, blocks = 0;
  char* done;  ///< [tasks]
  size_t bytes;
};

/// With one part each thread has sums of its own and writes them when an owner is done; with more,
/// every (sequence, owner, part) has, and they are added in order afterwards.
struct BackwardMemory {
  explicit BackwardMemory(const AttentionProblem& p, TileShape shape, char* base) {
    Carver c(base);
    table = take_table(c, p);
    stride = static_cast<Int>(aligned(tile_bytes(p, shape, true)));
    threads = c.take<char>(stride * p.threads);
    dk_size = round_up(p.slots * p.max_time * padded(p.head_dim, shape), 16);
    dv_size = round_up(p.slots * p.max_time * padded(p.value_dim, shape), 16);
    const Int buffers = p.parts == 1 ? p.threads : p.max_batch * p.owners * p.parts;
    sums = c.take<float>(buffers * (dk_size + dv_size));
    learned_size = p.settings.remainder == Remainder::learned ? p.heads * p.value_dim : 0;
    sink_size = p.settings.sink == Sink::key ? p.heads * p.head_dim : 0;
    learned = c.take<float>(p.max_batch * p.parts * learned_size);
    sink = c.take<float>(p.max_batch * p.parts * sink_size);
    bytes = c.used();
  }
  OwnerSums of(Int buffer, Int row) const {
    float* dk = sums + buffer * (dk_size + dv_size);
    return {dk, dk + dk_size, learned_size == 0 ? nullptr : learned + row * learned_size,
            sink_size == 0 ? nullptr : sink + row * sink_size};
  }
  TableMemory table;
  char* threads;
  Int stride;
  float* sums;  ///< [buffers, dk_size + dv_size]
  Int dk_size, dv_size;
  float* learned;  ///< [batch, parts, heads, value_dim]
  float* sink;     ///< [batch, parts, heads, head_dim]
  Int learned_size, sink_size;
  size_t bytes;
};

size_t forward_scratch(const AttentionProblem& p, const TileKernel* k) {
  return ForwardMemory(p, k->shape, nullptr).bytes;
}
size_t backward_scratch(const AttentionProblem& p, const TileKernel* k) {
  return BackwardMemory(p, k->shape, nullptr).bytes;
}

/// Decoding split over keys: every block by itself, then one after another joined. The tasks of a
/// mechanism that may stop are given ever more blocks until it does, a block for each thread first.
void forward_split(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                   const TileKernel* k, const TileTable& table, const ForwardMemory& memory,
                   Int tasks) {
  const auto scratch = [&](int thread) { return memory.threads + thread * memory.stride; };
  std::fill_n(memory.done, tasks, char{0});
  const KeyRange seen = visible_keys(p, run, 0, run.past);
  const Int blocks = std::min(memory.blocks, (seen.end - seen.begin) / kBlock + 2);  // at most
  Int from = 0, to = k->two_walks ? std::min<Int>(rt.threads, blocks) : blocks;
  for (Int left = tasks; left > 0; from = to, to = std::min(2 * to, blocks)) {
    const Int size = std::min(kBlocksOfTask, (to - from + rt.threads - 1) / rt.threads);
    const Int pieces = (to - from + size - 1) / size;
    parallel_for(rt, tasks * pieces, [&](Int n, int thread) {
      const Int task = n / pieces, begin = from + n % pieces * size;
      if (memory.done[task] != 0) return;
      k->weigh(p, run, table, task, begin, std::min(begin + size, to),
               memory.parts + (task * memory.blocks + begin) * memory.part, scratch(thread));
    });
    parallel_for(rt, tasks, [&](Int task, int thread) {
      const float* parts = memory.parts + task * memory.blocks * memory.part;
      if (memory.done[task] == 0 && k->join(p, run, table, task, to, parts, scratch(thread))) {
        memory.done[task] = 1;
      }
    });
    left = std::count(memory.done, memory.done + tasks, char{0});
  }
}

/// Whether decoding is split over keys where it has so many tasks.
bool splits(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
            const ForwardMemory& memory, Int tasks) {
  return memory.blocks > 0 && rt.threads > 1 &&
         tasks < kTasksOfThread * std::min(rt.threads, p.threads) &&  // as memory is planned
         run.past >= 2 * kBlock * kLeastOfTask;
}

/// Puts as many heads of keys and values side by side as a vector has room for, or, where that
/// leaves threads without a task, as few as give each one.
void widen_tasks(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
                 const ForwardMemory& memory, int lanes, TileTable& table) {
  const int most = most_key_heads(p, lanes);
  const Int tasks = p.kv_heads / most * table.tiles;
  table.key_heads = most;
  if (tasks >= rt.threads || splits(p, run, rt, memory, tasks)) return;
  const Int room = p.kv_heads * table.tiles / rt.threads;
  table.key_heads = divisor(p.kv_heads, std::clamp<Int>(room, 1, most));
}

void forward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
             const TileKernel* k) {
  const ForwardMemory memory(p, k->shape, run.scratch);
  TileTable table = cut(p, run, k->shape.lanes, memory.table);
  const bool decoding = decodes(run, table);
  if (decoding) widen_tasks(p, run, rt, memory, k->shape.lanes, table);
  const Int heads = p.kv_heads / table.key_heads * table.chunks, tasks = heads * table.tiles;
  if (decoding && splits(p, run, rt, memory, tasks)) {
    forward_split(p, run, rt, k, table, memory, tasks);
    return;
  }
  forget_keys(p, k->shape, false, memory.threads, memory.stride);
  // Where there are heads enough, a thread takes one whole and reads its keys alone.
  const bool whole = run.batch * heads >= kTasksOfThread * rt.threads;
  parallel_for(rt, whole ? run.batch * heads : tasks, [&](Int n, int thread) {
    const Int b = n / heads, head = n % heads;
    const Int first = whole ? head * table.tiles + table.tiles - table.batch_begin[b + 1] : n;
    const Int count = whole ? table.batch_begin[b + 1] - table.batch_begin[b] : 1;
    for (Int task = first; task < first + count; ++task) {
      k->forward(p, run, table, task, memory.threads + thread * memory.stride);
    }
  });
}

/// Sums the gradient of a parameter, parts [sequences * parts, size], over the first, in order.
void write_parameter(const AttentionProblem& p, const AttentionRun& run, int input,
                     const float* parts, Int size) {
  if (size == 0 || run.d_in[input] == nullptr) return;
  auto* out = static_cast<float*>(run.d_in[input]);
  const bool add = run.add[input] != 0;
  for (Int e = 0; e < size; ++e) {
    float sum = 0;
    for (Int n = 0; n < run.batch * p.parts; ++n) sum += parts[n * size + e];
    out[e] = add ? out[e] + sum : sum;
  }
}

void backward(const AttentionProblem& p, const AttentionRun& run, const Runtime& rt,
              const TileKernel* k) {
  const BackwardMemory memory(p, k->shape, run.scratch);
  const TileTable table = cut(p, run, k->shape.lanes, memory.table);
  forget_keys(p, k->shape, true, memory.threads, memory.stride);
  std::fill_n(memory.learned, run.batch * p.parts * memory.learned_size, 0.f);
  std::fill_n(memory.sink, run.batch * p.parts * memory.sink_size, 0.f);
  parallel_for(rt, run.batch * p.owners * p.parts, [&](Int task, int thread) {
    const Int part = task % p.parts, owner = task / p.parts % p.owners;
    const Int b = task / p.parts / p.owners;
    const OwnerSums sums = memory.of(p.parts == 1 ? thread : task, b * p.parts + part);
    std::fill_n(sums.dk, memory.dk_size + memory.dv_size, 0.f);
    k->backward(p, run, table, b, owner, part, sums, memory.threads + thread * memory.stride);
    if (p.parts == 1) k->write(p, run, b, owner, sums, 1, 0, 0, run.time);
  });
  if (p.parts > 1) {
    const Int stride = memory.dk_size + memory.dv_size;
    const Int pieces = (run.time + kBlock - 1) / kBlock;
    parallel_for(rt, run.batch * p.owners * pieces, [&](Int task, int) {
      const Int at = task / pieces, begin = task % pieces * kBlock;
      k->write(p, run, at / p.owners, at % p.owners, memory.of(at * p.parts, 0), p.parts, stride,
               begin, std::min(begin + kBlock, run.time));
    });
  }
  write_parameter(p, run, p.remainder_input, memory.learned, memory.learned_size);
  write_parameter(p, run, p.sink_input, memory.sink, memory.sink_size);
}

}  // namespace

AttentionKernel tiled_kernel(const TileKernel* tiles) {
  return {forward_scratch, backward_scratch, forward, backward, tiles};
}

}  // namespace weft
