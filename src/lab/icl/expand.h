// Forms with fewer parameters as special cases of a wider form: their parameters are copied to
// where the wider form has them, and its gradient is gathered back, which is the transpose of the
// same linear map. *_simd.cc files only.
#pragma once

#include "lab/icl/columns.h"
#include "lab/icl/kernel_forms.h"

namespace weft::WEFT_ISA {

using Narrow = icl::KernelForm;  ///< any but the full one

/// Parameters of one head.
WEFT_INLINE int64_t narrow_size(Narrow form, int64_t d) {
  return form == Narrow::block    ? 2 * d * d
         : form == Narrow::sparse ? d * d
         : form == Narrow::gdpp   ? 2
                                  : 4;
}

/// Entry (i, j) of P or Q of a head whose parameters begin at `at`: the number of the parameter it
/// is, or that it is none.
inline constexpr int64_t kZero = -1, kOne = -2;
WEFT_INLINE int64_t entry_of_p(Narrow form, int64_t d, int64_t at, int64_t i, int64_t j) {
  if (i == d || j == d) {
    if (i != j) return kZero;
    return form == Narrow::diag4 ? at + 1 : kOne;
  }
  if (form == Narrow::block) return at + i * d + j;
  if (form == Narrow::sparse || i != j) return kZero;
  return at;
}
WEFT_INLINE int64_t entry_of_q(Narrow form, int64_t d, int64_t at, int64_t i, int64_t j) {
  if (i == d || j == d) return form == Narrow::diag4 && i == j ? at + 3 : kZero;
  if (form == Narrow::block) return at + (d + i) * d + j;
  if (form == Narrow::sparse) return at + i * d + j;
  if (i != j) return kZero;
  return form == Narrow::gdpp ? at + 1 : at + 2;
}

/// The wider form: every one is a case of the full form; sparse and gdpp are cases of block, too.
enum class Wider : uint8_t { full, block };

/// Calls visit(entry of the wider form, parameter it is, kZero or kOne).
template <Wider kWider, class Visit>
WEFT_INLINE void each_wide_entry(Narrow form, const KernelShape& s, Visit&& visit) {
  const FullOffsets o(s);
  const int64_t distinct = s.tied ? 1 : s.layers, size = narrow_size(form, s.d);
  if constexpr (kWider == Wider::block) {
    const int64_t d = s.d;
    for (int64_t l = 0; l < distinct; ++l) {
      for (int64_t i = 0; i < d; ++i) {
        for (int64_t j = 0; j < d; ++j) {
          visit((2 * l * d + i) * d + j, entry_of_p(form, d, l * size, i, j));
          visit(((2 * l + 1) * d + i) * d + j, entry_of_q(form, d, l * size, i, j));
        }
      }
    }
    return;
  }
  for (int64_t i = 0; i < o.front(); ++i) visit(i, i);
  for (int64_t l = 0; l < distinct; ++l) {
    for (int64_t h = 0; h < s.heads; ++h) {
      const int64_t at = o.front() + (l * s.heads + h) * size;
      for (int64_t i = 0; i < o.D; ++i) {
        for (int64_t j = 0; j < o.D; ++j) {
          visit(o.P(l, h) + i * o.D + j, entry_of_p(form, s.d, at, i, j));
          visit(o.Q(l, h) + i * o.D + j, entry_of_q(form, s.d, at, i, j));
        }
      }
    }
  }
}
template <Wider kWider>
WEFT_INLINE int64_t wide_size(const KernelShape& s) {
  const FullOffsets o(s);
  const int64_t distinct = s.tied ? 1 : s.layers;
  return kWider == Wider::block ? 2 * distinct * s.d * s.d
                                : o.front() + distinct * s.heads * 2 * o.D * o.D;
}

/// Scratch beside that of the wide form: wide parameters and direction, wide gradient and
/// curvature.
WEFT_INLINE int64_t expansion_entries(int64_t wide) {
  return (wide + kPack - 1) / kPack + wide + kAlignmentEntries;
}

/// Runs the wider form on a pass that has not been cut into vectors.
template <class V>
using WideRun = void (*)(const KernelShape&, const Pass<V>&, ScalarOf<V>* scratch) noexcept;

/// Runs `run` with the parameters of a narrow form. Of V with derivatives scratch holds
/// kOrder<V> + 1 times as much.
template <Wider kWider, class V>
WEFT_OUTLINE void expanded(Narrow form, const KernelShape& s, Pass<V> pass, ScalarOf<V>* scratch,
                           WideRun<V> run) noexcept {
  using T = ScalarOf<V>;
  const int64_t wide = wide_size<kWider>(s), rows = (wide + kPack - 1) / kPack * kPack;
  T *theta = scratch, *gradient = nullptr, *direction = nullptr, *curvature = nullptr;
  scratch += rows;
  if (kOrder < V >> 0) {
    direction = scratch;
    scratch += rows;
  }
  const auto zeroed = [&](const T* wanted) -> T* {
    if (wanted == nullptr) return nullptr;
    T* p = scratch;
    scratch += wide * kPack;
    for (int64_t i = 0; i < wide * kPack; ++i) p[i] = 0;
    return p;
  };
  gradient = zeroed(pass.gradient);
  curvature = zeroed(pass.curvature);
  each_wide_entry<kWider>(form, s, [&](int64_t to, int64_t from) {
    theta[to] = from >= 0 ? pass.theta[from] : from == kOne ? T(1) : T(0);
    if (direction != nullptr) direction[to] = from >= 0 ? pass.direction[from] : T(0);
  });
  const Pass<V> narrow = pass;
  pass.theta = theta;
  pass.direction = direction;
  pass.gradient = gradient;
  pass.curvature = curvature;
  run(s, pass, aligned(scratch));
  const auto gather = [&](const T* from, T* to) {
    if (to == nullptr) return;
    each_wide_entry<kWider>(form, s, [&](int64_t entry, int64_t parameter) {
      if (parameter < 0) return;
      for (int i = 0; i < kPack; ++i) to[parameter * kPack + i] += from[entry * kPack + i];
    });
  };
  gather(gradient, narrow.gradient);
  gather(curvature, narrow.curvature);
}

}  // namespace weft::WEFT_ISA
