#include "data/tokenizer.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft {
namespace {

using nlohmann::json;

// Layout as in the files of Hugging Face's tokenizers: the model with its type, and the special
// tokens beside it.
json describe(const Tokenizer& tokenizer) {
  const int32_t id = tokenizer.separator();
  const json separator{
      {"id", id}, {"content", tokenizer.decode(std::span(&id, 1))}, {"special", true}};
  return {{"version", "1.0"},
          {"model", {{"type", tokenizer.name()}, {"vocab_size", tokenizer.vocab()}}},
          {"added_tokens", json::array({separator})}};
}

}  // namespace

std::vector<int32_t> ByteTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> tokens;
  tokens.reserve(text.size());
  for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
  return tokens;
}

std::string ByteTokenizer::decode(std::span<const int32_t> tokens) const {
  std::string text;
  text.reserve(tokens.size());
  for (const int32_t token : tokens) {
    if (token < 0 || token >= kVocab) {
      fail(ErrorCode::input, {"byte tokenizer", "ids from 0 to 255", std::to_string(token), ""});
    }
    text += static_cast<char>(token);
  }
  return text;
}

std::unique_ptr<Tokenizer> make_tokenizer(std::string_view name) {
  if (name == "byte") return std::make_unique<ByteTokenizer>();
  fail(ErrorCode::config, {"config: data.tokenizer", "\"byte\"", io::in_quotes(name), ""});
}

void write_tokenizer(const io::Path& path, const Tokenizer& tokenizer) {
  io::write_atomic(path, io::to_json_text(describe(tokenizer)));
}

std::unique_ptr<Tokenizer> read_tokenizer(const io::Path& path) {
  const json file = io::read_json(path);
  auto tokenizer = std::make_unique<ByteTokenizer>();
  const json expected = describe(*tokenizer);
  for (const char* key : {"model", "added_tokens"}) {
    const bool there = file.is_object() && file.contains(key);
    if (there && file[key] == expected[key]) continue;
    fail(ErrorCode::input,
         {path.string(),
          "a byte tokenizer: \"" + std::string(key) + "\" " + io::to_json_line(expected[key]),
          there ? io::in_quotes(io::to_json_line(file[key])) : std::string("none"), ""});
  }
  return tokenizer;
}

}  // namespace weft
