// The wirings there are, by name. A program that links the library adds its own to a copy and hands
// that down; nothing is registered behind anybody's back.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/args.h"
#include "model/config.h"
#include "model/wiring.h"

namespace weft {

struct WiringInfo {
  std::string_view name;
  std::string_view source;   ///< where it was published: an arXiv id
  std::string_view summary;  ///< one line
  std::span<const ArgSpec> args;
  /// The mixes for a configuration whose per-layer entries are filled in. Throws Error(config) at
  /// an argument that does not fit the model.
  std::function<Wiring(const ModelConfig&, const Args&)> make;
  /// Values of the arguments that were not given and whose default depends on the model or on other
  /// arguments; null where there are none.
  std::function<std::map<std::string, Arg>(const ModelConfig&, const Args&)> settle = nullptr;
  /// Arguments under which the wiring changes nothing, bit for bit: every such setting that there
  /// is. The checks of a design (lab/checks) hold it to that. Null where there is none.
  std::function<std::vector<std::map<std::string, Arg>>(const ModelConfig&)> neutral = nullptr;
};

/// The wirings that a program knows: those of the library, and what it adds itself.
class WiringRegistry {
 public:
  WiringRegistry();
  /// Throws Error(usage) where the name is taken, or is "mix" or "loop".
  void add(const WiringInfo& wiring);
  /// Throws Error(config) with the nearest name.
  const WiringInfo& find(std::string_view name) const;
  std::span<const WiringInfo> all() const { return wirings_; }

 private:
  std::vector<WiringInfo> wirings_;
};

/// Checks the arguments of a wiring and settles every default. Throws Error(config) naming `where`
/// they stand; "": "model.wiring_args.<name>".
WiringConfig configure_wiring(const ModelConfig& config, std::string_view name,
                              const std::map<std::string, Arg>& given,
                              const WiringRegistry& registry, std::string_view where = "");
/// The wiring as data.
Wiring make_wiring(const ModelConfig& config, const WiringConfig& wiring,
                   const WiringRegistry& registry);

}  // namespace weft
