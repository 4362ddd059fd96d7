// What a model costs and how it is wired, in numbers and in plain text, without building it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/axes.h"
#include "model/config.h"
#include "model/layout.h"
#include "model/parameter_list.h"

namespace weft {

/// What one layer owns and reads.
struct LayerPlan {
  int layer = 0;
  std::vector<int> k_heads, v_heads;  ///< kv heads that are projected
  std::vector<int> k_slots, v_slots;  ///< cache slots that its heads read, each once
  int64_t window = 0;
  std::string mechanism, position;
};

struct Explanation {
  int64_t parameters = 0;
  std::array<int64_t, kParameterGroups> by_group{};  ///< indexed by ParameterGroup

  /// FLOPs of one token: forward, training (forward and backward) at windows of `context` tokens,
  /// and decoding one token with `context` tokens in the cache: 4 head_dim a query head for each
  /// key that it sees, or 4 head_dim^2 to update and read a recurrent state.
  double forward_flops = 0, training_flops = 0, decode_flops = 0;

  size_t element = 2;                ///< bytes of a cached number
  int64_t context = 0;               ///< tokens in the cache
  int64_t cache_per_token = 0;       ///< bytes that one more token costs while no window is full
  int64_t cache_fixed = 0;           ///< bytes of recurrent states, whatever the length
  int64_t cache_total = 0;           ///< bytes of one sequence of `context` tokens
  int64_t cache_read_per_token = 0;  ///< bytes of cache and states that decoding one token reads
  /// Bytes of weights that it reads: all but the embedding table, of which it reads a row; looped
  /// blocks every time they run. Matrices in the type of the cache, vectors in f32 (or f64).
  int64_t weights_read_per_token = 0;

  std::vector<LayerPlan> layers;
  std::vector<CacheSlot> slots;
  std::vector<std::string> notes;
};

/// Model FLOPs per token: 6 for each parameter that multiplies (all but the embedding table; the
/// output head counts, tied or not; looped blocks count each time they run), and 6 heads head_dim T
/// a layer and set of keys for causal attention over windows of T tokens (forward and backward; a
/// shorter attention window w sees w (1 - w / 2T) keys on average instead of T / 2). A recurrent
/// layer counts its state instead of keys: a token updates and reads head_dim^2 numbers a query
/// head, 4 head_dim^2 FLOPs forward, 12 in training, at every length.
double training_flops(const ModelConfig& config, const Layout& layout,
                      const std::vector<ParameterSpec>& parameters, int64_t context,
                      const Axes& axes = Axes());

/// `context`: 0: config.context. `element`: bytes of a cached number.
Explanation explain(const ModelConfig& config, const Layout& layout, int64_t context = 0,
                    size_t element = 2, const Axes& axes = Axes());

/// "1,234,567"
std::string grouped(int64_t n);
/// "9,216 B", "51.2 MiB"
std::string in_bytes(int64_t n);

/// The numbers, the plan layer by layer and the notes; lines of at most 80 columns.
std::string explain_text(const ModelConfig& config, const Explanation& explanation);

}  // namespace weft
