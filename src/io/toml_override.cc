// The overrides of io/toml.h: `--set model.heads=6`.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "io/toml.h"
#include "io/utf8.h"

namespace weft::io {
namespace {

constexpr size_t kMostBytes = size_t{1} << 16;

[[noreturn]] void refuse(std::string_view text, std::string hint) {
  fail(ErrorCode::usage,
       {"--set", "key=value, such as model.heads=6", in_quotes(text), std::move(hint)});
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < 0x20; });
}

// The first = that is not inside a quoted part of the key.
size_t find_equals(std::string_view text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\' && quote == '"') ++i;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '=') {
      return i;
    }
  }
  return std::string_view::npos;
}

// Follows the tables that "<key> = 0" makes; anything but one chain down to the 0 was no key.
KeyPath parse_key(std::string_view key, std::string_view whole) {
  const std::string hint = "a key is words joined by dots";
  if (key.empty() || has_control(key)) refuse(whole, hint);
  Value tree;
  try {
    tree = parse_toml(std::string(key) + " = 0", "--set");
  } catch (const Error&) {
    refuse(whole, hint);
  }
  KeyPath path;
  const Value* place = &tree;
  while (const Value::Table* table = place->as<Value::Table>()) {
    if (table->size() != 1) refuse(whole, hint);
    path.push_back(table->front().key);
    place = &table->front().value;
  }
  const int64_t* zero = place->as<int64_t>();
  if (zero == nullptr || *zero != 0) refuse(whole, hint);
  return path;
}

// Lines inside the argument mean nothing to whoever reads a message.
void forget_lines(Value& value) {
  value.line = 0;
  if (auto* table = value.as<Value::Table>()) {
    for (Field& field : *table) forget_lines(field.value);
  } else if (auto* array = value.as<Value::Array>()) {
    for (Value& element : *array) forget_lines(element);
  }
}

// [a, b], of which a shell has taken the quotes, written again with them; "" where it is more than
// a list of words.
std::string quoted_list(std::string_view text) {
  if (text.front() != '[' || text.find_first_of("'\"{}\n") != std::string_view::npos) return {};
  text.remove_prefix(1);
  if (!text.empty() && text.back() == ']') text.remove_suffix(1);
  if (text.find_first_of("[]") != std::string_view::npos) return {};
  std::string list;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string_view word = trim(text.substr(at, end - at));
    if (!word.empty()) list += (list.empty() ? "\"" : ", \"") + std::string(word) + "\"";
    at = end + 1;
  }
  return "[" + list + "]";
}

[[noreturn]] void refuse_value(std::string_view key, std::string_view text, std::string hint) {
  const bool list = text.front() == '[';
  if (list) hint = "strings inside a list need quotes, and a shell takes away those that it sees";
  if (const std::string again = quoted_list(text); !again.empty()) {
    hint += fmt::format(": --set '{}={}'", key, again);
  }
  fail(ErrorCode::usage, {"--set " + std::string(key), list ? "a TOML list" : "a TOML value",
                          in_quotes(text), std::move(hint)});
}

Value parse_value(std::string_view key, std::string_view text, std::string_view whole) {
  if (text.empty()) refuse(whole, "write key='\"\"' for an empty string");
  if (!is_utf8(text)) refuse(whole, "the value is not UTF-8");
  const bool structured = std::string_view("[{\"'").find(text.front()) != std::string_view::npos;
  // A # in a bare word belongs to the word; it would begin a comment in TOML.
  if (!structured && (has_control(text) || text.find('#') != std::string_view::npos)) {
    return {std::string(text)};
  }
  try {
    Value tree = parse_toml("value = " + std::string(text), "--set");
    Value::Table& table = *tree.as<Value::Table>();
    if (table.size() == 1) {
      forget_lines(table.front().value);
      return std::move(table.front().value);
    }
  } catch (const Error& e) {
    if (structured) refuse_value(key, text, e.parts().got);
    return {std::string(text)};
  }
  refuse(whole, "one key and one value");
}

}  // namespace

Override parse_override(std::string_view text) {
  if (text.size() > kMostBytes) refuse(text, "it is longer than 65536 bytes");
  const size_t equals = find_equals(text);
  if (equals == std::string_view::npos) refuse(text, "there is no =");
  const std::string_view key = trim(text.substr(0, equals));
  KeyPath path = parse_key(key, text);
  return {std::move(path), parse_value(key, trim(text.substr(equals + 1)), text)};
}

}  // namespace weft::io
