// Gemm without a library, for platforms that have no oneDNN: packed panels, a block of C in
// registers. An element is summed in blocks of kDepth terms, in the order of k, whatever the other
// sizes and the number of threads.
#include <algorithm>
#include <cstring>
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "runtime/gemm.h"

namespace weft {
namespace {

constexpr int kLanes = 4;  // of SSE2 and NEON, which need no flags
typedef float Lanes __attribute__((vector_size(4 * kLanes)));

constexpr int kRows = 4, kColumns = 2 * kLanes;           // of C in registers
constexpr int64_t kTile = 64;                             // rows and columns of C of one task
constexpr int64_t kDepth = 256;                           // terms summed before they join C
constexpr int64_t kPanel = kTile * kDepth;                // floats of a packed operand: 64 KiB
constexpr int64_t kScratch = 2 * kPanel + kTile * kTile;  // floats of one thread

Lanes multiply_add(float a, Lanes b, Lanes c) {
#if defined(__aarch64__)
  return vfmaq_n_f32(c, b, a);
#else
  return a * b + c;
#endif
}

/// A stored operand: element (x, k) of A (x a row of C) or of B (x a column) lies at x * along_x +
/// k * along_k.
template <class T>
struct Operand {
  const T* data;
  int64_t along_x, along_k;
};

/// Panels of kWidth neighbours: to [ceil(count / kWidth), depth, kWidth], zeros beyond `count`.
template <int kWidth, class T>
void pack(const Operand<T>& from, int64_t x0, int64_t count, int64_t k0, int64_t depth, float* to) {
  for (int64_t panel = 0; panel < count; panel += kWidth) {
    for (int64_t k = k0; k < k0 + depth; ++k, to += kWidth) {
      for (int64_t i = 0; i < kWidth; ++i) {
        const bool there = panel + i < count;
        to[i] =
            there
                ? static_cast<float>(from.data[(x0 + panel + i) * from.along_x + k * from.along_k])
                : 0.0F;
      }
    }
  }
}

/// c [kRows, kColumns of kTile] += a [depth, kRows] * b [depth, kColumns]
void multiply_panels(const float* a, const float* b, int64_t depth, float* c) {
  Lanes sum[kRows][2] = {};
  for (int64_t k = 0; k < depth; ++k, a += kRows, b += kColumns) {
    Lanes row[2];
    std::memcpy(row, b, sizeof row);
    for (int i = 0; i < kRows; ++i) {
      sum[i][0] = multiply_add(a[i], row[0], sum[i][0]);
      sum[i][1] = multiply_add(a[i], row[1], sum[i][1]);
    }
  }
  for (int i = 0; i < kRows; ++i, c += kTile) {
    Lanes old[2];
    std::memcpy(old, c, sizeof old);
    old[0] += sum[i][0];
    old[1] += sum[i][1];
    std::memcpy(c, old, sizeof old);
  }
}

/// A tile of C: rows [m0, m0 + m), columns [n0, n0 + n).
struct Tile {
  int64_t m0, n0, m, n;
};

/// from [kTile, kTile] to its place in C, rounded once.
template <class T>
void write(const float* from, const Tile& t, T* c, int64_t ldc, bool add) {
  c += t.m0 * ldc + t.n0;
  for (int64_t i = 0; i < t.m; ++i, from += kTile, c += ldc) {
    for (int64_t j = 0; j < t.n; ++j) {
      c[j] = T(add ? static_cast<float>(c[j]) + from[j] : from[j]);
    }
  }
}

template <class T>
void multiply_tile(const GemmSpec& spec, const Tile& t, const Operand<T>& a, const Operand<T>& b,
                   int64_t terms, void* c, bool add, float* scratch) {
  float *const panels_a = scratch, *const panels_b = scratch + kPanel, *sum = scratch + 2 * kPanel;
  std::fill_n(sum, kTile * kTile, 0.0F);
  for (int64_t k0 = 0; k0 < terms; k0 += kDepth) {
    const int64_t depth = std::min(kDepth, terms - k0);
    pack<kRows>(a, t.m0, t.m, k0, depth, panels_a);
    pack<kColumns>(b, t.n0, t.n, k0, depth, panels_b);
    for (int64_t j = 0; j < t.n; j += kColumns) {
      for (int64_t i = 0; i < t.m; i += kRows) {
        multiply_panels(panels_a + i * depth, panels_b + j * depth, depth, sum + i * kTile + j);
      }
    }
  }
  if (spec.out == DType::f32) {
    write(sum, t, static_cast<float*>(c), spec.ldc, add);
  } else {
    write(sum, t, static_cast<bf16*>(c), spec.ldc, add);
  }
}

}  // namespace

struct Gemm::Impl {
  GemmSpec spec;
  Runtime runtime;
  std::string name;

  template <class T>
  void run(const void* a, const void* b, void* c, int64_t rows, bool add,
           float* scratch) const noexcept {
    const int64_t m = spec.open == OpenDim::m ? rows : spec.m;
    const int64_t k = spec.open == OpenDim::k ? rows : spec.k;
    const Operand<T> left{static_cast<const T*>(a), spec.transpose_a ? 1 : spec.lda,
                          spec.transpose_a ? spec.lda : 1};
    const Operand<T> right{static_cast<const T*>(b), spec.transpose_b ? spec.ldb : 1,
                           spec.transpose_b ? 1 : spec.ldb};
    const int64_t across = (spec.n + kTile - 1) / kTile, down = (m + kTile - 1) / kTile;
    parallel_for(runtime, down * across, [&](int64_t task, int thread) {
      const int64_t m0 = task / across * kTile, n0 = task % across * kTile;
      const Tile tile{m0, n0, std::min(kTile, m - m0), std::min(kTile, spec.n - n0)};
      multiply_tile(spec, tile, left, right, k, c, add, scratch + thread * kScratch);
    });
  }
};

Gemm::Gemm(const GemmSpec& spec, const Runtime& runtime)
    : impl_(std::make_unique<Impl>(
          Impl{spec.checked(), runtime, spec.in == DType::bf16 ? "plain+f32" : "plain"})) {}
Gemm::~Gemm() = default;
Gemm::Gemm(Gemm&&) noexcept = default;
Gemm& Gemm::operator=(Gemm&&) noexcept = default;

size_t Gemm::scratch_bytes() const {
  return static_cast<size_t>(kScratch) * sizeof(float) *
         static_cast<size_t>(impl_->runtime.threads);
}

const std::string& Gemm::implementation() const {
  return impl_->name;
}

void limit_products(Isa) {}  // has one kernel, for what every machine executes

void Gemm::run(const void* a, const void* b, void* c, int64_t rows, bool add,
               void* scratch) const noexcept {
  auto* const floats = static_cast<float*>(scratch);
  if (rows == 0) {
    if (impl_->spec.open == OpenDim::k && !add) impl_->spec.clear(static_cast<float*>(c));
  } else if (impl_->spec.in == DType::f32) {
    impl_->run<float>(a, b, c, rows, add, floats);
  } else {
    impl_->run<bf16>(a, b, c, rows, add, floats);
  }
}

}  // namespace weft
