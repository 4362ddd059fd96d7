// weft check: every kernel against its reference, on this machine; with a configuration, the checks
// of the grid on that.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "attention/attention.h"
#include "base/error.h"
#include "cli/check_design.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "io/json.h"
#include "ops/kernel.h"

namespace weft::cli {
namespace {

std::string verdict(const KernelRow& row) {
  if (!row.refused.empty()) return "refused: " + row.refused;
  if (row.ok()) return "ok";
  return row.fault.empty() ? "FAILED: error above the limit" : "FAILED: " + row.fault;
}

std::string error_cell(const KernelRow& row, double error, double limit) {
  if (!row.refused.empty()) return "";
  return fmt::format("{:.1e} / {:.1e}", error, limit);
}

nlohmann::json to_json(const KernelRow& row) {
  nlohmann::json j{{"op", row.op}, {"kernel", row.kernel}, {"dtype", row.dtype}};
  if (!row.refused.empty()) {
    j["refused"] = row.refused;
    return j;
  }
  j["ok"] = row.ok();
  j["forward_error"] = row.forward_error;
  j["forward_limit"] = row.forward_limit;
  j["backward_error"] = row.backward_error;
  j["backward_limit"] = row.backward_limit;
  if (!row.fault.empty()) j["fault"] = row.fault;
  return j;
}

class CheckVerb final : public Verb {
 public:
  std::string_view name() const override { return "check"; }
  std::string_view summary() const override {
    return "Hold every kernel against its float64 reference, or a design against what must be true "
           "of it";
  }
  void declare(Flags& flags) override {
    flags.text("CONFIG", what_, "a TOML file or a design; none: the kernels of this machine");
    flags.repeated("--set", settings_, "key=value, overrides the configuration");
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
    std::vector<KernelRow> rows;
    const auto add = [&](const std::vector<KernelRow>& more) {
      rows.insert(rows.end(), more.begin(), more.end());
    };
    for (const OpInfo& op : op_registry()) add(op.check(invocation.runtime));
    add(check_attention(invocation.runtime));
    int failed = 0;
    for (const KernelRow& row : rows) failed += row.refused.empty() && !row.ok();
    if (invocation.json) {
      nlohmann::json j{{"machine", machine_name()}, {"failed", failed}, {"kernels", {}}};
      for (const KernelRow& row : rows) j["kernels"].push_back(to_json(row));
      invocation.console.result(io::to_json_text(j));
    } else {
      print(invocation.console, rows, failed);
    }
    return failed == 0 ? 0 : 1;
  }
  static void print(const Console& console, const std::vector<KernelRow>& rows, int failed) {
    Table table({"op", "<kernel", "<type", "forward / limit", "backward / limit", "<result"});
    for (const KernelRow& r : rows) {
      table.row({r.op, r.kernel, r.dtype, error_cell(r, r.forward_error, r.forward_limit),
                 error_cell(r, r.backward_error, r.backward_limit), verdict(r)});
    }
    console.result(table.str());
    console.note(fmt::format("{}: {}{}", machine_name(),
                             failed == 0 ? "every kernel agrees with its reference"
                                         : fmt::format("{} kernels FAILED", failed),
                             has_bf16_dot() ? "" : "; no bf16 dot product, f32 stands in for it"));
  }

  std::string what_;
  std::vector<std::string> settings_;
};

}  // namespace

std::unique_ptr<Verb> make_check() {
  return std::make_unique<CheckVerb>();
}

}  // namespace weft::cli
