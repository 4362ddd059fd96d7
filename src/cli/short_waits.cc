// libgomp reads its environment once, when it is loaded, which is before main() and before every
// constructor of the program: only .preinit_array comes earlier. There the C library is not
// initialised and has no environment yet to add to, but the array that it will take is there. So
// one variable that no library reads while it is loaded makes room, and comes back in main().
#include "cli/short_waits.h"

#include <unistd.h>

#include <cstdlib>
#include <iterator>

namespace weft::cli {
namespace {

// Some 50 ns each: long enough for the gap between two ops, and on an idle machine as fast as 20
// times as many. libgomp's own choice is 300,000, in which a spinning thread takes the core from
// another program, or from the thread that it waits for: a step then lasts as long as the
// scheduler's turns.
char spins[] = "GOMP_SPINCOUNT=1000";
char* aside = nullptr;  // the variable in whose place `spins` stands

// What follows runs before the C library and the sanitizers are ready, and calls neither.
#define WEFT_BARE __attribute__((no_sanitize("address", "undefined", "thread")))

WEFT_BARE bool names(const char* variable, const char* name) {
  while (*name != '\0' && *variable == *name) ++variable, ++name;
  return *name == '\0' && *variable == '=';
}

WEFT_BARE void ask_for_short_waits(int, char**, char** environment) {
  static constexpr const char* kUnread[] = {"_", "OLDPWD", "PWD", "SHLVL", "HOME", "PATH"};
  char** room = nullptr;
  size_t rank = std::size(kUnread);
  for (char** v = environment; *v != nullptr; ++v) {
    if (names(*v, "GOMP_SPINCOUNT") || names(*v, "OMP_WAIT_POLICY")) return;
    for (size_t i = 0; i < rank; ++i) {
      if (!names(*v, kUnread[i])) continue;
      room = v;
      rank = i;
    }
  }
  if (room == nullptr) return;  // waits are long then, no more
  aside = *room;
  *room = spins;
}

__attribute__((section(".preinit_array"),
               used)) void (*const before_the_libraries)(int, char**, char**) = ask_for_short_waits;

}  // namespace

void end_short_waits_setup() {
#if defined(__clang__)  // libomp reads its environment at the first parallel region; milliseconds
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) ::setenv("KMP_BLOCKTIME", "1", 0);
#endif
  for (char** v = environ; aside != nullptr && *v != nullptr; ++v) {
    if (*v == spins) *v = aside;
  }
}

}  // namespace weft::cli
