// Help as text for a terminal.
#pragma once

#include <span>
#include <string>

#include "cli/page.h"

namespace weft::cli {

/// What Weft is, its verbs, and the first steps. No line is longer than `width`, as long as no word
/// is and no example.
std::string overview(std::span<const Page> pages, int width);

/// Usage, arguments, flags and examples of a verb, likewise.
std::string verb_help(const Page& page, int width);

/// One line about the program.
extern const char* const kAbout;

/// What to type first.
std::span<const Example> first_steps();

}  // namespace weft::cli
