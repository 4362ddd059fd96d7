#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "base/tensor.h"
#include "cli/bench.h"
#include "runtime/gemm.h"

namespace weft::cli {
namespace {

/// Squares, and the products of a dim-384 model over 8 x 512 tokens.
struct Product {
  int64_t m, n, k;
};
constexpr Product kProducts[] = {
    {1024, 1024, 1024}, {2048, 2048, 2048}, {4096, 384, 384}, {4096, 1024, 384}, {4096, 384, 1024}};

Tensor random_tensor(DType type, const Shape& shape, const char* name) {
  Tensor t(type, shape);
  const Random random(1, name);
  for (int64_t i = 0; i < t.numel(); ++i) {
    set(t.view(), i, random.uniform(static_cast<uint64_t>(i)) - 0.5);
  }
  return t;
}

}  // namespace

std::vector<BenchResult> bench_gemm(const BenchContext& context) {
  for (const OpInfo& op : op_registry()) {
    if (op.name == "linear") context.check([&] { return op.check(context.runtime); });
  }
  std::vector<BenchResult> results;
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const Product& p : kProducts) {
      const std::string name = fmt::format("gemm {} {}x{}x{}", name_of(type), p.m, p.n, p.k);
      if (!context.wanted(name)) continue;
      const GemmSpec spec{.m = p.m, .n = p.n, .k = p.k, .in = type};
      const Gemm gemm(spec, context.runtime);
      const Tensor a = random_tensor(type, {p.m, p.k}, "a"),
                   b = random_tensor(type, {p.k, p.n}, "b");
      const Tensor c(DType::f32, {p.m, p.n});
      const Buffer scratch(gemm.scratch_bytes());
      const Timing timing = time_runs(
          [&] { gemm.run(a.data(), b.data(), c.data(), p.m, false, scratch.data()); }, 0.3, 5);
      const auto moved =
          static_cast<double>(a.desc().bytes() + b.desc().bytes() + c.desc().bytes());
      results.push_back(timed(name, timing, {spec.flops(), moved}, type));
      results.back().note = gemm.implementation();
    }
  }
  return results;
}

}  // namespace weft::cli
