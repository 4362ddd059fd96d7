// weft icl train and weft icl measure from the command line.
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli_run.h"
#include "io/json.h"

namespace weft::system_test {
namespace {

using nlohmann::json;

Output icl_train(const std::string& out, const std::vector<std::string>& settings,
                 std::vector<std::string> more = {}) {
  std::vector<std::string> args = {"icl", "train", "--threads", "1", "--out", out};
  for (const std::string& s : settings) args.insert(args.end(), {"--set", s});
  args.insert(args.end(), more.begin(), more.end());
  return weft(args);
}

std::vector<json> lines_of(const std::string& path) {
  std::vector<json> lines;
  std::istringstream text(content(path));
  for (std::string line; std::getline(text, line);) lines.push_back(io::parse_json(line, path));
  return lines;
}

const std::vector<std::string> kOneLayer = {"layers=1", "form=sparse", "steps=300", "batch=400",
                                            "eval_batch=400"};

// One layer of descent has a closed minimum, 1.153846 at d 5, n 20 (2306.00297, theorem 1).
TEST(CliIclTrain, OneLayerReachesItsClosedFloor) {
  const Scratch scratch;
  const std::string run = scratch / "run";
  const Output got = icl_train(run, kOneLayer, {"--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  const json result = io::parse_json(got.out, "stdout");
  EXPECT_EQ(result, io::read_json(run + "/result.json"));
  EXPECT_NEAR(result.at("floor").get<double>(), 1.153846, 1e-6);
  EXPECT_FALSE(result.at("floor_kind").get<std::string>().empty());
  EXPECT_NEAR(result.at("ratio").get<double>(), 1, 0.03);
  EXPECT_NEAR(result.at("loss").get<double>() / result.at("floor").get<double>(),
              result.at("ratio").get<double>(), 1e-12);
  EXPECT_LT(result.at("loss_standard_error").get<double>(), 0.01);
  const json& q = result.at("matrices").at("layers.0.Q");
  ASSERT_EQ(q.size(), 5u);
  for (size_t r = 0; r < 5; ++r) {
    for (size_t c = 0; c < 5; ++c) {
      EXPECT_NEAR(q[r][c].get<double>(), r == c ? -0.769231 : 0, 0.08) << r << " " << c;
    }
  }
  const json& descent = result.at("comparison");  // with the one step of 2212.07677
  EXPECT_NEAR(descent.at("step_sizes").at(0).get<double>(), 0.769231, 1e-6);
  EXPECT_NEAR(descent.at("reading").at("a").at(0).get<double>(), 0.769231, 0.05);
  EXPECT_LT(descent.at("reading").at("distance_q").at(0).get<double>(), 0.2);
  EXPECT_TRUE(descent.at("reading").at("b").empty());
  EXPECT_GT(descent.at("cosine").get<double>(), 0.98);
  EXPECT_LT(descent.at("prediction_difference").get<double>(), 0.3);
  EXPECT_LT(descent.at("model_difference").get<double>(), 0.3);
  EXPECT_FALSE(has_controls(got.err)) << got.err;
}

TEST(CliIclTrain, MetricsAreALineForEachEvaluation) {
  const Scratch scratch;
  const std::string run = scratch / "run";
  const Output got = icl_train(run, {"steps=40", "batch=48", "eval_batch=48", "eval_every=10"});
  ASSERT_EQ(got.code, 0) << got.err;
  const std::vector<json> lines = lines_of(run + "/metrics.jsonl");
  ASSERT_EQ(lines.size(), 5u);
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].at("step"), 10 * i);
    for (const char* key :
         {"loss", "median", "clipped_mean", "grad_norm", "lr", "skipped", "seconds"}) {
      EXPECT_TRUE(lines[i].at(key).is_number()) << key << " " << lines[i];
    }
  }
  EXPECT_LT(lines[4].at("loss").get<double>(), lines[0].at("loss").get<double>());
  // Stdout: the table; the setting gives itself back.
  EXPECT_NE(got.out.find("loss"), std::string::npos);
  const std::string again = scratch / "again";
  const Output same = weft({"icl", "train", "--setting", run + "/setting.toml", "--out", again});
  ASSERT_EQ(same.code, 0) << same.err;
  EXPECT_EQ(content(run + "/setting.toml"), content(again + "/setting.toml"));
  json a = io::read_json(run + "/result.json"), b = io::read_json(again + "/result.json");
  EXPECT_EQ(a.at("matrices"), b.at("matrices"));
  EXPECT_EQ(a.at("loss"), b.at("loss"));
}

TEST(CliIclTrain, AGridFindsTheBestRate) {
  const Scratch scratch;
  const std::string run = scratch / "run";
  const Output got = icl_train(run, {"steps=60", "batch=64", "eval_batch=64", "eval_every=10"},
                               {"--rates", "1e-6,0.02", "--seeds", "2", "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  const json result = io::parse_json(got.out, "stdout");
  EXPECT_EQ(result.at("lr"), 0.02);
  ASSERT_EQ(result.at("grid").size(), 2u);
  EXPECT_GT(result.at("grid")[0].at("score").at("mean").get<double>(),
            result.at("grid")[1].at("score").at("mean").get<double>());
  ASSERT_EQ(result.at("seeds").size(), 2u);
  EXPECT_EQ(result.at("loss_over_seeds").at("seeds").size(), 2u);
  // Sorted by rate, seed and step, whatever order they were written in.
  const std::vector<json> lines = lines_of(run + "/metrics.jsonl");
  ASSERT_EQ(lines.size(), 28u);
  EXPECT_EQ(lines[0].at("lr"), 1e-6);
  EXPECT_EQ(lines[7].at("seed"), 1);
  EXPECT_EQ(lines[27].at("step"), 60);
}

// A rate far too large: one line that says where, exit 1, the curve so far and no result.
TEST(CliIclTrain, ALostRunFails) {
  const Scratch scratch;
  const std::vector<std::string> small = {"optimizer=sgd", "clip=0", "steps=50", "batch=64",
                                          "eval_batch=64"};
  const auto expect_lost = [&](const std::string& name, std::vector<std::string> settings,
                               const std::vector<std::string>& more,
                               const std::vector<std::string>& said) {
    const std::string run = scratch / name;
    const Output got = icl_train(run, settings, more);
    EXPECT_EQ(got.code, 1) << got.out << got.err;
    for (const std::string& part : said) {
      EXPECT_NE(got.err.find(part), std::string::npos) << part << " in " << got.err;
    }
    EXPECT_FALSE(std::filesystem::exists(run + "/result.json"));
    EXPECT_FALSE(lines_of(run + "/metrics.jsonl").empty());
  };
  std::vector<std::string> large = small;
  large.push_back("lr=1e6");
  expect_lost("one", large, {}, {"lr 1e+06, seed 0 at step ", "smaller lr"});
  expect_lost("seeds", large, {"--seeds", "2"}, {"2 of 2 seeds: seed 0 at step ", "seed 1"});
  expect_lost("grid", small, {"--rates", "1e6,1e7"}, {"all 2 rates"});
  expect_lost("init", {"layers=8", "init=1e6", "steps=5", "batch=64", "eval_batch=64"}, {},
              {"lost", "init"});
  // In a grid with a rate that holds, the lost one is out.
  const std::string run = scratch / "half";
  const Output got = icl_train(run, small, {"--rates", "1e6,0.001", "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  const json result = io::parse_json(got.out, "stdout");
  EXPECT_EQ(result.at("lr"), 0.001);
  EXPECT_EQ(result.at("grid")[0].at("lost").size(), 1u);
  EXPECT_TRUE(result.at("grid")[1].at("lost").empty());
  EXPECT_EQ(result.at("loss_skipped"), 0);
}

TEST(CliIclTrain, RefusesWhatItCannotDo) {
  const Scratch scratch;
  expect_refused(weft({"icl", "train"}), "--out");
  expect_refused(icl_train(scratch / "a", {"layer=2"}), "layers");
  expect_refused(icl_train(scratch / "a", {"attention=softmax", "path=gram"}), "literal");
  expect_refused(icl_train(scratch / "a", {}, {"--rates", "0.1,-1"}), "--rates");
  expect_refused(icl_train(scratch / "a", {}, {"--seeds", "0"}), "--seeds");
  expect_refused(icl_train(scratch / "a", {}, {"--rates", "0.1,0.1"}), "--rates");
  expect_refused(icl_train(scratch / "a", {"seed=9223372036854775807"}, {"--seeds", "2"}),
                 "--seeds");
  expect_refused(icl_train(scratch / "a", {"d=2", "covariance=1,1e200"}), "covariance");
  std::ofstream(scratch / "file") << "";
  expect_refused(icl_train(scratch / "file", {"steps=1"}), "folder");
  const std::string used = scratch / "used";
  std::filesystem::create_directory(used);
  std::ofstream(used + "/setting.toml") << "";
  expect_refused(icl_train(used, {"steps=1"}), "setting.toml");
  EXPECT_FALSE(std::filesystem::exists(scratch / "a")) << "nothing is made before it is refused";
}

TEST(CliIclTrain, AStoppedRunLeavesWholeLines) {
  const Scratch scratch, other;
  const std::string run = scratch / "run";
  const pid_t pid = start_weft({"icl", "train", "--set", "steps=100000000", "--set", "eval_every=1",
                                "--threads", "1", "--out", run},
                               other);
  for (int i = 0; i < 1000 && content(run + "/metrics.jsonl").empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ::kill(pid, SIGINT);
  const Output got = wait_for(pid, other);
  EXPECT_EQ(got.code, 128 + SIGINT) << got.err;
  EXPECT_NE(got.err.find("stopping after this step; again to stop at once\n"), std::string::npos)
      << got.err;
  EXPECT_NE(got.err.find("stopped; what was measured so far"), std::string::npos) << got.err;
  EXPECT_FALSE(lines_of(run + "/metrics.jsonl").empty());
  EXPECT_EQ(content(run + "/metrics.jsonl").back(), '\n');
  EXPECT_FALSE(std::filesystem::exists(run + "/result.json"));
}

TEST(CliIclMeasure, LooksAtARun) {
  const Scratch scratch;
  const std::string run = scratch / "run";
  ASSERT_EQ(
      icl_train(run, {"steps=20", "batch=48", "eval_batch=48", "eval_every=5", "layers=2"}).code,
      0);
  const Output got = weft({"icl", "measure", run, "--json", "--threads", "1"});
  ASSERT_EQ(got.code, 0) << got.err;
  const json result = io::parse_json(got.out, "stdout");
  EXPECT_EQ(result.at("repeats_the_run"), true);
  EXPECT_EQ(result.at("condition").size(), 5u);
  EXPECT_EQ(result.at("condition")[0].at("live_coordinates"), 75);
  EXPECT_EQ(result.at("noise").size(), 3u);
  EXPECT_EQ(result.at("smoothness").at("points").at("step").size(), 20u);
  EXPECT_EQ(result.at("matrices"), io::read_json(run + "/result.json").at("matrices"));
  EXPECT_EQ(result, io::read_json(run + "/measure.json"));
  EXPECT_NE(content(run + "/measure.html").find("<svg"), std::string::npos);
  const Output table = weft({"icl", "measure", run, "--threads", "2"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("R_live"), std::string::npos) << table.out;
  expect_refused(weft({"icl", "measure", scratch / "nothing"}), "setting.toml");
  expect_refused(weft({"icl", "measure"}), "RUN");
}

}  // namespace
}  // namespace weft::system_test
