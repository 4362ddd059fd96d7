#include "io/toml.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "io/testing.h"

namespace weft::io {
namespace {

constexpr std::string_view kConfig = R"(# a model
[model]
vocab = 256
tie_embeddings = false
norm_eps = 1e-5
wiring = ["value-residual", "dense"]
mechanism = "softmax"

[model.wiring_args.value-residual]
variant = "learnable"
"odd key" = 'x'

[[model.layer]]
layers = [2, 3]

[[model.layer]]
layers = [4]
window = 16
)";

void expect_refused(std::string_view text, std::string_view part) {
  expect_error(ErrorCode::config, part, [&] { parse_toml(text, "c.toml"); });
}

TEST(Toml, ReadsTypesOrderAndLines) {
  const Value root = parse_toml(kConfig, "c.toml");
  const Value* model = root.find("model");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(*model->find("vocab")->as<int64_t>(), 256);
  EXPECT_EQ(model->find("vocab")->line, 3);
  EXPECT_EQ(*model->find("tie_embeddings")->as<bool>(), false);
  EXPECT_EQ(*model->find("norm_eps")->as<double>(), 1e-5);
  EXPECT_EQ(*(*model->find("wiring")->as<Value::Array>())[1].as<std::string>(), "dense");
  const Value* args = model->find("wiring_args")->find("value-residual");
  EXPECT_EQ(*args->find("odd key")->as<std::string>(), "x");
  EXPECT_EQ(model->find("layer")->as<Value::Array>()->size(), 2u);
  EXPECT_EQ(model->find("absent"), nullptr);
  EXPECT_EQ(model->find("vocab")->find("deeper"), nullptr);
  const Value::Table& fields = *model->as<Value::Table>();
  EXPECT_EQ(fields[0].key, "vocab");
  EXPECT_EQ(fields[4].key, "mechanism");
}

TEST(Toml, ErrorsNameFileAndLine) {
  expect_refused("a = 1\nb = \n", "[c.toml:2]");
  expect_refused("a = 1\na = 2\n", "[c.toml:2]");
  expect_refused("a = 1\n\nb = [1, [2, 1979-05-27]]", "[c.toml:3] expected a boolean, number");
  expect_refused("a = \"\xff\"", "[c.toml:1]");
  expect_refused("a = 99999999999999999999", "[c.toml:1]");
}

TEST(Toml, DepthAndSizeHaveLimits) {
  expect_refused("a = " + std::string(100000, '['), "[c.toml:1]");
  std::string dotted = "a";
  for (int i = 0; i < 40; ++i) dotted += ".a";
  expect_refused(dotted + " = 1", "at most 32 levels");
  expect_refused(fmt::format("[{}]", dotted), "at most 32 levels");
  for (int i = 0; i < 200000; ++i) dotted += ".a";
  expect_refused(dotted + " = 1", "at most 256 dots");
  expect_refused(std::string(1100000, '\n'), "at most 1048576 bytes");
  // The deepest tree that the limits on dots and on nesting let the parser build.
  std::string line = "a";
  for (int i = 0; i < 250; ++i) line += ".a";
  std::string tower;
  for (int i = 0; i < 7; ++i) tower += line + " = [{\n";
  expect_refused(fmt::format("[{}]\n{}", line, tower), "[c.toml:");
}

TEST(Toml, CharactersBeyondAsciiStandInQuotesAndComments) {
  expect_refused("a = 1\nb = é", "[c.toml:2]");
  expect_refused("é = 1", "[c.toml:1]");
  expect_refused("a = \"\"\"\n\\\"\"\"\"\"\nb = é", "[c.toml:3]");
  expect_refused("a = 'é\n' \nb = é", "[c.toml:1]");
  expect_refused("a = \"\"\"\\é\"\"\"", "[c.toml:1]");
  const Value root = parse_toml(
      "\xef\xbb\xbf# é\n"
      "a = \"é\\\"é\"\n"
      "b = 'é\\'\n"
      "c = \"\"\"é\n\"\"é\"\"\"\"\" # é\n"
      "d = '''\né'''' # é\n"
      "e = \"\"\"\\\n é\"\"\"\n"
      "\"é\" = '' # é",
      "c.toml");
  EXPECT_EQ(*root.find("a")->as<std::string>(), "é\"é");
  EXPECT_EQ(*root.find("b")->as<std::string>(), "é\\");
  EXPECT_EQ(*root.find("c")->as<std::string>(), "é\n\"\"é\"\"");
  EXPECT_EQ(*root.find("d")->as<std::string>(), "é'");
  EXPECT_EQ(*root.find("e")->as<std::string>(), "é");
  EXPECT_EQ(*root.find("é")->as<std::string>(), "");
}

TEST(Toml, AnyTextIsTakenOrRefusedButNeverCrashes) {
  const Random random(4, "texts");
  const std::string_view pieces[] = {"a",   "b",       ".",     "=", "\"", "'",    "\"\"\"",
                                     "'''", "[",       "]",     "{", "}",  ",",    "#",
                                     "\n",  "\\",      "1",     "é", "∞",  "𝄞",    "\xff",
                                     "-",   "a = 1\n", "[a]\n", " ", "\t", "\r\n", "true"};
  uint64_t draw = 0;
  int taken = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = random.below(draw++, 2) == 0 ? "k = " : "";
    for (uint64_t n = random.below(draw++, 12); n > 0; --n) {
      text += pieces[random.below(draw++, std::size(pieces))];
    }
    try {
      const Value root = parse_toml(text, "x");
      EXPECT_EQ(parse_toml(to_toml(root), "y"), root) << text;
      ++taken;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::config) << text << ": " << e.what();
    }
  }
  EXPECT_GT(taken, 1000);
  EXPECT_LT(taken, 19000);
}

