#include "lab/icl/oracles.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "lab/icl/oracle_groups.h"

namespace weft::icl {
namespace {

class IclOracles : public testing::TestWithParam<size_t> {};

TEST_P(IclOracles, Hold) {
  const OracleGroup& group = oracle_groups()[GetParam()];
  const std::vector<Oracle> oracles = group.run();
  EXPECT_GE(oracles.size(), 2u);
  for (const Oracle& o : oracles) {
    EXPECT_TRUE(o.holds()) << group.id << ' ' << o.name << ": " << o.value << ", predicted "
                           << o.prediction << ", " << o.difference() << " apart, limit " << o.limit;
    EXPECT_NE(o.by.find("; "), std::string::npos) << o.name;
    // A limit that anything would pass is no check.
    EXPECT_LE(o.limit, 0.2 * (1e-9 + std::abs(o.prediction))) << group.id << ' ' << o.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, IclOracles, testing::Range<size_t>(0, oracle_groups().size()),
                         [](const testing::TestParamInfo<size_t>& which) {
                           return std::string(oracle_groups()[which.param].id);
                         });

TEST(IclOracle, GroupsHaveNamesOfTheirOwn) {
  std::set<std::string_view> ids;
  for (const OracleGroup& group : oracle_groups()) {
    EXPECT_TRUE(ids.insert(group.id).second) << group.id;
    EXPECT_FALSE(group.what.empty());
  }
  EXPECT_EQ(ids.size(), 12u);
}

TEST(IclOracle, TellsWhatDoesNotHold) {
  EXPECT_TRUE(printed("", 1.23456, 1.235, 3, "").holds());
  EXPECT_FALSE(printed("", 1.2344, 1.235, 3, "").holds());
  EXPECT_FALSE((Oracle{"", NAN, 1, 1e300, ""}).holds());
  EXPECT_FALSE(sampled("", {1, 0.1}, 1.41, "").holds());
  EXPECT_FALSE(sampled("", {1, 0.1}, 0.59, "").holds());
  EXPECT_TRUE(sampled("", {1, 0.1}, 0.61, "").holds());
  const Pair pairs[] = {{1, 1}, {2, 2.1}, {100, 101}};
  EXPECT_DOUBLE_EQ(furthest("", pairs, 0, "").value, 2 / 3.1);
  const Pair nothing[] = {{NAN, 1}, {1, 1}};
  EXPECT_FALSE(furthest("", nothing, 1, "").holds());
}

}  // namespace
}  // namespace weft::icl
