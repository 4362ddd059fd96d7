// Where order comes from, and the registry of such schemes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/args.h"

namespace weft {

/// A scheme acts before attention (rotates queries and keys), inside it (slopes), or not at all.
struct PositionInfo {
  std::string_view name;
  std::string_view source;
  std::string_view formula;
  std::span<const ArgSpec> args;
  bool rotates = false;      ///< q and k pass through the rope op (argument theta)
  bool extrapolates = true;  ///< contexts longer than trained are meaningful
  /// Per-head slopes for AttentionSpec::slopes; empty where the scheme has none.
  std::vector<double> (*slopes)(const Args& args, int64_t heads) = nullptr;
};

/// The schemes that a program knows: those of the library, and what it adds itself.
class PositionRegistry {
 public:
  PositionRegistry();
  /// `info` must outlive the registry. Throws Error(usage) where the name is taken.
  void add(const PositionInfo& info);
  /// Throws Error(config) with the nearest name.
  const PositionInfo& find(std::string_view name) const;
  std::span<const PositionInfo* const> all() const { return infos_; }

 private:
  std::vector<const PositionInfo*> infos_;
};

/// Slopes 2^(-8h/H), h = 1..H; where H is not a power of two, those of the next lower power P and
/// then every second one of 2P (arXiv 2108.12409).
std::vector<double> alibi_slopes(int64_t heads);

}  // namespace weft
