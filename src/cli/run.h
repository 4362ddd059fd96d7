// The command line as a whole.
#pragma once

#include <string>
#include <vector>

namespace weft::cli {

/// Parses, runs the verb, and turns every failure into one line on stderr. Returns the exit code: 0
/// success (also where the reader of stdout has had enough and gone), 1 a failure at run time, 2 a
/// mistake in the call, the configuration or the input.
int run(int argc, const char* const* argv) noexcept;

/// Parses the words behind "weft" and runs nothing. Throws Error(usage) where run() would refuse
/// the call before it looks at any file.
void check_command(std::vector<std::string> words);

}  // namespace weft::cli
