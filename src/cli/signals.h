// SIGINT and SIGTERM as a wish to stop.
#pragma once

#include <atomic>

namespace weft::cli {

/// From the first call on, the first of these signals sets the flag that is returned, and a second
/// one ends the process at once.
const std::atomic<bool>& stop_flag();

}  // namespace weft::cli
