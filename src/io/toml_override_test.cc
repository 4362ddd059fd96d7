#include <gtest/gtest.h>

#include "base/random.h"
#include "io/testing.h"
#include "io/toml.h"

namespace weft::io {
namespace {

void expect_value(std::string_view text, const KeyPath& path, const Value& value) {
  const Override o = parse_override(text);
  EXPECT_EQ(o.path, path) << text;
  EXPECT_EQ(o.value, value) << text;
  EXPECT_EQ(o.value.kind(), value.kind()) << text;
}

TEST(Override, TakesTomlValues) {
  expect_value("model.heads=6", {"model", "heads"}, {int64_t{6}});
  expect_value(" a . b = 0.5 ", {"a", "b"}, {0.5});
  expect_value("a=1e-4", {"a"}, {1e-4});
  expect_value("a=true", {"a"}, {true});
  expect_value("a='x=y'", {"a"}, {std::string("x=y")});
  expect_value("a=[]", {"a"}, {Value::Array{}});
  expect_value("a=[1,\n 2]", {"a"}, {Value::Array{{int64_t{1}}, {int64_t{2}}}});
  expect_value("a={b = 1}", {"a"}, {Value::Table{{"b", {int64_t{1}}}}});
}

TEST(Override, ValuesStandOnNoLine) {
  const Override o = parse_override("a=[{b = 1},\n [2]]");
  const Value::Array& list = *o.value.as<Value::Array>();
  EXPECT_EQ(o.value.line, 0);
  EXPECT_EQ(list[0].line, 0);
  EXPECT_EQ(list[0].find("b")->line, 0);
  EXPECT_EQ(list[1].as<Value::Array>()->front().line, 0);
}

TEST(Override, TakesBareWordsAsStrings) {
  for (const std::string word : {"softmax", "stick-breaking", "data/a b.txt", "../x", "6x", "a=b",
                                 "1979-05-27", "a#b", "6#7", "x\ny = 1", "é", "-"}) {
    expect_value("model.mechanism=" + word, {"model", "mechanism"}, {word});
  }
}

TEST(Override, TakesQuotedKeys) {
  expect_value("model.\"a=b.c\".d=1", {"model", "a=b.c", "d"}, {int64_t{1}});
  expect_value("'#'=1", {"#"}, {int64_t{1}});
  expect_value("model.wiring_args.value-residual.variant=dense",
               {"model", "wiring_args", "value-residual", "variant"}, {std::string("dense")});
}

TEST(Override, RefusesWhatIsNeither) {
  const auto refused = [](std::string_view text, std::string_view part) {
    expect_error(ErrorCode::usage, part, [&] { parse_override(text); });
  };
  refused("", "there is no =");
  refused("model.heads", "there is no =");
  refused("=6", "a key is words joined by dots");
  refused("a..b=6", "a key is words");
  refused("a b=6", "a key is words");
  refused("a\nb=6", "a key is words");
  refused("[a]=6", "a key is words");
  refused("a#=6", "a key is words");
  refused("a=", "empty string");
  refused("a=[value-residual]", "strings inside a list need quotes");
  refused("a=\"x", "--set");
  refused("a=[1]\nb=2", "one key and one value");
  refused("a=\xff", "not UTF-8");
  refused("a=" + std::string(70000, 'x'), "longer than");
  std::string deep = "a";
  for (int i = 0; i < 10000; ++i) deep += ".a";
  refused(deep + "=1", "a key is words");
}

TEST(Override, AnyTextIsTakenOrRefusedButNeverCrashes) {
  const Random random(9, "overrides");
  const std::string_view pieces[] = {"a",      ".",
                                     "=",      "\"",
                                     "'",      "[",
                                     "]",      "{",
                                     "}",      ",",
                                     "#",      "\n",
                                     "1",      "-",
                                     "true",   " ",
                                     "\\u",    "\xff",
                                     "\"\"\"", "'''",
                                     "e",      "é",
                                     "\t",     "_",
                                     ":",      std::string_view("\0", 1)};
  uint64_t draw = 0;
  int taken = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = random.below(draw++, 2) == 0 ? "a=" : "";
    for (uint64_t n = random.below(draw++, 10); n > 0; --n) {
      text += pieces[random.below(draw++, std::size(pieces))];
    }
    try {
      const Override o = parse_override(text);
      EXPECT_FALSE(o.path.empty()) << text;
      Value root;
      set_path(root, o.path, o.value);
      ++taken;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::usage) << text << ": " << e.what();
    }
  }
  EXPECT_GT(taken, 1000);
  EXPECT_LT(taken, 19000);
}

}  // namespace
}  // namespace weft::io
