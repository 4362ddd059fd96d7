#include <unistd.h>

#include <cstdlib>

#include "cli/run.h"

namespace {

// Threads that wait for the next piece of work spin, which costs dearly where another program wants
// the core: a step then lasts as long as the scheduler's turns. A short spin is enough between our
// ops. The OpenMP runtime reads its environment when it is loaded, so the program starts itself
// once more.
void start_with_short_waits(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "20000", 1);
  execv("/proc/self/exe", argv);  // returns only where it cannot; then waits are long, no more
}

}  // namespace

int main(int argc, char** argv) {
  start_with_short_waits(argv);
  return weft::cli::run(argc, argv);
}
