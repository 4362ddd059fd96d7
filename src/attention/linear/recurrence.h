// Linear attention: what its arguments come down to, and where a sequence is cut into chunks. Light
// enough for *_simd.cc files. Formulas and derivations: README.md.
#pragma once

#include "attention/addressing.h"

namespace weft {

/// phi of queries and keys, channel by channel.
enum class Feature : uint8_t { elu1, relu, identity };

struct Recurrence {
  Feature feature;
  bool normalise;   ///< rows are divided by phi(q) . (sum of phi(k))
  double momentum;  ///< mu, in [0, 1)

  /// Matrices that a state holds: S, and P where there is momentum.
  [[gnu::always_inline]] Int matrices() const { return momentum > 0 ? 2 : 1; }
  /// Numbers that a state holds for each key channel: rows of S, of P, and of z.
  [[gnu::always_inline]] Int columns(Int value_dim) const {
    return matrices() * value_dim + (normalise ? 1 : 0);
  }
};

[[gnu::always_inline]] inline Recurrence recurrence_of(const MechanismSettings& settings) {
  return {static_cast<Feature>(settings.numbers[0]), settings.numbers[1] != 0, settings.numbers[2]};
}

/// Rows of a chunk. Products inside a chunk cost 4 kChunk (D + E) / 2 FLOP a row, those with the
/// state 4 D E: at 64 channels both cost the same.
inline constexpr Int kChunk = 64;

/// Rows [first, first + count) of a sequence, all of one document; cut at multiples of kChunk of
/// the index within it, so that packing and the chunks of a prefill change nothing but the last
/// bits.
struct Chunk {
  Int first, count;
  bool fresh;  ///< a document begins here: the state is zero
};
[[gnu::always_inline]] inline Chunk chunk_at(const AttentionRun& run, Int b, Int first) {
  const Int row = b * run.time + first, document = document_of(run, row);
  const Int index = larger(0, run.past + first - document);
  const Int most = smaller(run.time - first, kChunk - index % kChunk);
  Int count = 1;
  while (count < most && document_of(run, row + count) == document) ++count;
  return {first, count, index == 0};
}
/// No row of this run continues the document of the chunk.
[[gnu::always_inline]] inline bool ends_document(const AttentionRun& run, Int b, const Chunk& c) {
  const Int next = c.first + c.count;
  return next == run.time || chunk_at(run, b, next).fresh;
}

/// Element (d, 0) of the state of a key/value head: [batch, kv_heads, head_dim, columns].
template <class C>
[[gnu::always_inline]] inline C* state_of(const AttentionProblem& p, const AttentionRun& run,
                                          Int columns, Int b, Int kv) {
  return static_cast<C*>(run.state) + (b * p.kv_heads + kv) * p.head_dim * columns;
}

}  // namespace weft
