#include "runtime/peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/buffer.h"
#include "runtime/gemm.h"

namespace weft {
namespace {

constexpr size_t kReadBytes = size_t{256} << 20;
constexpr size_t kReadBlock = size_t{1} << 20;  // one task

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Ones in every element, written by the threads that will read them.
void fill_ones(const Runtime& runtime, const Buffer& buffer, DType type) {
  const uint32_t one = type == DType::bf16 ? 0x3f803f80u : 0x3f800000u;
  auto* words = static_cast<uint32_t*>(buffer.data());
  const auto count = static_cast<int64_t>(buffer.size() / 4), block = int64_t{1} << 16;
  parallel_for(runtime, (count + block - 1) / block, [&](int64_t task, int) {
    std::fill(words + task * block, words + std::min((task + 1) * block, count), one);
  });
}

/// Sum of the words of one block, in eight chains, so that memory is what bounds it.
uint64_t sum_words(const std::byte* from, size_t bytes) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 64 <= bytes; i += 64) {
    uint64_t words[8];
    std::memcpy(words, from + i, sizeof words);
    for (int j = 0; j < 8; ++j) sums[j] += words[j];
  }
  uint64_t total = 0;
  for (const uint64_t s : sums) total += s;
  return total;
}

}  // namespace

double measure_gemm_peak(const Runtime& runtime, DType type, double seconds) {
  const double end = now() + seconds;
  double best = 0;
  for (const int64_t size : {1024, 2048, 4096}) {
    const GemmSpec spec{.m = size, .n = size, .k = size, .in = type};
    if (best > 0 && now() + 2 * spec.flops() / best > end) break;
    const Gemm gemm(spec, runtime);
    const auto elements = static_cast<size_t>(size * size);
    const Buffer a(elements * size_of(type)), b(elements * size_of(type)),
        c(elements * sizeof(float)), scratch(gemm.scratch_bytes());
    fill_ones(runtime, a, type);
    fill_ones(runtime, b, type);
    gemm.run(a.data(), b.data(), c.data(), size, false, scratch.data());
    const double stop = std::min(end, now() + seconds / 2);
    do {
      const double start = now();
      gemm.run(a.data(), b.data(), c.data(), size, false, scratch.data());
      best = std::max(best, spec.flops() / (now() - start));
    } while (now() + spec.flops() / best < stop);
  }
  return best / 1e9;
}

double measure_bandwidth(const Runtime& runtime, double seconds) {
  const Buffer buffer(kReadBytes);
  fill_ones(runtime, buffer, DType::f32);
  std::vector<uint64_t> sums(kReadBytes / kReadBlock);
  const double end = now() + seconds;
  double best = 0;
  volatile uint64_t seen = 0;  // so that the reads are not left out
  do {
    const double start = now();
    parallel_for(runtime, static_cast<int64_t>(sums.size()), [&](int64_t task, int) {
      const auto i = static_cast<size_t>(task);
      sums[i] =
          sum_words(static_cast<const std::byte*>(buffer.data()) + i * kReadBlock, kReadBlock);
    });
    best = std::max(best, static_cast<double>(kReadBytes) / (now() - start));
    seen = sums.back();
  } while (now() < end);
  static_cast<void>(seen);
  return best / 1e9;
}

}  // namespace weft
