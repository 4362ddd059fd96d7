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

struct ModelConfig {
  std::string design = "transformer";  ///< the name it started from; a label
  int64_t vocab = 256;
  int64_t dim = 384;
  int64_t layers = 6;
  int64_t heads = 6;
  int64_t head_dim = 64;
  int64_t ffn = 1024;
  int64_t context = 512;
  bool tie_embeddings = false;
  double norm_eps = 1e-5;
  std::vector<LayerConfig> layer;    ///< one entry a layer
  std::vector<WiringConfig> wiring;  ///< applied as a composition; empty: the plain stack
  /// Where one wiring shares a head and another mixes it: the mix gives way (alias-wins), or mixes
  /// what is shared in the place of the layer's own (blend-follower).
  std::string composition = kAliasWins;

  int64_t q_width() const { return heads * head_dim; }
  bool operator==(const ModelConfig&) const = default;
};

}  // namespace weft
