// The random numbers of one generated sequence, and what tasks draw with them.
#pragma once

#include <cstdint>
#include <span>

#include "base/random.h"

namespace weft {

/// Draw i of sequence s of a stream is the stream's value at index s * 2^24 + i, so a sequence can
/// be made again without those before it, in any thread. A stream is a seed and a purpose
/// ("task.train"), so streams of different purposes never share a number.
class Draws {
 public:
  static constexpr int kBits = 24;                                   ///< of draws in a sequence
  static constexpr int64_t kSequences = int64_t{1} << (64 - kBits);  ///< of a stream

  /// The stream must outlive this.
  Draws(const Random& stream, int64_t sequence) noexcept
      : stream_(stream), next_(static_cast<uint64_t>(sequence) << kBits) {}

  double uniform() noexcept { return stream_.uniform(next_++); }  ///< in (0, 1)
  /// In [0, n), n > 0.
  int64_t below(int64_t n) noexcept {
    return static_cast<int64_t>(stream_.below(next_++, static_cast<uint64_t>(n)));
  }

 private:
  const Random& stream_;
  uint64_t next_;
};

/// `count` places of a sequence, `stride` apart.
struct Strided {
  int32_t* first;
  int64_t count, stride = 1;

  int32_t& operator[](int64_t i) const noexcept { return first[i * stride]; }
  Strided head(int64_t n) const noexcept { return {first, n, stride}; }
};

/// Every order equally likely (Fisher and Yates).
void shuffle(Draws& draws, Strided ids) noexcept;
/// Fills `ids` with different ids of [first, first + range), every arrangement equally likely;
/// ids.count <= range.
void draw_distinct(Draws& draws, int64_t first, int64_t range, Strided ids) noexcept;
/// Fills `ids` with ids of [first, first + range), each drawn by itself.
void draw_ids(Draws& draws, int64_t first, int64_t range, std::span<int32_t> ids) noexcept;

}  // namespace weft
