#include "data/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/json.h"
#include "io/testing.h"

namespace weft {
namespace {

using io::expect_error;
using io::ScratchFolder;

TEST(ByteTokenizer, EveryByteIsItsOwnToken) {
  const ByteTokenizer tokenizer;
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::vector<int32_t> tokens = tokenizer.encode(all);
  ASSERT_EQ(tokens.size(), 256u);
  for (int32_t i = 0; i < 256; ++i) EXPECT_EQ(tokens[static_cast<size_t>(i)], i);
  EXPECT_EQ(tokenizer.decode(tokens), all);
  EXPECT_EQ(tokenizer.encode("é"), (std::vector<int32_t>{0xc3, 0xa9}));
  EXPECT_TRUE(tokenizer.encode("").empty());
  EXPECT_EQ(tokenizer.vocab(), 256);
  EXPECT_EQ(tokenizer.separator(), 0);
}

TEST(ByteTokenizer, RefusesIdsOutsideItsVocabulary) {
  for (const int32_t id : {-1, 256, 1 << 30}) {
    expect_error(ErrorCode::input, "ids from 0 to 255", [&] {
      ByteTokenizer().decode(std::vector<int32_t>{65, id});
    });
  }
}

TEST(MakeTokenizer, KnowsTheByteTokenizerAlone) {
  EXPECT_EQ(make_tokenizer("byte")->name(), "byte");
  expect_error(ErrorCode::config, "expected \"byte\", got \"bpe\"", [] { make_tokenizer("bpe"); });
}

TEST(TokenizerFile, IsReadBack) {
  const ScratchFolder folder;
  write_tokenizer(folder / "tokenizer.json", ByteTokenizer());
  const auto tokenizer = read_tokenizer(folder / "tokenizer.json");
  EXPECT_EQ(tokenizer->name(), "byte");
  EXPECT_EQ(tokenizer->vocab(), 256);
}

// The alphabet and the pipeline by which other programs know that tokens are bytes.
TEST(TokenizerFile, IsOfTheFormThatOtherProgramsRead) {
  const ScratchFolder folder;
  write_tokenizer(folder / "tokenizer.json", ByteTokenizer());
  const nlohmann::json file = io::read_json(folder / "tokenizer.json");
  EXPECT_EQ(file["model"]["type"], "BPE");
  EXPECT_TRUE(file["model"]["merges"].empty());
  EXPECT_TRUE(file["added_tokens"].empty());
  EXPECT_TRUE(file["normalizer"].is_null());
  for (const char* part : {"pre_tokenizer", "decoder"}) {
    EXPECT_EQ(file[part]["type"], "ByteLevel");
    EXPECT_EQ(file[part]["add_prefix_space"], false);
  }
  const nlohmann::json& vocab = file["model"]["vocab"];
  EXPECT_EQ(vocab.size(), 256u);
  const std::pair<const char*, int> known[] = {{"a", 'a'},  {"~", 0x7e}, {"Ġ", ' '},  {"Ċ", '\n'},
                                               {"Ā", 0},    {"¡", 0xa1}, {"ÿ", 0xff}, {"Ń", 0xad},
                                               {"ł", 0xa0}, {"ġ", 0x7f}, {"é", 0xe9}};
  for (const auto& [text, id] : known) EXPECT_EQ(vocab.value(text, -1), id) << text;
}

TEST(TokenizerFile, IsReadAsOlderCheckpointsHoldIt) {
  const ScratchFolder folder;
  const io::Path path = folder.put(
      "tokenizer.json", R"({"version":"1.0","model":{"type":"byte","vocab_size":256},)"
                        R"("added_tokens":[{"id":0,"content":"\u0000","special":true}]})");
  EXPECT_EQ(read_tokenizer(path)->name(), "byte");
}

TEST(TokenizerFile, RefusesAnyOther) {
  const ScratchFolder folder;
  write_tokenizer(folder / "good", ByteTokenizer());
  const auto refuse = [&](const std::string& text, std::string_view part) {
    const io::Path path = folder.put("tokenizer.json", text);
    expect_error(ErrorCode::input, part, [&] { read_tokenizer(path); });
  };
  refuse("", "well-formed JSON");
  refuse("[]", "expected a byte tokenizer");
  refuse("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}", "expected a byte tokenizer");
  refuse("{\"model\":{\"type\":\"byte\",\"vocab_size\":257}}", "added_tokens");
  const auto tamper = [&](const std::string& pointer, const nlohmann::json& value,
                          std::string_view part) {
    nlohmann::json other = io::read_json(folder / "good");
    other[nlohmann::json::json_pointer(pointer)] = value;
    refuse(other.dump(), part);
  };
  tamper("/model/vocab/a", 98, "\"model\"");
  tamper("/model/vocab/ab", 256, "\"model\"");
  tamper("/model/merges", {"a b"}, "\"model\"");
  tamper("/pre_tokenizer/add_prefix_space", true, "pre_tokenizer");
  tamper("/normalizer", {{"type", "NFC"}}, "normalizer");
  tamper("/added_tokens", {{{"id", 256}, {"content", "<s>"}}}, "added_tokens");
  expect_error(ErrorCode::input, "No such file", [&] { read_tokenizer(folder / "absent"); });
}

}  // namespace
}  // namespace weft
