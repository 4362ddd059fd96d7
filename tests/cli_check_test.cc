// weft check with a configuration.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/json.h"

namespace weft::system_test {
namespace {

TEST(CliCheck, ADesignPasses) {
  const Output got =
      weft({"check", "sla", "--set", "model.kv_heads=2", "--set", "model.layers=12"});
  EXPECT_EQ(got.code, 0) << got.out << got.err;
  for (const char* name : {"gradients", "causality", "decoding-f64", "cache", "resume"}) {
    EXPECT_NE(got.out.find(name), std::string::npos) << got.out;
  }
  EXPECT_NE(got.err.find("every check passes"), std::string::npos) << got.err;
  EXPECT_FALSE(has_controls(got.out + got.err));
}

TEST(CliCheck, JsonIsOneDocument) {
  const Scratch scratch;
  const std::string file = scratch.file(
      "own.toml", "[model]\nwiring = [\"value-residual\"]\nmechanism = \"stick-breaking\"\n");
  const Output got = weft({"check", file, "--json"});
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.err, "");
  const nlohmann::json j = io::parse_json(got.out, "stdout");
  EXPECT_EQ(j.at("failed"), 0);
  EXPECT_EQ(j.at("subject"), file);
  EXPECT_EQ(j.at("sizes").at("vocab"), 13);
  EXPECT_GE(j.at("checks").size(), 14u);
  for (const nlohmann::json& check : j.at("checks")) {
    EXPECT_EQ(check.at("ok"), true);
    EXPECT_LE(check.at("measured").get<double>(), check.at("limit").get<double>());
    EXPECT_FALSE(check.at("name").get<std::string>().empty());
  }
}

// One kernel of each op is chosen for each type, and the others say why not.
TEST(CliCheck, SaysWhichKernelIsChosenAndWhyNotTheOthers) {
  const nlohmann::json listed = io::parse_json(weft({"kernels", "--json"}).out, "kernels");
  std::string weakest;
  for (const nlohmann::json& isa : listed.at("isas")) {
    if (!isa.contains("refused")) weakest = isa.at("name");
  }
  const Output got = weft({"check", "--json", "--isa", weakest});
  EXPECT_EQ(got.code, 0) << got.err;
  const nlohmann::json j = io::parse_json(got.out, "stdout");
  EXPECT_EQ(j.at("bf16_dot"), false);
  std::map<std::string, int> chosen;
  for (const nlohmann::json& row : j.at("kernels")) {
    const std::string what =
        row.at("op").get<std::string>() + " " + row.at("dtype").get<std::string>();
    chosen[what] += row.at("chosen").get<bool>() ? 1 : 0;
    EXPECT_FALSE(row.at("standing").get<std::string>().empty()) << row;
    EXPECT_NE(row.contains("refused"), row.contains("forward_error")) << row;
  }
  EXPECT_GE(chosen.size(), 30u);
  for (const auto& [what, count] : chosen) EXPECT_EQ(count, 1) << what;
}

TEST(CliCheck, RefusesWhatCannotBeChecked) {
  expect_refused(weft({"check", "--set", "model.layers=2"}), "weft check: --set");
  expect_refused(weft({"check", "transfromer"}), "transfromer");
  expect_refused(weft({"check", "transformer", "--set", "model.kv_heads=5"}), "model.kv_heads");
  expect_refused(weft({"check", "transformer", "--set",
                       "model.wiring=[\"value-residual\", \"shared-value\"]"}),
                 "value-residual");
  expect_refused(weft({"check", "transformer", "sla"}), "sla");
}

}  // namespace
}  // namespace weft::system_test
