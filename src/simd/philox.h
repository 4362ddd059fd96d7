// Philox4x32 with ten rounds (Salmon, Moraes, Dror, Shaw 2011) for as many counters as a vector has
// lanes, the same words as Random123's. Include it from *_simd.cc files only.
//
// A product of 32 x 32 bits needs a lane of 64, so even and odd lanes go separately and meet at the
// end. A product's high half is what the next round mixes in and its low half what the round after
// that multiplies; both stay in one register, unmasked.
#pragma once

#include "simd/vec64.h"

namespace weft::WEFT_ISA {

/// The low halves of a times m.
WEFT_INLINE WordVec64 times_low(WordVec64 a, uint32_t m) {
#if defined(WEFT_ISA_avx512)
  const __m512i by = _mm512_set1_epi64(m);
  return reinterpret_cast<WordVec64>(
      _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), by));
#elif defined(WEFT_ISA_avx2)
  const __m256i by = _mm256_set1_epi64x(m);
  return reinterpret_cast<WordVec64>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), by));
#elif defined(__SSE2__)
  const __m128i by = _mm_set1_epi64x(m);
  return reinterpret_cast<WordVec64>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), by));
#elif defined(__aarch64__)
  return vmull_u32(vmovn_u64(a), vdup_n_u32(m));
#else
  return (a & 0xffffffffu) * m;
#endif
}
/// a ^ b ^ c
WEFT_INLINE WordVec64 mix(WordVec64 a, WordVec64 b, WordVec64 c) {
#if defined(WEFT_ISA_avx512)
  return reinterpret_cast<WordVec64>(_mm512_ternarylogic_epi64(reinterpret_cast<__m512i>(a),
                                                               reinterpret_cast<__m512i>(b),
                                                               reinterpret_cast<__m512i>(c), 0x96));
#else
  return a ^ b ^ c;
#endif
}

struct PhiloxKey {
  uint32_t low, high;
};

/// Counters (first + lane, block, c2, c3) for any block: what does not depend on the block, two and
/// a half of the ten rounds, is done once.
class Philox {
 public:
  struct Words {
    WordVec word[4];
  };

  WEFT_INLINE Philox(PhiloxKey key, uint32_t first, uint32_t c2, uint32_t c3) : key_(key) {
    const auto lanes =
        reinterpret_cast<WordVec64>(reinterpret_cast<WordVec>(lane_numbers()) + first);
    const uint64_t product = static_cast<uint64_t>(kM1) * c2;
    scalar_ = static_cast<uint32_t>(product >> 32) ^ key.low;
    prepare(lanes & 0xffffffffu, product, c3, even_);
    prepare(lanes >> 32, product, c3, odd_);
  }

  WEFT_INLINE Words operator()(uint32_t block) const {
    Half a = start(even_, block), b = start(odd_, block);
    PhiloxKey key = bump(key_, 3);
#pragma GCC unroll 8
    for (int round = 3; round < 10; ++round) {
      a = next(a, key);
      b = next(b, key);
      key = bump(key, 1);
    }
    return {{join(a.c0, b.c0), join(a.c1, b.c1), join(a.c2, b.c2), join(a.c3, b.c3)}};
  }

 private:
  static constexpr uint32_t kM0 = 0xd2511f53u, kM1 = 0xcd9e8d57u;
  struct Half {
    WordVec64 c0, c1, c2, c3;  // words in the low halves; what is above means nothing
  };
  /// After two rounds: what the third needs that no block changes.
  struct Prepared {
    WordVec64 c1, c2, c3, product;  // c1 with the key mixed in; c2 without what the block gives
  };

  static WEFT_INLINE PhiloxKey bump(PhiloxKey k, uint32_t times) {
    return {k.low + times * 0x9e3779b9u, k.high + times * 0xbb67ae85u};
  }
  static WEFT_INLINE WordVec64 same(uint64_t x) {
    return WordVec64{} + x;
  }
  static WEFT_INLINE WordVec join(WordVec64 even, WordVec64 odd) {
    return reinterpret_cast<WordVec>((even & 0xffffffffu) | (odd << 32));
  }
  static WEFT_INLINE Half next(const Half& h, PhiloxKey key) {
    const WordVec64 p0 = times_low(h.c0, kM0), p1 = times_low(h.c2, kM1);
    return {mix(p1 >> 32, h.c1, same(key.low)), p1, mix(p0 >> 32, h.c3, same(key.high)), p0};
  }

  /// Round 1 has c0 in vectors, round 2 c2, and neither sees the block; round 3 has half of it.
  WEFT_INLINE void prepare(WordVec64 c0, uint64_t product, uint32_t c3, Prepared& out) const {
    const WordVec64 p0 = times_low(c0, kM0);
    const WordVec64 c2 = (p0 >> 32) ^ same(c3 ^ key_.high);  // after round 1; c3 is p0's low half
    const WordVec64 p1 = times_low(c2, kM1);                 // of round 2
    const PhiloxKey second = bump(key_, 1), third = bump(key_, 2);
    const WordVec64 c0_2 = (p1 >> 32) ^ same(static_cast<uint32_t>(product) ^ second.low);
    out.c1 = p1 ^ same(third.low);
    out.c2 = p0 ^ same(second.high);
    out.product = times_low(c0_2, kM0);
    out.c3 = (out.product >> 32) ^ same(third.high);
  }
  /// The state after three rounds.
  WEFT_INLINE Half start(const Prepared& p, uint32_t block) const {
    const uint64_t p0 = static_cast<uint64_t>(kM0) * (scalar_ ^ block);  // of round 2, by scalars
    const WordVec64 p1 = times_low(p.c2 ^ same(p0 >> 32), kM1);
    return {(p1 >> 32) ^ p.c1, p1, p.c3 ^ same(static_cast<uint32_t>(p0)), p.product};
  }

  PhiloxKey key_;
  uint32_t scalar_;  // c0 after round 1, but for the block
  Prepared even_, odd_;
};

}  // namespace weft::WEFT_ISA
