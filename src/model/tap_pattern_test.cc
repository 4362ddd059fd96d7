#include "model/tap_pattern.h"

#include <cctype>

#include "base/random.h"
#include "model/test_models.h"

namespace weft {
namespace {

using namespace testing;
using Base = LayerExpression::Base;

// Both ends of a pattern for destination 5 of 12 layers.
std::pair<int, int> ends(const TapPattern& p) {
  return {p.first.at(5, 12), p.last.at(5, 12)};
}

TEST(TapPattern, Destinations) {
  const TapPattern one = parse_destination("v[3]", "to");
  EXPECT_EQ(one.port, Port::v);
  EXPECT_EQ(ends(one), std::pair(3, 3));
  EXPECT_FALSE(one.range);
  const TapPattern open = parse_destination("o[1..]", "to");
  EXPECT_EQ(open.port, Port::o);
  EXPECT_TRUE(open.open);
  EXPECT_EQ(open.first.at(5, 12), 1);
  EXPECT_EQ(ends(parse_destination("k[2..5]", "to")), std::pair(2, 5));
  EXPECT_EQ(ends(parse_destination("x[L]", "to")), std::pair(12, 12));
  EXPECT_EQ(ends(parse_destination("y[1..L-1]", "to")), std::pair(1, 11));
  const TapPattern stepped = parse_destination("x[2..:2]", "to");
  EXPECT_TRUE(stepped.open);
  EXPECT_EQ(stepped.step, 2);
  EXPECT_EQ(ends(stepped).first, 2);
  EXPECT_EQ(parse_destination(" q [ 2 .. L - 1 : 3 ] ", "to").step, 3);
}

TEST(TapPattern, Sources) {
  EXPECT_EQ(ends(parse_source("v[0]", "from")), std::pair(0, 0));
  EXPECT_EQ(ends(parse_source("v[l]", "from")), std::pair(5, 5));
  EXPECT_EQ(ends(parse_source("k[l-2]", "from")), std::pair(3, 3));
  EXPECT_EQ(ends(parse_source("x[L-2]", "from")), std::pair(10, 10));
  const TapPattern range = parse_source("y[-1..l-1]", "from");
  EXPECT_EQ(range.port, Port::y);
  EXPECT_TRUE(range.range);
  EXPECT_EQ(ends(range), std::pair(-1, 4));
  EXPECT_TRUE(parse_source("v[0..0]", "from").range);
}

TEST(TapPattern, WhatIsNoTapIsRefusedWithThePlaceAndAnExample) {
  const auto to = [](const char* text, const char* part) {
    expect_refused([&] { parse_destination(text, "c.toml:3: to"); },
                   {"c.toml:3: to", part, "v[1..]"});
  };
  const auto from = [](const char* text, const char* part) {
    expect_refused([&] { parse_source(text, "from"); }, {"from", part, "v[l-1]"});
  };
  to("", "a tap of port x, q, k, v, o or y");
  to("z[1]", "a tap of port");
  to("v", "a [ in a tap");
  to("v(1)", "a [ in a tap");
  to("v[]", "a layer");
  to("v[1", "a ] in a tap");
  to("v[1.5]", "a ] in a tap");
  to("v[..3]", "a layer");
  to("v[1]x", "nothing after ]");
  to("v[1..:0]", "a step of 1 or more");
  to("v[1..:-1]", "a step of 1 or more");
  to("v[1:2]", "a ] in a tap");
  to("v[l]", "without l");
  to("v[0..l-1]", "without l");
  to("v[99999999999999999999]", "a layer");
  to("v[1000001]", "a layer");
  to("v[L-99999999999]", "a layer");
  from("v[l+1]", "a ] in a tap");
  from("v[l--1]", "a layer");
  from("v[--1]", "a layer");
  from("v[0..]", "both its ends");
  from("v[0..l:2]", "without a step");
  from("\x1b[31m", "a tap of port");
}

// Random texts of the right letters: taken or refused, and what is taken is in range.
TEST(TapPattern, AnyTextIsTakenOrRefused) {
  const Random random(5, "taps");
  constexpr std::string_view letters = "vxyk[].:-lL0123 \n9";
  uint64_t draw = 0;
  int taken = 0;
  for (int round = 0; round < 40000; ++round) {
    std::string text = random.below(draw++, 2) == 0 ? "v[" : "";
    for (uint64_t n = random.below(draw++, 7); n > 0; --n) {
      text += letters[random.below(draw++, letters.size())];
    }
    if (random.below(draw++, 2) == 0) text += "]";
    for (const auto parse : {parse_destination, parse_source}) {
      try {
        const TapPattern p = parse(text, "tap");
        EXPECT_LT(std::abs(p.first.at(1024, 1024)), 2000000) << text;
        EXPECT_GE(p.step, 1) << text;
        ++taken;
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::config) << text;
      }
    }
  }
  EXPECT_GT(taken, 500);
}

}  // namespace
}  // namespace weft
