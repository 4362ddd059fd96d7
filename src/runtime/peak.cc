#include "runtime/peak.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "runtime/gemm.h"

namespace weft {
namespace {

constexpr size_t kReadBytes = size_t{256} << 20;
constexpr size_t kReadBlock = size_t{1} << 20;  // one task

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Ones in every element, written by the threads that will read them.
void fill_ones(const Runtime& runtime, void* data, size_t bytes, DType type) {
  const uint32_t one = type == DType::bf16 ? 0x3f803f80u : 0x3f800000u;
  auto* words = static_cast<uint32_t*>(data);
  const auto count = static_cast<int64_t>(bytes / 4), block = int64_t{1} << 16;
  parallel_for(runtime, (count + block - 1) / block, [&](int64_t task, int) {
    std::fill(words + task * block, words + std::min((task + 1) * block, count), one);
  });
}

/// A square product and where its operands lie in one block of memory.
struct Square {
  Square(const Runtime& runtime, DType type, int64_t size)
      : spec{.m = size, .n = size, .k = size, .in = type},
        gemm(spec, runtime),
        operand(static_cast<size_t>(size * size) * size_of(type)),
        result(static_cast<size_t>(size * size) * sizeof(float)) {}

  size_t bytes() const { return 2 * operand + result + gemm.scratch_bytes(); }
  void run(std::byte* at) const {
    std::byte* const c = at + 2 * operand;
    gemm.run(at, at + operand, c, spec.m, false, c + result);
  }

  GemmSpec spec;
  Gemm gemm;
  size_t operand, result;  ///< bytes; multiples of 64, because sizes are powers of two
};

double seconds_of(const Square& square, std::byte* at) {
  const double start = now();
  square.run(at);
  return now() - start;
}

constexpr int64_t kSizes[] = {1024, 2048, 4096};

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

double measure_gemm_peak(const Runtime& of, DType type, double seconds,
                         std::span<std::byte> memory) {
  const Runtime runtime = of.whole();
  const double end = now() + seconds;
  double best = 0;
  for (const int64_t size : kSizes) {
    const double cubed = static_cast<double>(size) * static_cast<double>(size * size);
    if (best > 0 && now() + 4 * cubed / best > end) break;  // two products of 2 n^3 FLOPs
    const Square square(runtime, type, size);
    if (!memory.empty() && square.bytes() > memory.size()) {
      if (best > 0) break;
      fail(ErrorCode::usage, {"peak", std::to_string(square.bytes()) + " bytes to measure in",
                              std::to_string(memory.size()), ""});
    }
    const Buffer own(memory.empty() ? square.bytes() : 0);
    std::byte* const at = memory.empty() ? static_cast<std::byte*>(own.data()) : memory.data();
    fill_ones(runtime, at, 2 * square.operand, type);
    square.run(at);
    const double stop = std::min(end, now() + seconds / 2);
    double least = 1e300, most = 0;
    do {
      const double took = seconds_of(square, at);
      least = std::min(least, took);
      most = std::max(most, took);
      best = std::max(best, square.spec.flops() / least);
    } while (now() + square.spec.flops() / best < stop);
    // Others have some of the cores: one of them reaches more alone than a team that waits.
    if (runtime.threads > 1 && size == kSizes[0] && (least == most || most > 2 * least)) {
      Runtime alone = runtime;
      alone.threads = 1;
      const Square single(alone, type, size);
      best = std::max(best, single.spec.flops() / seconds_of(single, at));
    }
  }
  return best / 1e9;
}

size_t gemm_peak_bytes(const Runtime& runtime, DType type) {
  return Square(runtime, type, kSizes[0]).bytes();
}

double measure_bandwidth(const Runtime& of, double seconds) {
  const Runtime runtime = of.whole();
  const Buffer buffer(kReadBytes);
  fill_ones(runtime, buffer.data(), buffer.size(), DType::f32);
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
