// weft designs: what there is to choose from.
#include "model/designs.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/verb.h"
#include "io/json.h"

namespace weft::cli {
namespace {

class DesignsVerb final : public Verb {
 public:
  std::string_view name() const override { return "designs"; }
  std::string_view summary() const override { return "The named designs"; }
  void declare(Flags&) override {}

  int run(const Invocation& invocation) override {
    invocation.console.result(invocation.json ? to_json() : to_table());
    return 0;
  }

 private:
  static std::string to_json() {
    nlohmann::json j{{"designs", nlohmann::json::array()}};
    for (const Design& d : designs()) {
      j["designs"].push_back({{"name", d.name},
                              {"family", d.family},
                              {"source", d.source},
                              {"summary", d.summary},
                              {"mechanism", d.mechanism},
                              {"position", d.position},
                              {"wiring", d.wiring}});
    }
    return io::to_json_text(j);
  }

  /// Families in the order of their first design, so that a design may be registered anywhere.
  static std::string to_table() {
    std::vector<std::string_view> families;
    for (const Design& d : designs()) {
      if (std::find(families.begin(), families.end(), d.family) == families.end()) {
        families.push_back(d.family);
      }
    }
    Table table({"design", "<family", "<what", "<source"});
    for (const std::string_view family : families) {
      for (const Design& d : designs()) {
        if (d.family != family) continue;
        table.row({std::string(d.name), std::string(d.family), std::string(d.summary),
                   std::string(d.source)});
      }
    }
    return table.str();
  }
};

}  // namespace

std::unique_ptr<Verb> make_designs() {
  return std::make_unique<DesignsVerb>();
}

}  // namespace weft::cli
