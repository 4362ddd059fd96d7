#include "attention/positions/position.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace weft {
namespace {

TEST(Positions, AlibiSlopes) {
  const std::vector<double> four = alibi_slopes(4);
  ASSERT_EQ(four.size(), 4u);
  for (int h = 1; h <= 4; ++h) EXPECT_DOUBLE_EQ(four[size_t(h - 1)], std::exp2(-2.0 * h));
  // 6 heads: those of 4, then the first and third of 8.
  const std::vector<double> six = alibi_slopes(6);
  ASSERT_EQ(six.size(), 6u);
  EXPECT_DOUBLE_EQ(six[3], std::exp2(-8.0));
  EXPECT_DOUBLE_EQ(six[4], std::exp2(-1.0));
  EXPECT_DOUBLE_EQ(six[5], std::exp2(-3.0));
}

TEST(Positions, Registry) {
  PositionRegistry registry;
  EXPECT_EQ(registry.all().size(), 3u);
  EXPECT_TRUE(registry.find("rope").rotates);
  EXPECT_FALSE(registry.find("rope").extrapolates);
  EXPECT_EQ(registry.find("rope").slopes, nullptr);
  EXPECT_EQ(registry.find("none").slopes, nullptr);
  EXPECT_EQ(registry.find("alibi").slopes({}, 3), alibi_slopes(3));
  EXPECT_THROW(registry.find("rop"), Error);
  const PositionInfo own{.name = "alibi", .source = "", .formula = "", .args = {}};
  EXPECT_THROW(registry.add(own), Error);
}

}  // namespace
}  // namespace weft
