// What there is to say about a verb: from it come the help, the manual page and the completions.
#pragma once

#include <string>
#include <vector>

#include "cli/flags.h"

namespace weft::cli {

/// A command line that can be typed, and what it does.
struct Example {
  std::string command;  ///< "weft explain resformer"
  std::string what;
};

struct Page {
  std::string verb, summary;
  std::vector<Declared> declared;
  std::vector<Example> examples;
};

/// "weft train [CONFIG] --out NAME [flags]"
std::string usage(const Page& page);

/// One page for each verb, in the order of the help.
std::vector<Page> all_pages();

}  // namespace weft::cli
