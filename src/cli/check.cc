// weft check: every kernel against its reference, on this machine; with a configuration, the checks
// of the grid on that.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "attention/attention.h"
#include "base/error.h"
#include "cli/check_design.h"
#include "cli/kernel_list.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "io/json.h"
#include "model/designs.h"
#include "ops/kernel.h"

namespace weft::cli {
namespace {

/// What came of a kernel, and where it stands in the list of its op.
struct Row {
  KernelRow result;
  KernelChoice choice;
};

KernelChoice choice_of(const std::vector<KernelList>& lists, const KernelRow& row) {
  for (const KernelList& list : lists) {
    for (const KernelChoice& kernel : list.kernels) {
      if (list.op == row.op && kernel.kernel == row.kernel && name_of(kernel.dtype) == row.dtype) {
        return kernel;
      }
    }
  }
  return {row.kernel, DType::f32, row.refused, false};
}

std::vector<Row> run_checks(const Runtime& runtime) {
  const std::vector<KernelList> lists = kernel_lists(runtime);
  std::vector<Row> rows;
  const auto add = [&](std::vector<KernelRow> results) {
    for (KernelRow& r : results) {
      const KernelChoice choice = choice_of(lists, r);
      rows.push_back({std::move(r), choice});
    }
  };
  for (const OpInfo& op : op_registry()) add(op.check(runtime));
  add(check_attention(runtime));
  return rows;
}

std::string verdict(const Row& row) {
  if (!row.choice.refused.empty() || row.result.ok()) return standing(row.choice);
  return "FAILED: " + (row.result.fault.empty() ? "error above the limit" : row.result.fault);
}

std::string error_cell(const Row& row, double error, double limit) {
  if (!row.choice.refused.empty()) return "";
  return fmt::format("{:.1e} / {:.1e}", error, limit);
}

nlohmann::json to_json(const Row& row) {
  const KernelRow& r = row.result;
  nlohmann::json j{{"op", r.op}, {"kernel", r.kernel}, {"dtype", r.dtype}};
  add_standing(row.choice, j);
  if (!row.choice.refused.empty()) return j;
  j["ok"] = r.ok();
  j["forward_error"] = r.forward_error;
  j["forward_limit"] = r.forward_limit;
  j["backward_error"] = r.backward_error;
  j["backward_limit"] = r.backward_limit;
  if (!r.fault.empty()) j["fault"] = r.fault;
  return j;
}

/// An op's name above its kernels, so that a line fits into 80 columns.
std::string table_of(const std::vector<Row>& rows) {
  Table table({"kernel", "<type", "forward / limit", "backward / limit", "<here"});
  for (const Row& row : rows) {
    const KernelRow& r = row.result;
    table.row({"  " + r.kernel, r.dtype, error_cell(row, r.forward_error, r.forward_limit),
               error_cell(row, r.backward_error, r.backward_limit), verdict(row)});
  }
  std::istringstream lines(table.str());
  std::string line, text, op;
  std::getline(lines, line);
  text = line + "\n";
  for (const Row& row : rows) {
    if (row.result.op != op) text += (op = row.result.op) + "\n";
    std::getline(lines, line);
    text += line + "\n";
  }
  return text;
}

class CheckVerb final : public Verb {
 public:
  std::string_view name() const override { return "check"; }
  std::string_view summary() const override {
    return "Hold every kernel against its float64 reference, or a design against what must be true "
           "of it";
  }
  std::vector<Example> examples() const override {
    return {{"weft check", "is every kernel right on this machine?"},
            {"weft check resformer --set model.mechanism=stick-breaking",
             "does a design train, decode and resume as it must?"}};
  }
  void declare(Flags& flags) override {
    flags.text("CONFIG", what_, "a TOML file or a design; none: the kernels of this machine")
        .such_as(design_names());
    flags.settings(settings_);
  }

  int run(const Invocation& invocation) override {
    if (!what_.empty()) return check_design(invocation, what_, settings_);
    if (!settings_.empty()) {
      fail(ErrorCode::usage, {"weft check: --set", "a configuration or a design to override",
                              "none", "weft check transformer --set ..."});
    }
    return check_kernels(invocation);
  }

 private:
  static int check_kernels(const Invocation& invocation) {
    const std::vector<Row> rows = run_checks(invocation.runtime);
    int failed = 0;
    for (const Row& row : rows) failed += row.choice.refused.empty() && !row.result.ok();
    if (invocation.json) {
      nlohmann::json j{{"machine", machine_name()}, {"failed", failed}, {"kernels", {}}};
      add_isas(invocation.runtime, j);
      for (const Row& row : rows) j["kernels"].push_back(to_json(row));
      invocation.console.result(io::to_json_text(j));
      return failed == 0 ? 0 : 1;
    }
    invocation.console.result(isa_text(invocation.runtime) + "\n" + table_of(rows));
    invocation.console.note(fmt::format("{}: {}", machine_name(),
                                        failed == 0 ? "every kernel agrees with its reference"
                                                    : fmt::format("{} kernels FAILED", failed)));
    return failed == 0 ? 0 : 1;
  }

  std::string what_;
  std::vector<std::string> settings_;
};

}  // namespace

std::unique_ptr<Verb> make_check() {
  return std::make_unique<CheckVerb>();
}

}  // namespace weft::cli
