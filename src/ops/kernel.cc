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

std::vector<KernelChoice> list_kernels(std::span<const KernelTag> tags, const Runtime& runtime) {
  std::vector<KernelChoice> all;
  for (const KernelTag& tag : tags) {
    for (const DType type : tag.dtypes) {
      KernelChoice row{tag.name, type, refusal(tag, type, runtime), false};
      row.chosen =
          row.refused.empty() && std::none_of(all.begin(), all.end(), [&](const auto& faster) {
            return faster.dtype == type && faster.chosen;
          });
      all.push_back(std::move(row));
    }
  }
  return all;
}

}  // namespace weft
