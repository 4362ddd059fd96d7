// Keys and values of a tile as operands of its products. *_simd.cc files only.
#pragma once

#include "attention/tile.h"
#include "attention/tile_operand.h"
#include "attention/tile_pack.h"

namespace weft::WEFT_ISA {

/// The tiles of tensors of T.
template <class T>
inline constexpr TileShape kShape = {kLanes, kUnit<Operand<T>>};

/// Rows of operands: in place in a tensor, or in a buffer.
template <class E>
struct Rows {
  const E* at;
  Int stride;
};

/// The keys of a document of a sequence and key/value head. A head is a column of a wide tensor:
/// its rows lie so far apart that they crowd each other out of the caches (at 8 heads of 64, a
/// forward over 2048 keys took 1.5 times as long as with its keys side by side). Where several
/// tiles read them, each block is therefore copied once, by each thread that reads it.
template <class T>
class KeyBlocks {
 public:
  using E = Operand<T>;
  static constexpr Int kUnit = weft::WEFT_ISA::kUnit<E>;

  /// `kept`: whether blocks are copied for further tiles.
  KeyBlocks(const AttentionProblem& p, const AttentionRun& run, Int b, Int kv, Int document,
            bool kept)
      : p_(p),
        run_(run),
        b_(b),
        document_(document),
        stamp_(kept ? ((b * p.kv_heads + kv) * p.max_time + document) + 1 : 0) {}

  /// 1 where the first key of a part of a block is the second of a pair: pairs begin at even
  /// indices of the key within its document, so that the order of a sum does not depend on the
  /// tile.
  Int lead(Int j0) const { return kUnit == 2 ? (j0 - document_) & 1 : 0; }
  /// Operands along the keys [j0, j1).
  int operands(Int j0, Int j1) const {
    return static_cast<int>((lead(j0) + j1 - j0 + kUnit - 1) / kUnit);
  }
  /// True where operands along the keys [j0, j1) hold a key outside.
  bool holds_others(Int j0, Int j1) const {
    return stamp_ != 0 && kUnit == 2 && (lead(j0) != 0 || lead(j1) != 0);
  }

  /// Keys or values [j0, j1) of one block of a set as operands along the channels, [j1 - j0, width
  /// / unit].
  Rows<E> along_channels(const KeySource& source, Int set, Int j0, Int j1, const KeyStore& store,
                         Int width) const {
    const Int words = width / kUnit;
    if (stamp_ != 0) {
      const Int begin = block_begin(document_, j0 + 1);
      return {as(keep(source, set, begin, store, width, &KeyBlocks::copy)) + (j0 - begin) * words,
              words};
    }
    if constexpr (sizeof(T) == sizeof(E) || kUnit == 2) {
      Int stride = 0;
      const T* at = evenly_apart<T>(run_, source, b_, j0, j1, stride);
      if (at != nullptr && source.dim % kUnit == 0 && stride % kUnit == 0) {
        return {reinterpret_cast<const E*>(at), stride / kUnit};
      }
    }
    copy(source, j0, j1, store.block, width);
    return {as(store.block), words};
  }
  /// The same as operands along the keys, [operands(j0, j1), width].
  Rows<E> along_keys(const KeySource& source, Int set, Int j0, Int j1, const KeyStore& store,
                     Int width) const {
    if constexpr (kUnit == 1) return along_channels(source, set, j0, j1, store, width);
    if (stamp_ == 0) {
      pair(source, j0, j1, store.block, width);
      return {as(store.block), width};
    }
    const Int begin = block_begin(document_, j0 + 1);
    return {
        as(keep(source, set, begin, store, width, &KeyBlocks::pair)) + (j0 - begin) / kUnit * width,
        width};
  }

  /// Asks for keys or values [j0, j1) that a walk reads soon: a row here, a row there, and blocks
  /// from the last to the first, which no CPU foresees. (Inlined always: GCC takes a call that does
  /// nothing else for one without effect, and drops it.)
  WEFT_INLINE void prefetch(const KeySource& source, Int j0, Int j1) const {
    const Int bytes = source.dim * static_cast<Int>(sizeof(T));
    const KeyRows rows(*this, source, j0, j1);
    for (Int j = j0; j < j1; ++j) {
      const auto* row = reinterpret_cast<const char*>(rows.at(j));
      for (Int line = 0; line < bytes; line += 64) {
        __builtin_prefetch(row + line, 0, 2);
      }
    }
  }

 private:
  static const E* as(const float* words) { return reinterpret_cast<const E*>(words); }

  /// Where the rows of keys [j0, j1) lie: found once where they lie evenly, for a ring costs a
  /// division for each row.
  struct KeyRows {
    KeyRows(const KeyBlocks& b, const KeySource& s, Int j0, Int j1)
        : blocks(b), source(s), from(j0) {
      if (j0 < j1) first = evenly_apart<T>(b.run_, s, b.b_, j0, j1, stride);
    }
    const T* at(Int j) const {
      return first != nullptr ? first + (j - from) * stride
                              : key_row<T>(blocks.run_, source, blocks.b_, j);
    }
    const KeyBlocks& blocks;
    const KeySource& source;
    Int from, stride = 0;
    const T* first = nullptr;
  };

  /// The block that begins at key `begin`, in the form that `make` gives it.
  template <class Make>
  const float* keep(const KeySource& source, Int set, Int begin, const KeyStore& store, Int width,
                    Make make) const {
    const Int at = set * store.blocks + (begin - document_) / kBlock;
    float* words = store.all + at * (kBlock / kUnit) * width;
    if (store.stamps[at] != stamp_) {
      (this->*make)(source, begin, smaller(begin + kBlock, run_.time), words, width);
      store.stamps[at] = stamp_;
      prefetch(source, larger(document_, begin - kBlock), begin);
    }
    return words;
  }
  /// Rows of operands along the channels, zeros up to `width` channels.
  void copy(const KeySource& source, Int j0, Int j1, float* to, Int width) const {
    const KeyRows rows(*this, source, j0, j1);
    for (Int j = j0; j < j1; ++j, to += width / kUnit) {
      const T* from = rows.at(j);
      if constexpr (kUnit == 1) {
        pack_row(from, source.dim, to, width);
      } else {
        auto* halves = reinterpret_cast<char*>(to);
        std::memcpy(halves, static_cast<const void*>(from), 2 * static_cast<size_t>(source.dim));
        std::memset(halves + 2 * source.dim, 0, 2 * static_cast<size_t>(width - source.dim));
      }
    }
  }
  /// Operands along the keys; what a pair lacks is 0.
  void pair([[maybe_unused]] const KeySource& source, [[maybe_unused]] Int j0,
            [[maybe_unused]] Int j1, [[maybe_unused]] float* to, [[maybe_unused]] Int width) const {
#ifdef WEFT_ISA_avx512bf16
    if constexpr (kUnit == 2) {
      const KeyRows rows(*this, source, j0, j1);
      for (Int j = j0 - lead(j0); j < j1; j += 2, to += width) {
        pair_rows(j < j0 ? nullptr : rows.at(j), j + 1 < j1 ? rows.at(j + 1) : nullptr, source.dim,
                  reinterpret_cast<Pair*>(to), width);
      }
    }
#endif
  }

  const AttentionProblem& p_;
  const AttentionRun& run_;
  Int b_, document_;
  int64_t stamp_;  ///< of kept blocks; 0: none are
};

}  // namespace weft::WEFT_ISA
