// weft kernels: every op with its kernels, fastest first; which one each type gets on this
// machine, and why the others are not taken.
#include <nlohmann/json.hpp>

#include "cli/kernel_list.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "io/json.h"

namespace weft::cli {
namespace {

std::string to_json(const Runtime& runtime) {
  nlohmann::json j{{"machine", machine_name()}, {"ops", nlohmann::json::array()}};
  add_isas(runtime, j);
  for (const KernelList& list : kernel_lists(runtime)) {
    nlohmann::json op{{"name", list.op}, {"formula", list.formula}};
    op["kernels"] = nlohmann::json::array();
    for (const KernelChoice& kernel : list.kernels) {
      nlohmann::json row{{"name", kernel.kernel}, {"dtype", name_of(kernel.dtype)}};
      add_standing(kernel, row);
      op["kernels"].push_back(std::move(row));
    }
    j["ops"].push_back(std::move(op));
  }
  return io::to_json_text(j);
}

std::string to_table(const Runtime& runtime) {
  Table table({"op", "<kernel", "<type", "<here"});
  for (const KernelList& list : kernel_lists(runtime)) {
    for (const KernelChoice& kernel : list.kernels) {
      table.row({list.op, std::string(kernel.kernel), std::string(name_of(kernel.dtype)),
                 standing(kernel)});
    }
  }
  return isa_text(runtime) + "\n" + table.str();
}

class KernelsVerb final : public Verb {
 public:
  std::string_view name() const override { return "kernels"; }
  std::string_view summary() const override { return "The ops, their kernels, and what runs here"; }
  std::vector<Example> examples() const override {
    return {{"weft kernels", "which kernels run here, and why others do not"},
            {"weft kernels --isa avx2", "and on a lesser machine"}};
  }
  void declare(Flags&) override {}

  int run(const Invocation& invocation) override {
    invocation.console.result(invocation.json ? to_json(invocation.runtime)
                                              : to_table(invocation.runtime));
    return 0;
  }
};

}  // namespace

std::unique_ptr<Verb> make_kernels() {
  return std::make_unique<KernelsVerb>();
}

}  // namespace weft::cli