TEST(Toml, FilesAreReadWithTheirNames) {
  const ScratchFolder folder;
  const Path path = folder.put("broken.toml", "x =");
  expect_error(ErrorCode::config, "broken.toml:1", [&] { read_toml(path); });
  expect_error(ErrorCode::input, "No such file", [&] { read_toml(folder / "absent.toml"); });
  EXPECT_EQ(*read_toml(folder.put("good.toml", "x = 1")).find("x")->as<int64_t>(), 1);
}

TEST(Toml, WritesWhatItReads) {
  const Value root = parse_toml(kConfig, "c.toml");
  const std::string text = to_toml(root);
  EXPECT_EQ(parse_toml(text, "again"), root);
  EXPECT_EQ(to_toml(parse_toml(text, "again")), text);
}

TEST(Toml, WritesTextThatPeopleCanRead) {
  Value root;
  root.at("top") = {1.0};
  root.at("model").at("args").at("list") = {Value::Array{{int64_t{1}}, {0.5}, {true}}};
  root.at("model").at("name") = {std::string("a \"b\"\n\x01")};
  root.at("empty");
  root.at("mix") = {Value::Array{{Value::Table{{"to", {std::string("v[1]")}}}}}};
  EXPECT_EQ(to_toml(root),
            "top = 1.0\n"
            "\n[model]\n"
            "name = \"a \\\"b\\\"\\n\\u0001\"\n"
            "\n[model.args]\n"
            "list = [1, 0.5, true]\n"
            "\n[empty]\n"
            "\n[[mix]]\n"
            "to = \"v[1]\"\n");
  expect_error(ErrorCode::usage, "a table", [] { to_toml(Value{true}); });
}

TEST(Toml, ListsOfTablesInsideAListAreInline) {
  const std::string text =
      "[[mix]]\n"
      "to = \"v[1]\"\n"
      "terms = [\n"
      "  { from = \"v[0]\", scale = 0.5 },\n"
      "  { from = \"v[1]\" },\n"
      "]\n"
      "\n[[mix]]\n"
      "to = \"k[1]\"\n"
      "\n[mix.args]\n"
      "x = 1\n";
  EXPECT_EQ(to_toml(parse_toml(text, "x")), text);
}

TEST(Toml, NumbersReadBackExactly) {
  const Random random(2, "numbers");
  Value root;
  for (uint64_t i = 0; i < 500; ++i) {
    root.at(fmt::format("n{}", i)) = {random.normal(i) *
                                      std::pow(10.0, 40 * random.uniform(i + 1000) - 20)};
  }
  root.at("big") = {1e300};
  root.at("whole") = {-3.0};
  root.at("zero") = {-0.0};
  root.at("inf") = {-std::numeric_limits<double>::infinity()};
  root.at("least") = {std::numeric_limits<int64_t>::min()};
  EXPECT_EQ(parse_toml(to_toml(root), "x"), root);
}

// A random tree of all kinds of values, keys and strings.
Value random_value(const Random& random, uint64_t& draw, int depth) {
  const std::string_view words[] = {"a", "odd key", "x.y", "\"", "é", "\t\x02", "", "#", "a\nb"};
  switch (random.below(draw++, depth > 0 ? 6 : 4)) {
    case 0:
      return {static_cast<int64_t>(random.bits(draw++))};
    case 1:
      return {random.normal(draw++)};
    case 2:
      return {random.below(draw++, 2) == 1};
    case 3:
      return {std::string(words[random.below(draw++, std::size(words))])};
    case 4: {
      Value::Array array;
      for (uint64_t n = random.below(draw++, 4); n > 0; --n) {
        array.push_back(random_value(random, draw, depth - 1));
      }
      return {array};
    }
    default: {
      Value table;
      for (uint64_t n = random.below(draw++, 5); n > 0; --n) {
        const std::string_view key = words[random.below(draw++, std::size(words))];
        table.at(key) = random_value(random, draw, depth - 1);
      }
      return table;
    }
  }
}

TEST(Toml, AnyTreeSurvivesWritingAndReading) {
  const Random random(3, "trees");
  uint64_t draw = 0;
  for (int round = 0; round < 500; ++round) {
    Value root;
    for (int i = 0; i < 4; ++i) root.at(fmt::format("k{}", i)) = random_value(random, draw, 4);
    const std::string text = to_toml(root);
    EXPECT_EQ(parse_toml(text, "x"), root) << text;
  }
}

TEST(Value, ComparesTablesAsSets) {
  EXPECT_EQ(parse_toml("a = 1\nb = [{c = 2, d = 3}]", "x"),
            parse_toml("b = [{d = 3, c = 2}]\n\na = 1", "x"));
  EXPECT_FALSE(parse_toml("a = 1", "x") == parse_toml("a = 1.0", "x"));
  EXPECT_FALSE(parse_toml("a = 1", "x") == parse_toml("a = 1\nb = 1", "x"));
  EXPECT_FALSE(parse_toml("a = 1\nc = 1", "x") == parse_toml("a = 1\nb = 1", "x"));
}

TEST(SetPath, AddsTablesAndReplacesValues) {
  Value root = parse_toml("[model]\nheads = 4\nwiring = []", "x");
  set_path(root, {"model", "heads"}, {int64_t{6}});
  set_path(root, {"train", "lr"}, {0.1});
  EXPECT_EQ(root, parse_toml("model = {heads = 6, wiring = []}\ntrain.lr = 0.1", "x"));
  expect_error(ErrorCode::config, "[config: model.heads.x] expected a table at model.heads", [&] {
    set_path(root, {"model", "heads", "x"}, {true});
  });
}

}  // namespace
}  // namespace weft::io
