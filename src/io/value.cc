#include "io/value.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace weft::io {
namespace {

template <class Fields>
auto find_field(Fields& fields, std::string_view key) {
  return std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.key == key; });
}

}  // namespace

std::optional<int64_t> Value::whole() const {
  if (const auto* i = as<int64_t>()) return *i;
  constexpr double kMost = 0x1p53;  // beyond it doubles leave integers out
  const auto* d = as<double>();
  if (d == nullptr || !exponent || std::trunc(*d) != *d || std::fabs(*d) > kMost) return {};
  return static_cast<int64_t>(*d);
}

const Value* Value::find(std::string_view key) const {
  const Table* table = as<Table>();
  if (table == nullptr) return nullptr;
  const auto field = find_field(*table, key);
  return field == table->end() ? nullptr : &field->value;
}

Value& Value::at(std::string_view key) {
  Table* table = as<Table>();
  if (table == nullptr) {
    fail(ErrorCode::usage, {"value", "a table", std::string(kind()), ""});
  }
  const auto field = find_field(*table, key);
  if (field != table->end()) return field->value;
  table->push_back({std::string(key), {}});
  return table->back().value;
}

std::string_view Value::kind() const {
  constexpr std::string_view kKinds[] = {"a table",  "true or false", "an integer",
                                         "a number", "a string",      "an array"};
  return kKinds[data.index()];
}

bool Value::operator==(const Value& other) const {
  const Table* table = as<Table>();
  if (table == nullptr || !other.is<Table>()) return data == other.data;
  return table->size() == other.as<Table>()->size() &&
         std::all_of(table->begin(), table->end(), [&](const Field& field) {
           const Value* match = other.find(field.key);
           return match != nullptr && field.value == *match;
         });
}

bool Field::operator==(const Field& other) const {
  return key == other.key && value == other.value;
}

std::string to_string(const KeyPath& path) {
  std::string text;
  for (const std::string& key : path) text += (text.empty() ? "" : ".") + key;
  return text;
}

void set_path(Value& root, const KeyPath& path, Value value) {
  Value* place = &root;
  KeyPath walked;
  for (const std::string& key : path) {
    if (!place->is<Value::Table>()) {
      fail(ErrorCode::config, {"config: " + to_string(path), "a table at " + to_string(walked),
                               std::string(place->kind()), ""});
    }
    place = &place->at(key);
    walked.push_back(key);
  }
  *place = std::move(value);
}

}  // namespace weft::io
