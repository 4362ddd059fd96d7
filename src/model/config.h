// The configuration of a model: three orthogonal axes (mechanism, position, wiring) plus sizes,
// resolved to one entry per layer. Plain data; reading it from TOML is model/config_toml.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/args.h"

namespace weft {

/// What may differ from layer to layer ([[model.layer]] overrides).
struct LayerConfig {
  std::string mechanism = "softmax";
  Args mechanism_args;
  std::string position = "rope";
  Args position_args;
  int64_t kv_heads = 6;
  int64_t window = 0;  ///< visible keys; 0: all

  int64_t group(int64_t heads) const { return heads / kv_heads; }
  bool operator==(const LayerConfig&) const = default;
};

struct WiringConfig {
  std::string name;
  Args args;
  bool operator==(const WiringConfig&) const = default;
};

/// Values of ModelConfig::composition.
inline constexpr const char* kAliasWins = "alias-wins";
inline constexpr const char* kBlendFollower = "blend-follower";

/// A term of a [[model.mix]] table, as written; its coefficient is scale * gain.
struct MixTermConfig {
  std::string from;  ///< "v[0]", "v[l-1]", "y[-1..l-1]" (model/tap_pattern.h)
  double scale = 1;
  double gain = 1;          ///< where it starts if it is learned
  bool learn = false;       ///< the gain
  bool raw = false;         ///< what the block computes instead of what its readers see
  bool complement = false;  ///< scale * (1 - the gain of the term before)
  bool operator==(const MixTermConfig&) const = default;
};

/// A [[model.mix]] table, as written: one affine mix for each layer that `to` names.
struct MixConfig {
  std::string name;            ///< of its gains; "": the port and the table's number
  std::string to;              ///< "v[1..]", "x[L]"
  std::vector<int64_t> heads;  ///< of the destination: first and one after the last; empty: all
  std::vector<MixTermConfig> terms;
  bool operator==(const MixConfig&) const = default;
};

/// Blocks first to last (both counted) are run `repeats` times, one pass after the other, with the
/// same weights. A map from layers to weights, no wiring.
struct LoopConfig {
  int64_t first = 0, last = 0;  ///< blocks
  int64_t repeats = 1;          ///< 1: no loop
  bool inject = false;  ///< every pass after the first also adds the input of the first to its own

  int64_t length() const { return last - first + 1; }
  bool operator==(const LoopConfig&) const = default;
};

struct ModelConfig {
  std::string design = "transformer";  ///< the name it started from; a label
  int64_t vocab = 256;
  int64_t dim = 384;
  int64_t layers = 6;  ///< blocks of weights; a loop executes some of them several times
  int64_t heads = 6;
  int64_t head_dim = 64;
  int64_t ffn = 1024;
  int64_t context = 512;
  bool tie_embeddings = false;
  double norm_eps = 1e-5;
  LoopConfig loop;
  std::vector<LayerConfig> layer;    ///< one entry for each executed layer, depth() in all
  std::vector<WiringConfig> wiring;  ///< applied as a composition; empty: the plain stack
  std::vector<MixConfig> mixes;      ///< the user's own wiring, one more in that composition
  /// Where one wiring shares a head and another mixes it: the mix gives way (alias-wins), or mixes
  /// what is shared in the place of the layer's own (blend-follower).
  std::string composition = kAliasWins;
  /// The id with which a document begins, where the model was trained on documents that do not see
  /// each other (data.mask_documents): attention reaches back to the last such token, and positions
  /// restart there. Negative: attention crosses documents. No key of [model]: it follows the data.
  int64_t document_separator = -1;

  int64_t q_width() const { return heads * head_dim; }
  /// Executed layers. Wirings, taps, windows and caches count these; weights count blocks.
  int64_t depth() const { return layers + (loop.repeats - 1) * loop.length(); }
  /// The block whose weights executed layer l uses.
  int64_t block_of(int64_t l) const {
    if (l < loop.first) return l;
    if (l < loop.first + loop.repeats * loop.length()) {
      return loop.first + (l - loop.first) % loop.length();
    }
    return l - (loop.repeats - 1) * loop.length();
  }
  bool operator==(const ModelConfig&) const = default;
};

}  // namespace weft
