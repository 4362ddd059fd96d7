// RUN/latest: a link to the newest checkpoint, for people. Nothing is decided by it.
#pragma once

#include <cstdint>
#include <string>

#include "io/file.h"

namespace weft {

/// Points RUN/latest at checkpoints/step-N in one step. A folder or file of that name is moved
/// aside, not lost. Does nothing where the file system knows no links. Throws Error(runtime) where
/// writing fails.
void point_latest(const io::Path& run, int64_t step);

/// Makes `latest` right again in a run that was copied, where links become folders or files: what
/// is a copy of a checkpoint that is there is replaced by the link; a checkpoint newer than all
/// that are there becomes one of them; anything else is moved aside, to latest-of-step-N. Returns
/// what was done in one line; "" where `latest` was right or missing. Throws as point_latest.
std::string mend_latest(const io::Path& run);

}  // namespace weft
