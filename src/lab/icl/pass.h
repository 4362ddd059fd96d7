// One vector of prompts on its way through a kernel: a pack is passed over as often as it takes.
// *_simd.cc files only.
#pragma once

#include "lab/icl/lanes.h"
#include "lab/icl/pack.h"

/// A function that stays one: kernels are large, and a copy for each form or score that calls them
/// would double the code.
#if defined(__has_attribute) && __has_attribute(noclone)
#define WEFT_OUTLINE inline __attribute__((noinline, noclone))
#else
#define WEFT_OUTLINE inline __attribute__((noinline))
#endif

namespace weft::WEFT_ISA {

using icl::KernelShape;
using icl::kPack;
using icl::PromptLayout;

template <class V>
inline constexpr int kOrder = 0;  ///< derivatives along a direction that V carries
template <class V>
inline constexpr int kOrder<Dual<V>> = 1;
template <class V>
inline constexpr int kOrder<Jet<V>> = 2;

template <class T>
struct VectorOf {
  using type = Vec;
};
template <>
struct VectorOf<double> {
  using type = Vec64;
};

/// Numbers that stay the same from pass to pass begin at lane 0 of it; null where nobody asks.
template <class V>
struct Pass {
  using T = ScalarOf<V>;
  const T* theta = nullptr;      // [parameters]
  const T* direction = nullptr;  // [parameters], of V with derivatives
  const T* prompts = nullptr;    // [entries, kPack]
  T* residual = nullptr;         // [kPack]
  T* first = nullptr;            // [kPack] of a jet
  T* second = nullptr;           // [kPack] of a jet
  T* gradient = nullptr;         // [parameters, kPack]
  T* curvature = nullptr;        // [parameters, kPack] of duals
  T* data = nullptr;             // [entries, kPack]
  V* scratch = nullptr;          // [scratch entries]

  bool backward() const { return gradient != nullptr || curvature != nullptr || data != nullptr; }

  WEFT_INLINE V parameter(int64_t i) const {
    const auto value = splat(theta[i]);
    if constexpr (kOrder<V> == 0) {
      return value;
    } else if constexpr (kOrder<V> == 1) {
      return {value, splat(direction[i])};
    } else {
      return {value, splat(direction[i]), BaseOf<V>{}};
    }
  }
  WEFT_INLINE V prompt(int64_t entry) const { return load_constant<V>(prompts + entry * kPack); }

  WEFT_INLINE void add(int64_t parameter, V g) const {
    if constexpr (kOrder<V> == 0) {
      add_lanes(gradient, parameter, g);
    } else if constexpr (kOrder<V> == 1) {
      add_lanes(gradient, parameter, g.value);
      add_lanes(curvature, parameter, g.tangent);
    }
  }
  static WEFT_INLINE void add_lanes(T* to, int64_t parameter, BaseOf<V> g) {
    if (to == nullptr) return;
    to += parameter * kPack;
    store(to, load(to) + g);
  }
  WEFT_INLINE void leave_residual(V e) const {
    store(residual, value_of(e));
    if constexpr (kOrder<V> == 2) {
      store(first, e.first);
      store(second, e.second);
    }
  }
  WEFT_INLINE void leave_data(int64_t entry, V g) const {
    store(data + entry * kPack, value_of(g));
  }
};

/// Entries that scratch loses to being aligned.
inline constexpr int64_t kAlignmentEntries = 1;

template <class T>
WEFT_INLINE T* aligned(T* p) {
  return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(p) + 63) / 64 * 64);
}

/// Calls body(pass) for every vector of the pack.
template <class V, class Body>
WEFT_INLINE void each_vector(Pass<V> all, ScalarOf<V>* scratch, Body&& body) {
  all.scratch = reinterpret_cast<V*>(aligned(scratch));
  for (int lane = 0; lane < kPack; lane += kWidth<V>) {
    Pass<V> pass = all;
    const auto move = [lane](auto*& p) {
      if (p != nullptr) p += lane;
    };
    move(pass.prompts);
    move(pass.residual);
    move(pass.first);
    move(pass.second);
    move(pass.gradient);
    move(pass.curvature);
    move(pass.data);
    body(pass);
  }
}

/// Hands out scratch, [entries] of V after [entries].
template <class V>
struct Scratch {
  V* next;
  WEFT_INLINE V* take(int64_t entries) {
    V* p = next;
    next += entries;
    return p;
  }
};

}  // namespace weft::WEFT_ISA
