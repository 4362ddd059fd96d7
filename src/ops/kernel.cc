#include "ops/kernel.h"

#include <algorithm>

namespace weft {

std::string refusal(const KernelTag& tag, DType dtype, const Runtime& runtime) {
  if (!runtime.kernel.empty() && tag.name != runtime.kernel && tag.name != "ref") {
    return "not the one asked for (" + runtime.kernel + ")";
  }
  if (tag.isa > runtime.isa) return "needs " + std::string(name_of(tag.isa));
  if (std::find(tag.dtypes.begin(), tag.dtypes.end(), dtype) == tag.dtypes.end()) {
    std::string list;
    for (const DType t : tag.dtypes) list += (list.empty() ? "" : ", ") + std::string(name_of(t));
    return "takes " + list;
  }
  return {};
}

}  // namespace weft
