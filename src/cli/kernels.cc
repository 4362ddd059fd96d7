// weft kernels: every op with its kernels, fastest first, and why this machine cannot run some.
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
  std::vector<KernelRow> rows;
};

/// The lists of the ops are known through their checks, which are run for it.
std::vector<Group> groups(const Runtime& runtime) {
  std::vector<Group> all;
  for (const OpInfo& op : op_registry()) {
    all.push_back({std::string(op.name), std::string(op.formula), op.check(runtime)});
  }
  const MechanismRegistry mechanisms;
  for (const MechanismInfo* m : mechanisms.all()) {
    Group group{"attention " + std::string(m->name), std::string(m->formula), {}};
    for (const auto& kernel : m->kernels) {
      for (const DType type : kernel.tag.dtypes) {
        KernelRow row;
        row.op = group.name;
        row.kernel = kernel.tag.name;
        row.dtype = name_of(type);
        row.refused = refusal(kernel.tag, type, runtime);
        group.rows.push_back(std::move(row));
      }
    }
    all.push_back(std::move(group));
  }
  return all;
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
      for (const KernelRow& row : group.rows) {
        nlohmann::json kernel{{"name", row.kernel}, {"dtype", row.dtype}};
        if (!row.refused.empty()) kernel["refused"] = row.refused;
        op["kernels"].push_back(std::move(kernel));
      }
      j["ops"].push_back(std::move(op));
    }
    return io::to_json_text(j);
  }

  static std::string to_table(const std::vector<Group>& all) {
    Table table({"op", "<kernel", "<type", "<here"});
    for (const Group& group : all) {
      for (const KernelRow& row : group.rows) {
        table.row({group.name, row.kernel, row.dtype,
                   row.refused.empty() ? "runs" : "refused: " + row.refused});
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
