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

TEST(TokenizerFile, RefusesAnyOther) {
  const ScratchFolder folder;
  write_tokenizer(folder / "good", ByteTokenizer());
  const auto refuse = [&](const std::string& text, std::string_view part) {
    const io::Path path = folder.put("tokenizer.json", text);
    expect_error(ErrorCode::input, part, [&] { read_tokenizer(path); });
  };
  refuse("", "well-formed JSON");
  refuse("[]", "expected a byte tokenizer");
  refuse("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}", "got \"{\"type\":\"BPE\"");
  nlohmann::json other = io::read_json(folder / "good");
  other["model"]["vocab_size"] = 257;
  refuse(other.dump(), "expected a byte tokenizer");
  other = io::read_json(folder / "good");
  other["added_tokens"][0]["id"] = 1;
  refuse(other.dump(), "added_tokens");
  other.erase("added_tokens");
  refuse(other.dump(), "got none");
  expect_error(ErrorCode::input, "No such file", [&] { read_tokenizer(folder / "absent"); });
}

}  // namespace
}  // namespace weft
