// Reads one table of a configuration: typed values in range, and no key that nobody asked for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/args.h"
#include "base/error.h"
#include "io/value.h"

namespace weft {

/// Where a key stands, for messages: "config.toml:12: model.heads", as far as there is a file and a
/// line (from 1; 0: none).
std::string place_of(std::string_view file, int line, std::string_view key);

/// Every read leaves `out` as it is where the key is absent. Errors are Error(config) at
/// "file:line: path.key". The table must outlive the reader.
class TableReader {
 public:
  /// `file` for messages, may be empty; `path` of the table, "model". Throws where it is no table.
  TableReader(const io::Value& table, std::string_view file, std::string_view path);

  bool has(std::string_view key) const { return table_.find(key) != nullptr; }
  void read(std::string_view key, bool& out);
  void read(std::string_view key, int64_t& out, int64_t least, int64_t most);
  void read(std::string_view key, double& out, double least, double most);
  void read(std::string_view key, std::string& out);
  void read(std::string_view key, std::vector<std::string>& out);  ///< a list, or one string
  void read(std::string_view key, std::vector<int64_t>& out);      ///< a list, or one integer
  /// The arguments in a table: booleans, numbers, strings, lists of integers.
  void read(std::string_view key, std::map<std::string, Arg>& out);
  /// The value of a table or a list that the caller reads itself; null where it is absent.
  const io::Value* take(std::string_view key);

  /// Throws at a key that was never asked for, with the nearest that was.
  void finish() const;

  /// "config.toml:12: model.heads"
  std::string where(std::string_view key) const;
  const std::string& file() const { return file_; }
  const std::string& path() const { return path_; }
  [[noreturn]] void refuse(std::string_view key, std::string expected, std::string got,
                           std::string hint = "") const;
  /// Calls f; an Error(config) of it that names no place of the file is thrown on as one at `key`.
  template <class F>
  auto at(std::string_view key, F f) const {
    try {
      return f();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::config) throw;
      refuse(key, error.parts().expected, error.parts().got, error.parts().hint);
    }
  }

 private:
  [[noreturn]] void wrong(std::string_view key, std::string expected, const io::Value& got) const;

  const io::Value& table_;
  std::string file_, path_;
  std::vector<std::string> known_;
};

/// What another program's name of a key is here ("learning_rate": "lr"), where no spelling check
/// would see the likeness; other names as they are.
std::string_view key_elsewhere_called(std::string_view name);

/// Arguments as they stand in a configuration, every one spelled out.
io::Value arg_value(const Arg& arg);
io::Value args_table(const Args& args);

}  // namespace weft
