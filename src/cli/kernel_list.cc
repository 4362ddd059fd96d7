#include "cli/kernel_list.h"

#include <nlohmann/json.hpp>

#include "attention/mechanism.h"
#include "cli/table.h"

namespace weft::cli {

std::vector<KernelList> kernel_lists(const Runtime& runtime) {
  std::vector<KernelList> all;
  for (const OpInfo& op : op_registry()) {
    all.push_back(
        {std::string(op.name), std::string(op.formula), list_kernels(op.kernels(), runtime)});
  }
  const MechanismRegistry mechanisms;
  for (const MechanismInfo* m : mechanisms.all()) {
    all.push_back({"attention " + std::string(m->name), std::string(m->formula),
                   list_kernels(tags_of(m->kernels), runtime)});
  }
  return all;
}

std::string standing(const KernelChoice& kernel) {
  if (!kernel.refused.empty()) return kernel.refused;
  if (kernel.chosen) return "chosen";
  return kernel.kernel == "ref" ? "works, last" : "works, slower";
}

void add_standing(const KernelChoice& kernel, nlohmann::json& row) {
  row["standing"] = standing(kernel);
  row["chosen"] = kernel.chosen;
  if (!kernel.refused.empty()) row["refused"] = kernel.refused;
}

std::vector<IsaState> isa_states(const Runtime& runtime) {
  std::vector<IsaState> all;
  for (const Isa isa : all_isas()) {
    std::string why = refusal(isa);
    if (why.empty() && isa > runtime.isa) {
      why = "not allowed by --isa " + std::string(name_of(runtime.isa));
    }
    all.push_back({name_of(isa), std::move(why)});
  }
  return all;
}

bool widens_bf16(const Runtime& runtime) {
  return runtime.isa < Isa::avx512bf16;
}

std::string isa_text(const Runtime& runtime) {
  Table table({"instruction set", "<here"});
  for (const IsaState& isa : isa_states(runtime)) {
    table.row({std::string(isa.name), isa.refused.empty() ? "works" : isa.refused});
  }
  table.row({"bf16 products",
             widens_bf16(runtime) ? "in f32, rounded at the same points" : "by the CPU"});
  return table.str();
}

void add_isas(const Runtime& runtime, nlohmann::json& document) {
  document["isas"] = nlohmann::json::array();
  for (const IsaState& isa : isa_states(runtime)) {
    nlohmann::json row{{"name", isa.name}};
    if (!isa.refused.empty()) row["refused"] = isa.refused;
    document["isas"].push_back(std::move(row));
  }
  document["bf16_dot"] = !widens_bf16(runtime);
}

}  // namespace weft::cli
