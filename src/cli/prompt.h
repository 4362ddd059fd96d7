// The text that generate begins with.
#pragma once

#include <optional>
#include <string>

namespace weft::cli {

/// `given`: the text itself, or "-" for standard input; `file`: a file (or pipe) to read it
/// from, or "-".
/// Exactly the bytes that are there, newlines at the end too. Throws Error(usage) where both or
/// neither are given, Error(input) where there is nothing, no UTF-8, or more than 256 MiB.
std::string read_prompt(const std::optional<std::string>& given, const std::string& file);

}  // namespace weft::cli
