#include "attention/positions/alibi.h"
#include "attention/positions/none.h"
#include "attention/positions/position.h"
#include "attention/positions/rope.h"
#include "base/error.h"

namespace weft {

PositionRegistry::PositionRegistry() {
  add(kRope);
  add(kAlibi);
  add(kNoPosition);
}

void PositionRegistry::add(const PositionInfo& info) {
  for (const PositionInfo* known : infos_) {
    if (known->name == info.name) {
      fail(ErrorCode::usage, {"positions", "a new name", std::string(info.name), ""});
    }
  }
  infos_.push_back(&info);
}

const PositionInfo& PositionRegistry::find(std::string_view name) const {
  std::vector<std::string> names;
  for (const PositionInfo* info : infos_) {
    if (info->name == name) return *info;
    names.emplace_back(info->name);
  }
  fail(ErrorCode::config,
       {"position", "a known position", std::string(name), suggestion(name, names)});
}

}  // namespace weft
