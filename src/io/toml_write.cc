// The writing half of io/toml.h.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "io/toml.h"

namespace weft::io {
namespace {

bool is_bare(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

std::string string_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string key_text(std::string_view key) {
  return is_bare(key) ? std::string(key) : string_text(key);
}

// The shortest text that reads back as the same number, and as a float.
std::string number_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", x);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

bool is_table_list(const Value& value) {
  const Value::Array* array = value.as<Value::Array>();
  return array != nullptr && !array->empty() &&
         std::all_of(array->begin(), array->end(),
                     [](const Value& v) { return v.is<Value::Table>(); });
}

struct InlineText {
  std::string operator()(bool b) const { return b ? "true" : "false"; }
  std::string operator()(int64_t i) const { return std::to_string(i); }
  std::string operator()(double x) const { return number_text(x); }
  std::string operator()(const std::string& s) const { return string_text(s); }
  std::string operator()(const Value::Array& array) const {
    std::string text = "[";
    for (const Value& v : array) text += (text.size() > 1 ? ", " : "") + std::visit(*this, v.data);
    return text + "]";
  }
  std::string operator()(const Value::Table& table) const {
    std::string text = "{";
    for (const Field& f : table) {
      text += (text.size() > 1 ? ", " : " ") + key_text(f.key) + " = " +
              std::visit(*this, f.value.data);
    }
    return text + " }";
  }
};

// Inside a list that is written as [[a]], [[a.b]] would be hard to read: tables in a list there are
// inline, one a line.
enum class Place { section, list_element };

bool is_section(const Value& value, Place place) {
  return value.is<Value::Table>() || (place == Place::section && is_table_list(value));
}

std::string value_text(const Value& value) {
  if (!is_table_list(value)) return std::visit(InlineText{}, value.data);
  std::string text = "[\n";
  for (const Value& v : *value.as<Value::Array>()) {
    text += "  " + std::visit(InlineText{}, v.data) + ",\n";
  }
  return text + "]";
}

void write_body(std::string& out, const std::string& prefix, const Value::Table& table,
                Place place);

void write_section(std::string& out, const std::string& name, const Value& value, Place place) {
  const auto header = [&](const char* open, const char* close) {
    if (!out.empty()) out += '\n';
    out += open + name + close + "\n";
  };
  if (const Value::Table* table = value.as<Value::Table>()) {
    // A table of nothing but tables needs no header of its own.
    const bool implied =
        !table->empty() && std::all_of(table->begin(), table->end(),
                                       [&](const Field& f) { return is_section(f.value, place); });
    if (!implied) header("[", "]");
    write_body(out, name + ".", *table, place);
    return;
  }
  for (const Value& element : *value.as<Value::Array>()) {
    header("[[", "]]");
    write_body(out, name + ".", *element.as<Value::Table>(), Place::list_element);
  }
}

void write_body(std::string& out, const std::string& prefix, const Value::Table& table,
                Place place) {
  for (const Field& f : table) {
    if (is_section(f.value, place)) continue;
    out += key_text(f.key) + " = " + value_text(f.value) + "\n";
  }
  for (const Field& f : table) {
    if (is_section(f.value, place)) write_section(out, prefix + key_text(f.key), f.value, place);
  }
}

}  // namespace

std::string to_toml(const Value& table) {
  const Value::Table* fields = table.as<Value::Table>();
  if (fields == nullptr) {
    fail(ErrorCode::usage, {"write TOML", "a table", std::string(table.kind()), ""});
  }
  std::string out;
  write_body(out, "", *fields, Place::section);
  return out;
}

}  // namespace weft::io
