#include "attention/mechanisms/registry.h"

#include "attention/mechanism.h"
#include "base/error.h"

namespace weft {

MechanismRegistry::MechanismRegistry() {
#define WEFT_ADD(name) add(name##_mechanism());
  WEFT_MECHANISMS(WEFT_ADD)
#undef WEFT_ADD
}

void MechanismRegistry::add(const MechanismInfo& info) {
  for (const MechanismInfo* known : infos_) {
    if (known->name == info.name) {
      fail(ErrorCode::usage, {"mechanisms", "a new name", std::string(info.name), ""});
    }
  }
  infos_.push_back(&info);
}

const MechanismInfo& MechanismRegistry::find(std::string_view name) const {
  std::vector<std::string> names;
  for (const MechanismInfo* info : infos_) {
    if (info->name == name) return *info;
    names.emplace_back(info->name);
  }
  fail(ErrorCode::config,
       {"mechanism", "a known mechanism", std::string(name), suggestion(name, names)});
}

}  // namespace weft
