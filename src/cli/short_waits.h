// How long OpenMP's threads spin for the next piece of work before they sleep.
#pragma once

namespace weft::cli {

/// Ends what this file began before main(): the environment is the user's own again. To be called
/// first in main. Where GOMP_SPINCOUNT or OMP_WAIT_POLICY is set, nothing was changed.
void end_short_waits_setup();

}  // namespace weft::cli
