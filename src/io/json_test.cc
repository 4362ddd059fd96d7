#include "io/json.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "io/testing.h"

namespace weft::io {
namespace {

using nlohmann::json;

void expect_refused(std::string_view text, std::string_view part, const JsonLimits& limits = {}) {
  expect_error(ErrorCode::input, part, [&] { parse_json(text, "x.json", limits); });
}

TEST(Json, ReadsADocument) {
  const json value = parse_json(" {\"a\": [1, 2.5, \"é\"], \"b\": {\"a\": null}} ", "x.json");
  EXPECT_EQ(value["a"][1], 2.5);
  EXPECT_TRUE(value["b"]["a"].is_null());
}

TEST(Json, RefusesWhatIsNoDocument) {
  expect_refused("", "well-formed JSON");
  expect_refused("{\"a\":1", "at byte 7");
  expect_refused("{} x", "[x.json]");
  expect_refused("[\"\xff\"]", "UTF-8");
  expect_refused("[1e400]", "numbers that a double can hold");
  expect_refused("{\"a\":1,\"b\":2,\"a\":3}", "\"a\" twice");
}

TEST(Json, KeysMayRepeatInDifferentObjects) {
  EXPECT_EQ(parse_json("[{\"a\":1},{\"a\":2},{\"a\":{\"a\":3}}]", "x")[2]["a"]["a"], 3);
}

TEST(Json, KeepsItsLimits) {
  expect_refused("[[[1]]]", "levels of nesting", {100, 2, 100});
  EXPECT_NO_THROW(parse_json("[[1]]", "x", {100, 2, 100}));
  expect_refused("[1,2,3]", "at most 3 values", {100, 9, 3});
  EXPECT_NO_THROW(parse_json("[1,2]", "x", {100, 9, 3}));
  expect_refused("[1, 2]", "at most 5 bytes", {5, 9, 9});
  expect_refused(std::string(5'000'000, '['), "levels of nesting");
}

TEST(Json, WritesTheSameBytesForTheSameValue) {
  json value;
  value["b"] = 1;
  value["a"] = {0.1, std::numeric_limits<double>::quiet_NaN(), "\xff"};
  EXPECT_EQ(to_json_line(value), "{\"a\":[0.1,null,\"\ufffd\"],\"b\":1}");
  EXPECT_EQ(to_json_text(json{{"a", 1}}), "{\n  \"a\": 1\n}\n");
}

TEST(Json, ReadsFiles) {
  const ScratchFolder folder;
  EXPECT_EQ(read_json(folder.put("x.json", "[7]"))[0], 7);
  expect_error(ErrorCode::input, "No such file", [&] { read_json(folder / "absent"); });
}

}  // namespace
}  // namespace weft::io
