// weft reproduce from the command line, at the scale that takes seconds.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli_run.h"
#include "io/json.h"

namespace weft::system_test {
namespace {

using nlohmann::json;

/// Without what a clock decides.
json timeless(json results) {
  results.erase("seconds");
  for (json& run : results.at("runs")) run.erase("seconds");
  return results;
}

TEST(CliReproduce, WritesResultsFiguresAndAReport) {
  const Scratch scratch;
  const std::string one = scratch / "one", two = scratch / "two";
  const Output got = weft({"reproduce", "linear-attention", "--scale", "smoke", "--out", one,
                           "--threads", "1", "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_FALSE(has_controls(got.err)) << got.err;
  const json results = io::parse_json(got.out, "stdout");
  EXPECT_EQ(results, io::read_json(one + "/results.json"));
  EXPECT_EQ(results.at("scale"), "smoke");
  EXPECT_EQ(results.at("verdicts").size(), 10u);
  ASSERT_GE(results.at("figures").size(), 15u);
  const std::string report = content(one + "/report.html");
  for (const json& file : results.at("figures")) {
    const std::string svg = content(one + "/" + file.get<std::string>());
    EXPECT_EQ(svg.rfind("<svg", 0), 0u) << file;
    EXPECT_NE(report.find(svg), std::string::npos) << file;
  }
  EXPECT_EQ(report.find("<script"), std::string::npos);
  for (const json& quantity : results.at("quantities")) {
    EXPECT_TRUE(quantity.contains("mean")) << quantity;
  }
  // Threads change nothing.
  const Output again =
      weft({"reproduce", "linear-attention", "--scale", "smoke", "--out", two, "--threads", "2"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(timeless(results), timeless(io::read_json(two + "/results.json")));
  expect_refused(weft({"reproduce", "linear-attention", "--out", one}), "results.json");
}

TEST(CliReproduce, RefusesWhatItDoesNotKnow) {
  const Scratch scratch;
  expect_refused(weft({"reproduce", "linear-atention", "--out", scratch / "a"}),
                 "linear-attention");
  expect_refused(weft({"reproduce", "linear-attention", "--out", scratch / "a", "--scale", "huge"}),
                 "laptop");
  expect_refused(weft({"reproduce", "linear-attention"}), "--out");
}

}  // namespace
}  // namespace weft::system_test
