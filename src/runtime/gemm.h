// Matrix products, planned once and run blind: by oneDNN (gemm_onednn.cc), or in a build without it
// by plain code (gemm_plain.cc).
//
// oneDNN splits work by the number of threads it sees, which changes the order of sums. Here the
// product is cut into tiles that depend on the sizes alone, every tile is a single-threaded oneDNN
// primitive, and the tiles run in our own parallel loop: the same bits for any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/dtype.h"
#include "runtime/runtime.h"

namespace weft {

/// Which dimension may be smaller at run time than planned (the rows of a batch).
enum class OpenDim : uint8_t {
  m,  ///< rows of C: forward and input gradient of a linear layer
  k,  ///< the summed dimension: weight gradient
};

/// C[m, n] = A[m, k] * B[k, n], row-major. A transposed operand is stored the other way round:
/// A as [k, m], B as [n, k].
struct GemmSpec {
  int64_t m = 0, n = 0, k = 0;  ///< the open one of them: the most it will ever be
  bool transpose_a = false;
  bool transpose_b = false;
  OpenDim open = OpenDim::m;
  DType in = DType::f32;              ///< of A and B: f32 or bf16; sums are kept in f32
  DType out = DType::f32;             ///< of C: f32, or bf16 (rounded once, also when adding)
  int64_t lda = 0, ldb = 0, ldc = 0;  ///< elements from one stored row to the next; 0: dense
  bool widen = false;  ///< bf16 operands go through f32 also where the machine multiplies them

  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
  /// The same with its leading dimensions filled in. Throws Error(usage) for types or sizes that
  /// are not supported.
  GemmSpec checked() const;
  /// C = 0, the sum of no terms; of checked specifications.
  void clear(float* c) const noexcept;
  bool operator==(const GemmSpec&) const = default;
};

class Gemm {
 public:
  /// Creates the primitives of all tiles. Throws Error(usage) for types or sizes that are not
  /// supported, Error(runtime) where oneDNN refuses.
  Gemm(const GemmSpec& spec, const Runtime& runtime);
  ~Gemm();
  Gemm(Gemm&&) noexcept;
  Gemm& operator=(Gemm&&) noexcept;

  /// Bytes that run() needs, for all threads together.
  size_t scratch_bytes() const;
  /// What oneDNN chose for the largest tile ("brg:avx512_core_bf16"), or "plain"; "+f32" where bf16
  /// operands are widened because nothing here can multiply them.
  const std::string& implementation() const;

  /// C = A*B, or C += A*B with `add`. `rows` is the actual size of the open dimension, at most the
  /// planned one; nothing beyond it is read or written. Two runs of one object must not overlap in
  /// time. `scratch` is 64-byte aligned, and not touched where there are no rows.
  void run(const void* a, const void* b, void* c, int64_t rows, bool add,
           void* scratch) const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Products of equal specification, made once for all who never run at the same time, as the steps
/// of a program. oneDNN keeps some 50 KiB for each, and equal layers ask for equal ones.
class GemmPool {
 public:
  explicit GemmPool(Runtime runtime) : runtime_(std::move(runtime)) {}
  /// Throws as the constructor of Gemm.
  std::shared_ptr<const Gemm> get(const GemmSpec& spec);
  size_t size() const { return made_.size(); }

 private:
  Runtime runtime_;
  std::vector<std::pair<GemmSpec, std::shared_ptr<const Gemm>>> made_;
};

/// Holds oneDNN to an instruction set, so that products too are those of a weaker machine. It keeps
/// this for the process: for a program to call before its first product, never the library. Throws
/// Error(runtime) where it is too late.
void limit_products(Isa isa);

}  // namespace weft
