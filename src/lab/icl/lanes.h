// What a model's kernel computes with: V is a vector of floats, a vector of doubles, or one of them
// with derivatives along a direction. One prompt is one lane. A kernel is a template over V and
// needs of it + - * / and the functions below. For *_simd.cc files only.
#pragma once

#include "simd/vec64.h"

namespace weft::WEFT_ISA {

/// A value and its derivative along a direction: run through a gradient it gives a Hessian times
/// that direction (forward over reverse).
///
/// Copied member by member: left to itself GCC 12 copies the whole with narrower moves for AVX2,
/// and loads that straddle two stores made the Hessian 3x slower.
template <class V>
struct Dual {
  V value, tangent;

  Dual() = default;
  WEFT_INLINE Dual(V v, V t) : value(v), tangent(t) {}
  WEFT_INLINE Dual(const Dual& o) : value(o.value), tangent(o.tangent) {}
  WEFT_INLINE Dual& operator=(const Dual& o) {
    value = o.value;
    tangent = o.tangent;
    return *this;
  }
};

/// A value with its first and second derivative along a direction: run through a forward pass it
/// gives u^T H u.
template <class V>
struct Jet {
  V value, first, second;

  Jet() = default;
  WEFT_INLINE Jet(V v, V a, V b) : value(v), first(a), second(b) {}
  WEFT_INLINE Jet(const Jet& o) : value(o.value), first(o.first), second(o.second) {}
  WEFT_INLINE Jet& operator=(const Jet& o) {
    value = o.value;
    first = o.first;
    second = o.second;
    return *this;
  }
};

// --- what V is made of ---------------------------------------------------------------------------

template <class V>
struct LaneOf;  ///< Base: the vector without derivatives; Scalar; width: lanes of it
template <>
struct LaneOf<Vec> {
  using Base = Vec;
  using Scalar = float;
  static constexpr int width = kLanes;
};
template <>
struct LaneOf<Vec64> {
  using Base = Vec64;
  using Scalar = double;
  static constexpr int width = kLanes64;
};
template <class V>
struct LaneOf<Dual<V>> : LaneOf<V> {};
template <class V>
struct LaneOf<Jet<V>> : LaneOf<V> {};

template <class V>
using ScalarOf = typename LaneOf<V>::Scalar;
template <class V>
using BaseOf = typename LaneOf<V>::Base;
template <class V>
inline constexpr int kWidth = LaneOf<V>::width;

template <class V>
struct Constant;
template <>
struct Constant<Vec> {
  static WEFT_INLINE Vec of(double c) { return splat(static_cast<float>(c)); }
  static WEFT_INLINE Vec of(Vec c) { return c; }
};
template <>
struct Constant<Vec64> {
  static WEFT_INLINE Vec64 of(double c) { return splat(c); }
  static WEFT_INLINE Vec64 of(Vec64 c) { return c; }
};
template <class V>
struct Constant<Dual<V>> {
  static WEFT_INLINE Dual<V> of(double c) { return {Constant<V>::of(c), V{}}; }
  static WEFT_INLINE Dual<V> of(V c) { return {c, V{}}; }
};
template <class V>
struct Constant<Jet<V>> {
  static WEFT_INLINE Jet<V> of(double c) { return {Constant<V>::of(c), V{}, V{}}; }
  static WEFT_INLINE Jet<V> of(V c) { return {c, V{}, V{}}; }
};

/// A number without derivatives.
template <class V>
WEFT_INLINE V constant(double c) {
  return Constant<V>::of(c);
}
/// Numbers of a prompt, [kWidth<V>] at p: no derivatives either.
template <class V>
WEFT_INLINE V load_constant(const ScalarOf<V>* p) {
  return Constant<V>::of(load(p));
}

// --- arithmetic of derivatives -------------------------------------------------------------------

template <class V>
WEFT_INLINE Dual<V> operator+(Dual<V> a, Dual<V> b) {
  return {a.value + b.value, a.tangent + b.tangent};
}
template <class V>
WEFT_INLINE Dual<V> operator-(Dual<V> a, Dual<V> b) {
  return {a.value - b.value, a.tangent - b.tangent};
}
template <class V>
WEFT_INLINE Dual<V> operator*(Dual<V> a, Dual<V> b) {
  return {a.value * b.value, a.tangent * b.value + a.value * b.tangent};
}
template <class V>
WEFT_INLINE Dual<V> operator/(Dual<V> a, Dual<V> b) {
  const V q = a.value / b.value;
  return {q, (a.tangent - q * b.tangent) / b.value};
}
template <class V>
WEFT_INLINE Jet<V> operator+(Jet<V> a, Jet<V> b) {
  return {a.value + b.value, a.first + b.first, a.second + b.second};
}
template <class V>
WEFT_INLINE Jet<V> operator-(Jet<V> a, Jet<V> b) {
  return {a.value - b.value, a.first - b.first, a.second - b.second};
}
template <class V>
WEFT_INLINE Jet<V> operator*(Jet<V> a, Jet<V> b) {
  const V cross = a.first * b.first;
  return {a.value * b.value, a.first * b.value + a.value * b.first,
          a.second * b.value + (cross + cross) + a.value * b.second};
}
template <class V>
WEFT_INLINE Jet<V> operator/(Jet<V> a, Jet<V> b) {
  const V q = a.value / b.value;
  const V q1 = (a.first - q * b.first) / b.value;
  return {q, q1, (a.second - (q1 + q1) * b.first - q * b.second) / b.value};
}

template <class W>
concept WithDerivatives = !__is_same(W, BaseOf<W>);
template <WithDerivatives W>
WEFT_INLINE W& operator+=(W& a, W b) {
  return a = a + b;
}
template <WithDerivatives W>
WEFT_INLINE W& operator-=(W& a, W b) {
  return a = a - b;
}
template <WithDerivatives W>
WEFT_INLINE W& operator*=(W& a, W b) {
  return a = a * b;
}

// --- functions -----------------------------------------------------------------------------------

/// a times a number that every lane shares.
WEFT_INLINE Vec scale(Vec a, double c) {
  return a * static_cast<float>(c);
}
WEFT_INLINE Vec64 scale(Vec64 a, double c) {
  return a * c;
}
template <class V>
WEFT_INLINE Dual<V> scale(Dual<V> a, double c) {
  return {scale(a.value, c), scale(a.tangent, c)};
}
template <class V>
WEFT_INLINE Jet<V> scale(Jet<V> a, double c) {
  return {scale(a.value, c), scale(a.first, c), scale(a.second, c)};
}

/// The number itself.
WEFT_INLINE Vec value_of(Vec a) {
  return a;
}
WEFT_INLINE Vec64 value_of(Vec64 a) {
  return a;
}
template <class V>
WEFT_INLINE V value_of(Dual<V> a) {
  return a.value;
}
template <class V>
WEFT_INLINE V value_of(Jet<V> a) {
  return a.value;
}

/// a where `test` is positive, else 0: ReLU and its derivative.
WEFT_INLINE Vec where_positive(Vec test, Vec a) {
  return test > 0.f ? a : Vec{};
}
WEFT_INLINE Vec64 where_positive(Vec64 test, Vec64 a) {
  return test > 0. ? a : Vec64{};
}
template <class V>
WEFT_INLINE Dual<V> where_positive(V test, Dual<V> a) {
  return {where_positive(test, a.value), where_positive(test, a.tangent)};
}
template <class V>
WEFT_INLINE Jet<V> where_positive(V test, Jet<V> a) {
  return {where_positive(test, a.value), where_positive(test, a.first),
          where_positive(test, a.second)};
}

/// e^(a - shift) where a <= shift. The shift keeps the exponential in range; it is taken for a
/// constant, because what is divided by a sum of such exponentials does not depend on it.
WEFT_INLINE Vec exp_below(Vec a, Vec shift) {
  return exp_unfused(a - shift);
}
WEFT_INLINE Vec64 exp_below(Vec64 a, Vec64 shift) {
  return exp_unfused(a - shift);
}
template <class V>
WEFT_INLINE Dual<V> exp_below(Dual<V> a, V shift) {
  const V e = exp_unfused(a.value - shift);
  return {e, e * a.tangent};
}
template <class V>
WEFT_INLINE Jet<V> exp_below(Jet<V> a, V shift) {
  const V e = exp_unfused(a.value - shift);
  return {e, e * a.first, e * (a.second + a.first * a.first)};
}

}  // namespace weft::WEFT_ISA
