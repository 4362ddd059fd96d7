// A configuration as a tree: what TOML text becomes, whichever parser read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weft::io {

struct Field;

/// A boolean, integer, real number, string, array or table, with how it was written.
struct Value {
  using Array = std::vector<Value>;
  using Table = std::vector<Field>;  ///< in the order of the text; every key once

  std::variant<Table, bool, int64_t, double, std::string, Array> data;  ///< an empty table at first
  int line = 0;           ///< in its file, from 1; 0 where it came from elsewhere
  bool exponent = false;  ///< a number that was written with one: 1e3

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(data);
  }
  /// Null where the value is of another type.
  template <class T>
  const T* as() const {
    return std::get_if<T>(&data);
  }
  template <class T>
  T* as() {
    return std::get_if<T>(&data);
  }

  /// An integer, also one that was written with an exponent: 1e3 is one, 1.5e0 and 3.0 are not.
  std::optional<int64_t> whole() const;
  /// The value of a key; null where this is no table or has no such key.
  const Value* find(std::string_view key) const;
  /// The value of a key of a table, added (as an empty table) where there is none.
  Value& at(std::string_view key);
  /// "an integer", "a table", ...
  std::string_view kind() const;
  /// Type and content; tables compare as sets of keys, lines and spelling do not matter.
  bool operator==(const Value& other) const;
};

struct Field {
  std::string key;
  Value value;

  bool operator==(const Field& other) const;
};

using KeyPath = std::vector<std::string>;
/// "model.wiring_args.value-residual"
std::string to_string(const KeyPath& path);

/// Puts a value into a tree of tables, which are added where they are missing. Throws Error(config)
/// where the path leads through something that is no table.
void set_path(Value& root, const KeyPath& path, Value value);

}  // namespace weft::io
