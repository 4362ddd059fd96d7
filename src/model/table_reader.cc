#include "model/table_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace weft {
namespace {

using io::Value;

std::string text(const Value& v) {
  if (const auto* b = v.as<bool>()) return *b ? "true" : "false";
  if (const auto* i = v.as<int64_t>()) return std::to_string(*i);
  if (const auto* d = v.as<double>()) return fmt::format("{}", *d);
  if (const auto* s = v.as<std::string>()) return "\"" + *s + "\"";
  return std::string(v.kind());
}

// Elements of a list of T, or the one element in its place; false where something else is among
// them.
template <class T>
bool elements(const Value& v, std::vector<T>& out) {
  out.clear();
  if (const T* one = v.as<T>()) {
    out.push_back(*one);
    return true;
  }
  const auto* array = v.as<Value::Array>();
  if (array == nullptr) return false;
  for (const Value& e : *array) {
    const T* one = e.as<T>();
    if (one == nullptr) return false;
    out.push_back(*one);
  }
  return true;
}

bool to_arg(const Value& v, Arg& out) {
  std::vector<int64_t> list;
  if (const auto* b = v.as<bool>()) {
    out = *b;
  } else if (const auto* i = v.as<int64_t>()) {
    out = *i;
  } else if (const auto* d = v.as<double>()) {
    out = *d;
  } else if (const auto* s = v.as<std::string>()) {
    out = *s;
  } else if (elements(v, list)) {
    out = list;
  } else {
    return false;
  }
  return true;
}

}  // namespace

TableReader::TableReader(const Value& table, std::string_view file, std::string_view path)
    : table_(table), file_(file), path_(path) {
  if (table.is<Value::Table>()) return;
  const std::string line = file_.empty() ? "" : fmt::format("{}:{}: ", file_, table.line);
  fail(ErrorCode::config, {line + path_, "a table", std::string(table.kind()), ""});
}

std::string TableReader::where(std::string_view key) const {
  const Value* v = table_.find(key);
  const std::string name = path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  if (file_.empty()) return name;
  return v == nullptr || v->line == 0 ? fmt::format("{}: {}", file_, name)
                                      : fmt::format("{}:{}: {}", file_, v->line, name);
}

void TableReader::refuse(std::string_view key, std::string expected, std::string got,
                         std::string hint) const {
  fail(ErrorCode::config, {where(key), std::move(expected), std::move(got), std::move(hint)});
}

void TableReader::wrong(std::string_view key, std::string expected, const Value& got) const {
  refuse(key, std::move(expected), text(got));
}

const Value* TableReader::take(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return table_.find(key);
}

void TableReader::read(std::string_view key, bool& out) {
  const Value* v = take(key);
  if (v == nullptr) return;
  if (!v->is<bool>()) wrong(key, "true or false", *v);
  out = *v->as<bool>();
}

void TableReader::read(std::string_view key, int64_t& out, int64_t least, int64_t most) {
  const Value* v = take(key);
  if (v == nullptr) return;
  const auto* i = v->as<int64_t>();
  if (i == nullptr || *i < least || *i > most) {
    wrong(key, fmt::format("an integer from {} to {}", least, most), *v);
  }
  out = *i;
}

void TableReader::read(std::string_view key, double& out, double least, double most) {
  const Value* v = take(key);
  if (v == nullptr) return;
  double x = 0;
  if (const auto* d = v->as<double>()) {
    x = *d;
  } else if (const auto* i = v->as<int64_t>()) {
    x = static_cast<double>(*i);
  } else {
    wrong(key, "a number", *v);
  }
  if (!(x >= least && x <= most))
    wrong(key, fmt::format("a number from {} to {}", least, most), *v);
  out = x;
}

void TableReader::read(std::string_view key, std::string& out) {
  const Value* v = take(key);
  if (v == nullptr) return;
  if (!v->is<std::string>()) wrong(key, "a string", *v);
  out = *v->as<std::string>();
}

void TableReader::read(std::string_view key, std::vector<std::string>& out) {
  const Value* v = take(key);
  if (v != nullptr && !elements(*v, out)) wrong(key, "a list of strings", *v);
}

void TableReader::read(std::string_view key, std::vector<int64_t>& out) {
  const Value* v = take(key);
  if (v != nullptr && !elements(*v, out)) wrong(key, "a list of integers", *v);
}

void TableReader::read(std::string_view key, std::map<std::string, Arg>& out) {
  const Value* v = take(key);
  if (v == nullptr) return;
  const auto* table = v->as<Value::Table>();
  if (table == nullptr) wrong(key, "a table", *v);
  for (const io::Field& field : *table) {
    Arg arg;
    if (!to_arg(field.value, arg)) {
      wrong(std::string(key) + "." + field.key, "a value or a list of integers", field.value);
    }
    out[field.key] = arg;
  }
}

void TableReader::finish() const {
  for (const io::Field& field : *table_.as<Value::Table>()) {
    if (std::find(known_.begin(), known_.end(), field.key) != known_.end()) continue;
    refuse(field.key, "a known key", "\"" + field.key + "\"", suggestion(field.key, known_));
  }
}

}  // namespace weft
