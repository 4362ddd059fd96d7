#include "cli/signals.h"

#include <csignal>

namespace weft::cli {
namespace {

std::atomic<bool> stop_asked{false};

}  // namespace

const std::atomic<bool>& stop_flag() {
  static_assert(std::atomic<bool>::is_always_lock_free);
  struct sigaction action {};
  action.sa_handler = [](int) { stop_asked = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop_asked;
}

}  // namespace weft::cli
