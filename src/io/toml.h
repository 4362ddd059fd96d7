// TOML (1.0): reading, writing, and the overrides of a command line. The parser is toml++.
#pragma once

#include <string>
#include <string_view>

#include "io/file.h"
#include "io/value.h"

namespace weft::io {

/// Parses TOML text into a table. Throws Error(config) with `where`:line at a syntax error, a date
/// or time, nesting deeper than 32, more than 256 dots in a line, or more than 1 MiB.
Value parse_toml(std::string_view text, std::string_view where);
/// The same for a file. Throws Error(input) where it cannot be read.
Value read_toml(const Path& path);

/// The text of a table: values first, then its tables as [a.b] and [[a.b]], each in the order of
/// the tree; a list of tables inside an element of another is written inline. Equal trees in equal
/// order give equal bytes, and parse_toml gives the tree back.
std::string to_toml(const Value& table);

struct Override {
  KeyPath path;
  Value value;
};

/// "model.heads=6": a dotted key as TOML spells it, then a TOML value, or a bare word, which is a
/// string ("model.mechanism=softmax"). Throws Error(usage) where it is neither.
Override parse_override(std::string_view text);

}  // namespace weft::io
