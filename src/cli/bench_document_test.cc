#include "cli/bench_document.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/bench_compare.h"
#include "io/json.h"
#include "io/testing.h"

namespace weft::cli {
namespace {

BenchDocument sample() {
  BenchDocument d;
  d.peaks = {200, 400, 40};
  d.machine = "Loom, 2 cores";
  d.threads = 2;
  d.date = "2026-11-22T01:30:05Z";
  d.command = "weft bench";
  d.version = "0.1.0";
  d.results.push_back(timed("gemm f32 1024x1024x1024", {0.01, 0.02, 9}, {2e9, 1.2e7}, DType::f32));
  d.results.back().bench = "gemm";
  d.results.back().note = "jit";
  d.results.push_back(
      timed_memory("ops add bf16 4096x384 forward", {5e-4, 0.1, 50}, {1e6, 1e7}, 25));
  d.results.back().bench = "ops";
  BenchResult train = timed("train x bf16", {0.5, 0.01, 3}, {1e11, 0}, DType::bf16);
  train.bench = "train";
  train.is_training = true;
  train.tokens_per_second = 8192;
  train.ratio = 1.02;
  train.plotted = {"width", "bf16", 384, 12.5};
  d.results.push_back(train);
  return d;
}

BenchDocument read(const std::string& text) {
  const io::ScratchFolder folder;
  folder.put("bench.json", text);
  return read_bench(folder.path() / "bench.json");
}

TEST(BenchDocument, ComesBackAsItWasWritten) {
  const std::string text = io::to_json_text(to_json(sample()));
  const BenchDocument again = read(text);
  EXPECT_EQ(io::to_json_text(to_json(again)), text);
  EXPECT_EQ(bench_text(again, 0), bench_text(sample(), 0));
  EXPECT_TRUE(again.results[2].is_training);
  EXPECT_EQ(again.results[1].bound, Bound::bandwidth);
}

TEST(BenchDocument, HasTheKeysOthersRelyOn) {
  const nlohmann::json j = to_json(sample());
  EXPECT_EQ(j["machine"]["peak_gflops_f32"], 200);
  EXPECT_EQ(j["machine"]["peak_gflops_bf16"], 400);
  EXPECT_EQ(j["machine"]["bandwidth_gb_s"], 40);
  const nlohmann::json& gemm = j["results"][0];
  EXPECT_EQ(gemm["name"], "gemm f32 1024x1024x1024");
  EXPECT_EQ(gemm["seconds"], 0.01);
  EXPECT_DOUBLE_EQ(gemm["gflops"], 200);
  EXPECT_DOUBLE_EQ(gemm["percent_of_peak"], 100);
  EXPECT_EQ(gemm["roofline"]["bound"], "compute");
  EXPECT_DOUBLE_EQ(gemm["roofline"]["seconds"], 0.01);
  const nlohmann::json& add = j["results"][1];
  EXPECT_EQ(add["roofline"]["bound"], "memory");
  EXPECT_EQ(add["bandwidth_gb_s"], 25);  // beside the row
  EXPECT_DOUBLE_EQ(add["roofline"]["percent"], 80);
  EXPECT_DOUBLE_EQ(add["gb_s"], 20);
  EXPECT_DOUBLE_EQ(j["results"][2]["mfu"], 0.5);
  EXPECT_EQ(j["results"][2]["tokens_per_second"], 8192);
}

TEST(BenchDocument, ReadsWhatTheFirstVersionWrote) {
  const BenchDocument d = read(R"({"machine": {"peak_gflops_f32": 1, "peak_gflops_bf16": 2,
    "bandwidth_gb_s": 3}, "results": [{"name": "gemm a", "seconds": 2.5}]})");
  EXPECT_EQ(d.results.at(0).seconds, 2.5);
  EXPECT_NE(bench_text(d, 0).find("gemm"), std::string::npos);
}

