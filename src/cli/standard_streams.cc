#include "cli/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace weft::cli {

void occupy_closed_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // The lowest free number is taken, so this one. Opened for the other direction: a result that
    // nobody can read is an error (EBADF), not a success.
    const int mode = fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY;
    // Where there is no /dev, as in some containers, any path does that only marks a place.
    if (::open("/dev/null", mode) < 0) (void)::open("/", O_PATH);
  }
}

}  // namespace weft::cli
