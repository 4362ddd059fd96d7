#include "cli/check_design.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/table.h"
#include "io/json.h"
#include "lab/checks/check.h"
#include "lab/checks/shrink.h"
#include "train/run_config.h"

namespace weft::cli {
namespace {

/// A folder of the system's temporary ones, removed with all it holds.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "weft-check-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      fail(ErrorCode::runtime, {name, "to make a folder for a checkpoint", "no success",
                                "is the temporary folder full?"});
    }
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string path() const { return path_; }

 private:
  std::string path_;
};

struct Row {
  checks::Check check;
  checks::Result result;
};

std::vector<Row> run_all(const Invocation& invocation, const checks::Subject& subject) {
  std::vector<Row> rows;
  const bool live = !invocation.json;
  for (const checks::Check& check : checks::all()) {
    if (live) {
      invocation.console.live(
          fmt::format("{}/{} {}", rows.size() + 1, checks::all().size(), check.question));
    }
    rows.push_back({check, checks::run(check, subject)});
  }
  invocation.console.end_live();
  return rows;
}

std::string verdict(const checks::Result& r) {
  return r.skipped ? "does not apply" : r.ok ? "ok" : "FAILED";
}

std::string table_of(const std::vector<Row>& rows) {
  Table table({"check", "measured", "limit", "<verdict", "<what must hold"});
  std::string failures;
  for (const Row& row : rows) {
    const checks::Check& check = row.check;
    const checks::Result& result = row.result;
    const auto number = [&](double x) {
      return result.skipped ? std::string() : fmt::format("{:.2g}", x);
    };
    table.row({std::string(check.name), number(result.measured), number(result.limit),
               verdict(result), std::string(check.question)});
    if (!result.ok) failures += fmt::format("{}: {}\n", check.name, result.message);
  }
  return table.str() + (failures.empty() ? "" : "\n" + failures);
}

nlohmann::json sizes_of(const ModelConfig& c) {
  return {{"layers", c.layers},     {"heads", c.heads}, {"kv_heads", c.layer[0].kv_heads},
          {"head_dim", c.head_dim}, {"dim", c.dim},     {"context", c.context},
          {"vocab", c.vocab}};
}

std::string json_of(const std::string& what, const ModelConfig& small, const std::vector<Row>& rows,
                    int failed) {
  nlohmann::json j{{"subject", what}, {"sizes", sizes_of(small)}, {"failed", failed}};
  for (const auto& [check, result] : rows) {
    j["checks"].push_back({{"name", check.name},
                           {"question", check.question},
                           {"ok", result.ok},
                           {"skipped", result.skipped},
                           {"measured", result.measured},
                           {"limit", result.limit},
                           {"message", result.message}});
  }
  return io::to_json_text(j);
}

}  // namespace

int check_design(const Invocation& invocation, const std::string& what,
                 const std::vector<std::string>& settings) {
  std::vector<io::Override> overrides;
  for (const std::string& text : settings) overrides.push_back(io::parse_override(text));
  const ModelConfig small = checks::shrink(load_run_config(what, overrides).model);
  const ScratchFolder scratch;
  checks::Subject subject(small, Axes(), scratch.path());
  subject.isa = invocation.runtime.isa;
  const std::vector<Row> rows = run_all(invocation, subject);
  int failed = 0;
  for (const Row& row : rows) failed += row.result.ok ? 0 : 1;
  if (invocation.json) {
    invocation.console.result(json_of(what, small, rows, failed));
  } else {
    invocation.console.result(table_of(rows));
    invocation.console.note(
        fmt::format("{} at {} layers, {} heads of {} channels: {}", what, small.layers, small.heads,
                    small.head_dim,
                    failed == 0 ? "every check passes" : fmt::format("{} checks FAILED", failed)));
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace weft::cli
