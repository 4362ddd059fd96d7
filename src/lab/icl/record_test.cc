#include "lab/icl/record.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/json.h"

namespace weft::icl {
namespace {

MeasuredRun example() {
  MeasuredRun run;
  run.group = "default/adam";
  run.curve = {{0, 5, 4, 4.5, 1, 0.02, 0, 0},
               {50, 0.4, 0.1, 0.3, 1, 0.02, 2, 0.1},
               {100, 0.01, 0, 0, 1, 0.02, 2, 0.2}};
  Condition c;
  c.r_med = INFINITY;
  c.r_live = 4;
  run.condition = {{50, c}};
  run.matrices = {{"layers.0.Q", 2, 3, {1, 2, 3, 4, 5, 6}}};
  run.distance_names = {"layers.0.Q"};
  run.distances = {{0, {0.5}}, {50, {0.25}}};
  return run;
}

TEST(IclRecord, FindsValuesByStep) {
  const MeasuredRun run = example();
  EXPECT_EQ(run.loss_at(50), 0.4);
  EXPECT_TRUE(std::isnan(run.loss_at(51)));
  EXPECT_EQ(run.steps_to(0.4), 50);
  EXPECT_EQ(run.steps_to(0.05), 100);
  EXPECT_EQ(run.steps_to(1e-9), -1);
  ASSERT_NE(run.condition_at(50), nullptr);
  EXPECT_EQ(run.condition_at(50)->r_live, 4);
  EXPECT_EQ(run.condition_at(0), nullptr);
}

TEST(IclRecord, IsJsonThatEveryParserTakes) {
  const nlohmann::json json = io::parse_json(io::to_json_text(to_json(example())), "run");
  EXPECT_EQ(json.at("curve").at("step"), (std::vector<int>{0, 50, 100}));
  EXPECT_EQ(json.at("matrices").at("layers.0.Q"),
            (std::vector<std::vector<int>>{{1, 2, 3}, {4, 5, 6}}));
  EXPECT_TRUE(json.at("condition")[0].at("r_med").is_null()) << "JSON has no infinity";
  EXPECT_EQ(json.at("condition")[0].at("step"), 50);
  EXPECT_EQ(json.at("identity_distance").at("layers.0.Q"), (std::vector<double>{0.5, 0.25}));
  EXPECT_FALSE(json.contains("smoothness"));
}

TEST(IclRecord, OneSeedHasNoInterval) {
  const nlohmann::json one =
      io::parse_json(io::to_json_line(to_json_over_seeds(std::vector<double>{2})), "one");
  EXPECT_EQ(one.at("mean"), 2);
  EXPECT_TRUE(one.at("deviation").is_null());
  EXPECT_TRUE(one.at("ci95")[0].is_null());
  const nlohmann::json two = to_json_over_seeds(std::vector<double>{1, 3});
  EXPECT_NEAR(two.at("ci95")[1].get<double>(), 2 + 12.7062 * std::sqrt(2) / std::sqrt(2), 1e-3);
}

}  // namespace
}  // namespace weft::icl
