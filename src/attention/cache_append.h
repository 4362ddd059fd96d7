// Writes the fresh keys or values of a chunk into a cache. Runs after every op that reads the
// cache.
#pragma once

#include <memory>
#include <vector>

#include "attention/attention.h"

namespace weft {

/// Inputs: fresh tensors [rows, width], to which `heads` refer; the last input is the cache itself,
/// [batch, heads, capacity, head_dim] of the same type, written in place: head h of the cache takes
/// heads[h]. Row i of sequence b goes to index (past + i) % capacity; of a chunk longer than the
/// cache only the last `capacity` rows are written. No outputs, no gradients: inference only.
struct CacheAppendSpec {
  int64_t head_dim = 64;
  std::vector<HeadRef> heads;
};

std::unique_ptr<Op> make_cache_append(const CacheAppendSpec& spec);

}  // namespace weft
