#include "cli/run.h"
#include "cli/short_waits.h"
#include "cli/standard_streams.h"

int main(int argc, char** argv) {
  weft::cli::end_short_waits_setup();
  weft::cli::occupy_closed_streams();
  return weft::cli::run(argc, argv);
}
