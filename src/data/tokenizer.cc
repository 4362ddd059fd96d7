#include "data/tokenizer.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft {
namespace {

using nlohmann::json;

// The character that stands for a byte in the files of Hugging Face's tokenizers (ByteLevel):
// itself where it is visible in Latin-1, else one from U+0100 on, in the order of the bytes.
std::string character_of(int byte) {
  const auto visible = [](int b) {
    return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  };
  int code = byte;
  if (!visible(byte)) {
    code = 0x100;
    for (int b = 0; b < byte; ++b) code += visible(b) ? 0 : 1;
  }
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

json byte_level() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", false}};
}

// Byte pair encoding without any pair. The separator is no added token: one of its own id would be
// looked for in texts by the character that stands for it, which may occur there.
json describe_bytes() {
  json vocab;
  for (int b = 0; b < ByteTokenizer::kVocab; ++b) vocab[character_of(b)] = b;
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level()},
          {"post_processor", nullptr},
          {"decoder", byte_level()},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", json::array()}}}};
}

// As checkpoints held it before it opened in that library.
json describe_bytes_as_before() {
  const json separator{{"id", 0}, {"content", std::string(1, '\0')}, {"special", true}};
  return {{"model", {{"type", "byte"}, {"vocab_size", ByteTokenizer::kVocab}}},
          {"added_tokens", json::array({separator})}};
}

// A key that is absent counts as null: files differ in which they leave out.
const json& value_of(const json& file, const std::string& key) {
  static const json null;
  const auto it = file.find(key);
  return it == file.end() ? null : *it;
}

// The first key of `form` that the file says otherwise; "" where it is of that form.
std::string first_difference(const json& file, const json& form) {
  for (const auto& [key, value] : form.items()) {
    if (key != "version" && value_of(file, key) != value) return key;
  }
  return {};
}

std::string brief(const json& value) {
  return value.is_null() ? "none" : io::in_quotes(io::to_json_line(value));
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
  if (!tokenizer.tokens_are_bytes()) {
    fail(ErrorCode::usage, {path.string(), "a byte tokenizer", std::string(tokenizer.name())});
  }
  io::write_atomic(path, io::to_json_text(describe_bytes()));
}

std::unique_ptr<Tokenizer> read_tokenizer(const io::Path& path) {
  const json file = io::read_json(path);
  const auto refuse = [&](const std::string& what, const std::string& got) {
    fail(ErrorCode::input, {path.string(), "a byte tokenizer" + what, got,
                            "of all tokenizers only that of bytes is known"});
  };
  if (!file.is_object()) refuse("", "no table");
  const json before = describe_bytes_as_before();
  const json& model = value_of(file, "model");
  const bool old = model.is_object() && value_of(model, "type") == before["model"]["type"];
  const std::string key = first_difference(file, old ? before : describe_bytes());
  if (!key.empty()) refuse(": its \"" + key + "\"", brief(value_of(file, key)));
  return std::make_unique<ByteTokenizer>();
}

}  // namespace weft