TEST(BenchDocument, RefusesWhatIsNone) {
  const std::string machine =
      R"("machine": {"peak_gflops_f32": 1, "peak_gflops_bf16": 2, "bandwidth_gb_s": 3})";
  for (const std::string& text :
       {std::string("[]"), std::string("{"), std::string("{}"), "{" + machine + "}",
        std::string(R"({"results": []})"),
        std::string(R"({"results": [], "machine": {"peak_gflops_f32": 0}})"),
        "{" + machine + R"(, "results": [3]})", "{" + machine + R"(, "results": [{"seconds": 1}]})",
        "{" + machine + R"(, "results": [{"name": "a"}]})",
        "{" + machine + R"(, "results": [{"name": "a", "seconds": -1}]})",
        "{" + machine + R"(, "results": [{"name": "a", "seconds": "1"}]})",
        "{" + machine + R"(, "results": [{"name": 7, "seconds": 1}]})"}) {
    try {
      read(text);
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::input) << text;
      EXPECT_NE(std::string(e.what()).find("bench.json"), std::string::npos) << e.what();
    }
  }
}

TEST(BenchText, LeavesOutWhatDoesNotFitAndSaysSo) {
  const std::string wide = bench_text(sample(), 0);
  EXPECT_NE(wide.find("10.0 ms compute"), std::string::npos) << wide;
  EXPECT_NE(wide.find("200 GFLOP/s"), std::string::npos) << wide;
  const std::string narrow = bench_text(sample(), 50);
  EXPECT_NE(narrow.find("left out for want of room: note, roofline"), std::string::npos) << narrow;
  EXPECT_NE(narrow.find("10.0 ms"), std::string::npos) << narrow;
}

TEST(BenchMarkdown, IsATableForEachBench) {
  BenchDocument d = sample();
  d.results[0].note = "a|b";
  const std::string text = bench_markdown(d);
  EXPECT_NE(text.find("| gemm | time | spread | rate | of peak | roofline | note |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("| f32 1024x1024x1024 | 10.0 ms | 2% | 200 GFLOP/s | 100% | 10.0 ms compute "
                      "| a\\|b |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("`weft bench`, 2 threads, 2026-11-22T01:30:05Z, Weft 0.1.0"),
            std::string::npos);
}

TEST(BenchRoofline, TheLargerOfArithmeticAndMemory) {
  const Peaks peaks{200, 400, 40};
  BenchResult r = timed("a", {1, 0, 1}, {400e9, 40e9}, DType::bf16);
  EXPECT_DOUBLE_EQ(r.roofline(peaks)->seconds, 1);
  EXPECT_FALSE(r.roofline(peaks)->memory);
  r.bound = Bound::gemm_f32;
  EXPECT_DOUBLE_EQ(r.roofline(peaks)->seconds, 2);
  r.work.bytes = 100e9;
  EXPECT_DOUBLE_EQ(r.roofline(peaks)->seconds, 2.5);
  EXPECT_TRUE(r.roofline(peaks)->memory);
  r.work = {};
  EXPECT_FALSE(r.roofline(peaks));
}

TEST(BenchRows, AreAskedForByPartsOfTheirNames) {
  const Console console;
  BenchContext context{.console = console, .runtime = Runtime{}};
  EXPECT_TRUE(context.wanted("train x"));
  context.only = {"bf16", "backward"};
  EXPECT_TRUE(context.wanted("gemm bf16"));
  EXPECT_FALSE(context.wanted("gemm f32"));
  EXPECT_TRUE(context.wanted("ops add f32", {" forward", " backward"}));
  std::vector<std::string> rows;
  context.begin = [&](const std::string& row) { rows.push_back(row); };
  context.listing = true;
  EXPECT_FALSE(context.wanted("gemm bf16"));
  EXPECT_FALSE(context.wanted("gemm f32"));
  EXPECT_EQ(rows, std::vector<std::string>{"gemm bf16"});
}

}  // namespace
}  // namespace weft::cli
