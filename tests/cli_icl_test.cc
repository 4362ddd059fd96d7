// weft icl: the optimisation lab from outside.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "cli_run.h"
#include "io/json.h"

namespace weft::system_test {
namespace {

nlohmann::json minimum(std::vector<std::string> sets, const std::string& setting = "default") {
  std::vector<std::string> args = {"icl", "minimum", "--json", "--setting", setting};
  for (const std::string& set : sets) args.insert(args.end(), {"--set", set});
  const Output got = weft(args);
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.err, "");
  return io::parse_json(got.out, "minimum");
}

TEST(CliIcl, MinimumBesideItsClosedForm) {
  const nlohmann::json j = minimum({"d=5", "n=20", "covariance=\"1,1,0.25,0.0625,1\""});
  EXPECT_NEAR(j.at("loss").get<double>(), 0.681756, 5e-7);
  const double a[] = {.82262, .82262, 2.33577, 4.32432, .82262};
  for (size_t i = 0; i < 5; ++i) {
    for (size_t k = 0; k < 5; ++k) {
      const double entry = j.at("matrix").at(i).at(k);
      EXPECT_NEAR(entry, i == k ? -a[i] : 0, 5e-6);
      EXPECT_NEAR(entry, j.at("closed_form").at("matrix").at(i).at(k).get<double>(), 1e-9);
    }
  }
  EXPECT_NEAR(j.at("loss").get<double>(), j.at("closed_form").at("loss").get<double>(), 1e-9);
  EXPECT_LT(std::abs(j.at("matrix_difference").get<double>()), 1e-9);
  EXPECT_LT(j.at("gradient_norm").get<double>(), 1e-9);
  EXPECT_GT(j.at("iterations").get<int>(), 0);
}

TEST(CliIcl, MinimumOfEveryLaw) {
  EXPECT_NEAR(minimum({})["loss"].get<double>(), 1.153846, 5e-7);
  EXPECT_NEAR(minimum({}, "few")["loss"].get<double>(), 2.727273, 5e-7);
  EXPECT_NEAR(minimum({}, "heavy")["loss"].get<double>(), 0.729730, 5e-7);
  EXPECT_NEAR(minimum({}, "sphere")["loss"].get<double>(), 0.166667, 5e-7);
  EXPECT_NEAR(minimum({"d=10", "label_noise=3"})["loss"].get<double>(), 5.0, 5e-4);
  EXPECT_NEAR(minimum({"form=gdpp", "covariance=\"1,1,0.25,0.0625,1\""})["loss"].get<double>(),
              0.753579, 5e-7);
}

TEST(CliIcl, MinimumTakesAFullCovarianceFromAFile) {
  const Scratch scratch;
  const std::string matrix = scratch.file("sigma.txt", "2 0.5\n0.5 1\n");
  const std::string file =
      scratch.file("s.toml", "d = 2\nn = 7\ncovariance = \"" + matrix + "\"\n");
  const nlohmann::json j = minimum({}, file);
  EXPECT_EQ(j.at("d"), 2);
  EXPECT_NE(j.at("matrix").at(0).at(1).get<double>(), 0);
  EXPECT_NEAR(j.at("loss").get<double>(), j.at("closed_form").at("loss").get<double>(), 1e-9);
}

TEST(CliIcl, MinimumForPeople) {
  const Output got = weft({"icl", "minimum"});
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_NE(got.out.find("1.15384615385"), std::string::npos) << got.out;
  EXPECT_NE(got.out.find("-0.769231"), std::string::npos) << got.out;
  EXPECT_EQ(got.out.find("-0.000000"), std::string::npos) << got.out;
}

TEST(CliIcl, WhatHasNoClosedFormIsRefused) {
  expect_refused(weft({"icl", "minimum", "--set", "layers=2"}), "layers");
  expect_refused(weft({"icl", "minimum", "--set", "attention=softmax"}), "softmax");
  expect_refused(weft({"icl", "minimum", "--set", "teacher=mlp"}), "teacher");
  expect_refused(weft({"icl", "minimum", "--setting", "nonlinear"}), "hidden");
  expect_refused(weft({"icl", "minimum", "--set", "covariates=gausian"}), "gaussian");
  expect_refused(weft({"icl", "minimum", "--set", "covariance=\"1,2\""}), "covariance");
  expect_refused(weft({"icl", "minimum", "--set", "layer=1"}), "layers");
  expect_refused(weft({"icl", "minimum", "--setting", "defualt"}), "default");
  expect_refused(weft({"icl", "minimum", "--setting", "none.toml"}), "none.toml");
  const Scratch scratch;
  expect_refused(weft({"icl", "minimum", "--setting", scratch.file("s.toml", "layers = 3\n")}),
                 "layers");
}

TEST(CliIcl, CallsAreChecked) {
  expect_refused(weft({"icl"}), "WHAT");
  expect_refused(weft({"icl", "minimun"}), "\"minimum\"");
  expect_refused(weft({"icl", "minimum", "more"}), "more");
  expect_refused(weft({"icl", "oracles", "--set", "d=5"}), "--set");
  expect_refused(weft({"icl", "oracles", "--out", "x"}), "--out");
}

TEST(CliIcl, OraclesHold) {
  const Output got = weft({"icl", "oracles", "--json"});
  EXPECT_EQ(got.code, 0) << got.err;
  const nlohmann::json j = io::parse_json(got.out, "oracles");
  EXPECT_EQ(j.at("failed"), 0);
  EXPECT_GE(j.at("oracles").size(), 150u);
  std::set<std::string> groups;
  for (const nlohmann::json& o : j.at("oracles")) {
    groups.insert(o.at("group").get<std::string>());
    EXPECT_TRUE(o.at("ok").get<bool>()) << o;
    EXPECT_LE(std::abs(o.at("value").get<double>() - o.at("prediction").get<double>()),
              o.at("limit").get<double>())
        << o;
    EXPECT_FALSE(o.at("value_by").get<std::string>().empty());
    EXPECT_FALSE(o.at("prediction_by").get<std::string>().empty());
  }
  EXPECT_EQ(groups.size(), 12u);
}

}  // namespace
}  // namespace weft::system_test
