// What products have in common, whoever computes them.
#include <algorithm>

#include "base/error.h"
#include "runtime/gemm.h"

namespace weft {

GemmSpec GemmSpec::checked() const {
  const auto usable = [](DType t) { return t == DType::f32 || t == DType::bf16; };
  if (!usable(in) || !usable(out) || (open == OpenDim::k && out != DType::f32)) {
    fail(ErrorCode::usage, {"gemm", "f32 or bf16 (f32 where the summed dimension is open)",
                            std::string(name_of(in)) + " to " + std::string(name_of(out)), ""});
  }
  if (m < 1 || n < 1 || k < 1) {
    fail(ErrorCode::usage,
         {"gemm", "m, n, k of at least 1",
          std::to_string(m) + ", " + std::to_string(n) + ", " + std::to_string(k), ""});
  }
  GemmSpec spec = *this;
  if (lda == 0) spec.lda = transpose_a ? m : k;
  if (ldb == 0) spec.ldb = transpose_b ? k : n;
  if (ldc == 0) spec.ldc = n;
  return spec;
}

void GemmSpec::clear(float* c) const noexcept {
  for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, 0.0F);
}

std::shared_ptr<const Gemm> GemmPool::get(const GemmSpec& spec) {
  for (const auto& [made, gemm] : made_) {
    if (made == spec) return gemm;
  }
  return made_.emplace_back(spec, std::make_shared<const Gemm>(spec, runtime_)).second;
}

}  // namespace weft
