#include "base/args.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace weft {
namespace {

const std::vector<ArgSpec> kSpecs = {
    {.name = "lambda", .fallback = 0.4, .help = "strength", .least = 0},
    {.name = "variant",
     .fallback = std::string("identity"),
     .help = "",
     .choices = {"identity", "none"}},
    {.name = "layers", .fallback = std::vector<int64_t>{}, .help = ""},
    {.name = "inclusive", .fallback = false, .help = ""},
};

std::string message(const std::map<std::string, Arg>& given) {
  try {
    Args("model.test", kSpecs, given);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Args, FillsDefaultsAndTakesIntegersForNumbers) {
  const Args a("model.test", kSpecs, {{"lambda", int64_t{2}}});
  EXPECT_EQ(a.number("lambda"), 2.0);
  EXPECT_EQ(a.text("variant"), "identity");
  EXPECT_TRUE(a.given("lambda"));
  EXPECT_FALSE(a.given("variant"));
}

TEST(Args, RefusesWithTheKeyAndWhatIsRight) {
  EXPECT_EQ(message({{"lamda", 1.0}}),
            "[model.test] expected a known argument, got \"lamda\"; did you mean \"lambda\"?");
  EXPECT_EQ(message({{"inclusive", 1.0}}),
            "[model.test.inclusive] expected true or false, got 1.0");
  EXPECT_EQ(message({{"lambda", -1.0}}), "[model.test.lambda] expected at least 0, got -1.0");
  EXPECT_EQ(message({{"variant", std::string("dens")}}),
            "[model.test.variant] expected one of identity, none, got \"dens\"");
}

TEST(Args, ValuesAreSpelledAsTomlDoes) {
  EXPECT_EQ(to_string(Arg(32.0)), "32.0");
  EXPECT_EQ(to_string(Arg(-1e12)), "-1000000000000.0");
  EXPECT_EQ(to_string(Arg(0.5)), "0.5");
  EXPECT_EQ(to_string(Arg(1e300)), "1e+300");
  EXPECT_EQ(to_string(Arg(int64_t{32})), "32");
  EXPECT_EQ(to_string(Arg(std::vector<int64_t>{1, 2})), "[1, 2]");
}

TEST(Nearest, SuggestsOnlyWhatIsNear) {
  const std::vector<std::string> words = {"heads", "kv_heads", "window"};
  EXPECT_EQ(nearest("head", words), "heads");
  EXPECT_EQ(nearest("kv_head", words), "kv_heads");
  EXPECT_EQ(nearest("haeds", words), "heads");
  EXPECT_EQ(nearest("zzzzzz", words), "");
}

}  // namespace
}  // namespace weft
