// JSON of strangers, read with limits; the parser is nlohmann-json.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "io/file.h"

namespace weft::io {

struct JsonLimits {
  size_t bytes = size_t{64} << 20;
  int depth = 64;                   ///< of nested objects and arrays
  size_t values = size_t{1} << 20;  ///< of any kind, keys included
};

/// Parses one JSON document (RFC 8259, UTF-8). Throws Error(input) naming `where` and the offset at
/// bad syntax, bytes that are not UTF-8, a key given twice, or a limit passed.
nlohmann::json parse_json(std::string_view text, std::string_view where,
                          const JsonLimits& limits = {});
/// The same for a file. Throws Error(input) also where it cannot be read.
nlohmann::json read_json(const Path& path, const JsonLimits& limits = {});

/// Keys in alphabetical order, two blanks a level, a newline at the end: equal values give equal
/// bytes. NaN and infinity become null; text that is not UTF-8 is repaired with U+FFFD.
std::string to_json_text(const nlohmann::json& value);
/// The same without any space, on one line: for *.jsonl and headers.
std::string to_json_line(const nlohmann::json& value);

}  // namespace weft::io
