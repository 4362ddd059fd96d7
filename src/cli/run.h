// The command line as a whole.
#pragma once

namespace weft::cli {

/// Parses, runs the verb, and turns every failure into one line on stderr. Returns the exit code: 0
/// success, 1 a failure at run time, 2 a mistake in the call, the configuration or the input.
int run(int argc, const char* const* argv) noexcept;

}  // namespace weft::cli
