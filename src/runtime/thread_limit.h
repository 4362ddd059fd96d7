// How many threads the system lets a process have.
#pragma once

namespace weft {

/// The threads of a team that can be made now, at most `wanted` and the calling one among them.
/// Limits of users, control groups and address space end it early; OpenMP's runtime, which would
/// meet them only in the middle of a computation, ends the process there.
int startable_threads(int wanted) noexcept;

}  // namespace weft
