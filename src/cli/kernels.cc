// weft kernels: every op with its kernels, fastest first; which one each type gets on this
// machine, and why it cannot run some.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "attention/attention.h"
#include "attention/positions/position.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "io/json.h"
#include "ops/kernel.h"

namespace weft::cli {
namespace {

struct Group {
  std::string name, formula;
  std::vector<KernelChoice> kernels;
};

std::vector<Group> groups(const Runtime& runtime) {
  std::vector<Group> all;
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

std::string verdict(const KernelChoice& kernel) {
  if (!kernel.refused.empty()) return "refused: " + kernel.refused;
  return kernel.chosen ? "chosen" : "runs";
}

class KernelsVerb final : public Verb {
 public:
  std::string_view name() const override { return "kernels"; }
  std::string_view summary() const override { return "The ops, their kernels, and what runs here"; }
  void declare(Flags&) override {}

  int run(const Invocation& invocation) override {
    const std::vector<Group> all = groups(invocation.runtime);
    invocation.console.result(invocation.json ? to_json(all) : to_table(all));
    return 0;
  }

 private:
  static std::string to_json(const std::vector<Group>& all) {
    nlohmann::json j{{"machine", machine_name()}, {"ops", nlohmann::json::array()}};
    for (const Group& group : all) {
      nlohmann::json op{{"name", group.name}, {"formula", group.formula}};
      op["kernels"] = nlohmann::json::array();
      for (const KernelChoice& kernel : group.kernels) {
        nlohmann::json row{{"name", kernel.kernel}, {"dtype", name_of(kernel.dtype)}};
        row["chosen"] = kernel.chosen;
        if (!kernel.refused.empty()) row["refused"] = kernel.refused;
        op["kernels"].push_back(std::move(row));
      }
      j["ops"].push_back(std::move(op));
    }
    return io::to_json_text(j);
  }

  static std::string to_table(const std::vector<Group>& all) {
    Table table({"op", "<kernel", "<type", "<here"});
    for (const Group& group : all) {
      for (const KernelChoice& kernel : group.kernels) {
        table.row({group.name, std::string(kernel.kernel), std::string(name_of(kernel.dtype)),
                   verdict(kernel)});
      }
    }
    return table.str();
  }
};

}  // namespace

std::unique_ptr<Verb> make_kernels() {
  return std::make_unique<KernelsVerb>();
}

}  // namespace weft::cli
