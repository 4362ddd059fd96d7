#include "model/wirings/registry.h"

#include "base/error.h"
#include "model/wirings/builtin.h"

namespace weft {
namespace {

std::string key_of(std::string_view name) {
  return "model.wiring_args." + std::string(name);
}

Args settled(const WiringInfo& info, const ModelConfig& config, const Args& args) {
  if (info.settle == nullptr) return args;
  std::map<std::string, Arg> given = info.settle(config, args);
  for (const auto& [name, value] : args.values()) {
    if (args.given(name)) given[name] = value;
  }
  return Args(key_of(info.name), info.args, given);
}

}  // namespace

WiringRegistry::WiringRegistry() {
#define WEFT_ADD(name) add(wirings::name());
  WEFT_WIRINGS(WEFT_ADD)
#undef WEFT_ADD
}

void WiringRegistry::add(const WiringInfo& wiring) {
  if (wiring.name == "mix" || wiring.name == "loop") {
    fail(ErrorCode::usage,
         {"wiring registry", "a name other than those of [[model.mix]] and [model.loop]",
          std::string(wiring.name), ""});
  }
  for (const WiringInfo& w : wirings_) {
    if (w.name == wiring.name) {
      fail(ErrorCode::usage, {"wiring registry", "a name that is free", std::string(w.name), ""});
    }
  }
  wirings_.push_back(wiring);
}

const WiringInfo& WiringRegistry::find(std::string_view name) const {
  std::vector<std::string> names;
  for (const WiringInfo& w : wirings_) {
    if (w.name == name) return w;
    names.emplace_back(w.name);
  }
  fail(ErrorCode::config,
       {"model.wiring", "a known wiring", std::string(name), suggestion(name, names)});
}

WiringConfig configure_wiring(const ModelConfig& config, std::string_view name,
                              const std::map<std::string, Arg>& given,
                              const WiringRegistry& registry, std::string_view where) {
  const WiringInfo& info = registry.find(name);
  const std::string place = where.empty() ? key_of(name) : std::string(where);
  return {std::string(name), settled(info, config, Args(place, info.args, given))};
}

Wiring make_wiring(const ModelConfig& config, const WiringConfig& wiring,
                   const WiringRegistry& registry) {
  const WiringInfo& info = registry.find(wiring.name);
  return info.make(config, settled(info, config, wiring.args));
}

}  // namespace weft
