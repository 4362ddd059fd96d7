// weft bench on stored runs: what it prints, compares and refuses, without measuring anything.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli_run.h"

namespace weft::system_test {
namespace {

std::string stored(double seconds) {
  return nlohmann::json{
      {"machine",
       {{"name", "Loom"},
        {"threads", 2},
        {"peak_gflops_f32", 200},
        {"peak_gflops_bf16", 400},
        {"bandwidth_gb_s", 40}}},
      {"date", "2026-11-22T01:30:05Z"},
      {"results",
       {{{"name", "gemm f32 64x64x64"}, {"bench", "gemm"}, {"seconds", 1}, {"spread", 0.01}},
        {{"name", "train x f32"}, {"bench", "train"}, {"seconds", seconds}, {"spread", 0.01}}}}}
      .dump();
}

TEST(CliBench, PrintsAStoredRun) {
  const Scratch scratch;
  const std::string file = scratch.file("run.json", stored(1));
  const Output table = weft({"bench", "--from", file});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_EQ(table.err, "");
  EXPECT_NE(table.out.find("f32 64x64x64"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("Loom, 2 threads; 2026-11-22T01:30:05Z"), std::string::npos);
  const Output train = weft({"bench", "train", "--from", file, "--markdown"});
  EXPECT_EQ(train.out.find("64x64x64"), std::string::npos) << train.out;
  EXPECT_NE(train.out.find("| train | time | spread |"), std::string::npos) << train.out;
  const Output only = weft({"bench", "--from", file, "--only", "64x", "--json"});
  const nlohmann::json j = nlohmann::json::parse(only.out);
  EXPECT_EQ(j["results"].size(), 1u);
  EXPECT_EQ(j["date"], "2026-11-22T01:30:05Z");
}

TEST(CliBench, ComparesTwoRuns) {
  const Scratch scratch;
  const std::string before = scratch.file("before.json", stored(1)),
                    now = scratch.file("now.json", stored(1.5));
  const Output slower = weft({"bench", "--from", now, "--compare", before});
  EXPECT_EQ(slower.code, 0) << slower.err;
  EXPECT_NE(slower.out.find("train x f32   1.0 s  1.5 s   1.50     5%  slower"), std::string::npos)
      << slower.out;
  EXPECT_NE(slower.out.find("1 of 2 rows within the noise"), std::string::npos) << slower.out;
  const Output json = weft({"bench", "--from", now, "--compare", before, "--json"});
  const nlohmann::json rows = nlohmann::json::parse(json.out)["comparison"]["rows"];
  EXPECT_EQ(rows[1]["verdict"], "slower");
  EXPECT_DOUBLE_EQ(rows[1]["ratio"], 1.5);
}

// Before anything is measured: the refusal comes at once.
TEST(CliBench, RefusesAFileThatIsNoRun) {
  const Scratch scratch;
  const std::string good = scratch.file("good.json", stored(1));
  for (const char* text : {"", "{", "[1]", "{}", R"({"results": [], "machine": {}})"}) {
    const std::string bad = scratch.file("bad.json", text);
    expect_refused(weft({"bench", "--compare", bad}), "bad.json");
    expect_refused(weft({"bench", "--from", good, "--compare", bad}), "bad.json");
    expect_refused(weft({"bench", "--from", bad}), "bad.json");
  }
  expect_refused(weft({"bench", "gemm", "--compare", scratch / "none.json"}), "none.json");
  expect_refused(weft({"bench", "gemm", "--only", "no such row"}), "--only");
}

// Every row of every benchmark is counted before the first is measured.
TEST(CliBench, CountsTheRowsOfEveryBenchmark) {
  for (const char* what :
       {"gemm", "attention", "ops", "train", "decode", "icl", "designs", "scaling"}) {
    expect_refused(weft({"bench", what, "--only", "no such row"}), "--only");
  }
}

// A model whose queries and keys are recorded has to be one of stick-breaking, and asked for.
TEST(CliBench, RecordsOnlyWhereAttentionIsStickBreaking) {
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "transformer"), text = scratch / "text.txt";
  const auto bench = [](std::vector<std::string> args) {
    args.insert(args.begin(), "bench");
    return weft(args);
  };
  expect_refused(bench({"attention", "--model", run, "--data", text}), "softmax in layer 0");
  expect_refused(bench({"gemm", "--model", run, "--data", text}), "got bench gemm");
  expect_refused(bench({"--model", run, "--data", text}), "bench attention");
  expect_refused(bench({"attention", "--model", run}), "together");
  expect_refused(bench({"attention", "--data", text}), "together");
  expect_refused(bench({"attention", "--model", scratch / "none", "--data", text}), "none");
}

TEST(CliBench, RefusesATextThatCannotBeRecorded) {
  const Scratch scratch;
  const std::string run = train_tiny(scratch, "stick-breaking");
  const auto bench = [&](const std::string& text, const std::string& only) {
    return weft({"bench", "attention", "--model", run, "--data", text, "--only", only});
  };
  expect_refused(bench(scratch / "none.txt", "recorded"), "none.txt");
  expect_refused(bench(scratch.file("short.txt", "a"), "recorded"), "two tokens");
  // Rows are counted before anything is measured, those of the text at its length.
  expect_refused(bench(scratch.file("ab.txt", "ab"), "recorded f32 T=3"), "--only");
}

}  // namespace
}  // namespace weft::system_test
