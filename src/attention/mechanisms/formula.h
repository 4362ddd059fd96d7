// A mechanism whose formula arrives at run time: that of a program which links the library.
#pragma once

#include "attention/mechanism.h"
#include "attention/tile.h"

namespace weft {

/// Weights w [n] of scores z [n], nearest first, and dL/dz from g = dL/dw, in the two types that
/// sums are kept in. `numbers` are those of the settings.
struct RowFormula {
  template <class C>
  struct Functions {
    void (*weights)(const double* numbers, const C* z, int64_t n, C* w);
    void (*gradient)(const double* numbers, const C* z, const C* w, int64_t n, const C* g, C* dz);
  };
  Functions<double> f64;
  Functions<float> f32;
};

/// The formula where a tiled kernel has its tiles.
struct FormulaKernel : TileKernel {
  explicit FormulaKernel(const RowFormula& f) : TileKernel{}, formula(f) {}
  RowFormula formula;
};

/// The reference kernel over a formula, for every type. The formula must outlive it.
Kernel<AttentionKernelOf> formula_kernel(const FormulaKernel& formula);

}  // namespace weft
