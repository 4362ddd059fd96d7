// The manual page weft(1), from the same declarations as the help.
#pragma once

#include <span>
#include <string>

#include "cli/page.h"

namespace weft::cli {

/// roff with the macros of man(7).
std::string man_page(std::span<const Page> pages);

}  // namespace weft::cli
