// weft icl oracles: what is known exactly, its value on this machine, and how far it is from the
// prediction.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/icl.h"
#include "cli/table.h"
#include "io/json.h"
#include "lab/icl/oracles.h"

namespace weft::cli {
namespace {

struct Checked {
  const icl::OracleGroup* group;
  std::vector<icl::Oracle> oracles;
};

std::string to_json(const std::vector<Checked>& all, int failed) {
  nlohmann::json j{{"failed", failed}, {"oracles", nlohmann::json::array()}};
  for (const Checked& checked : all) {
    for (const icl::Oracle& o : checked.oracles) {
      const size_t semicolon = o.by.find("; ");
      j["oracles"].push_back({{"group", checked.group->id},
                              {"fact", checked.group->what},
                              {"name", o.name},
                              {"value", o.value},
                              {"prediction", o.prediction},
                              {"difference", o.difference()},
                              {"limit", o.limit},
                              {"value_by", o.by.substr(0, semicolon)},
                              {"prediction_by", o.by.substr(semicolon + 2)},
                              {"ok", o.holds()}});
    }
  }
  return io::to_json_text(j);
}

std::string to_text(const std::vector<Checked>& all, int failed) {
  std::string text;
  size_t count = 0;
  for (const Checked& checked : all) {
    text += fmt::format("{}: {}\n", checked.group->id, checked.group->what);
    Table table({"", "value", "prediction", "difference", "limit", "<", "<by"});
    for (const icl::Oracle& o : checked.oracles) {
      table.row({"  " + o.name, fmt::format("{:.10g}", o.value),
                 fmt::format("{:.10g}", o.prediction), fmt::format("{:.1e}", o.difference()),
                 fmt::format("{:.1e}", o.limit), o.holds() ? "ok" : "FAILED", o.by});
    }
    text += table.str() + "\n";
    count += checked.oracles.size();
  }
  text += failed == 0 ? fmt::format("all {} oracles hold\n", count)
                      : fmt::format("{} of {} oracles FAILED\n", failed, count);
  return text;
}

}  // namespace

int icl_oracles(const IclArguments&, const Invocation& invocation) {
  std::vector<Checked> all;
  int failed = 0;
  for (const icl::OracleGroup& group : icl::oracle_groups()) {
    all.push_back({&group, group.run()});
    for (const icl::Oracle& o : all.back().oracles) failed += !o.holds();
  }
  invocation.console.result(invocation.json ? to_json(all, failed) : to_text(all, failed));
  return failed == 0 ? 0 : 1;
}

}  // namespace weft::cli
