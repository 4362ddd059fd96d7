#include "runtime/signal_guard.h"

#include <csignal>
#include <initializer_list>

namespace weft {
namespace {

struct ThreadSignals {
  int depth = 0;         // guards that live
  bool blocked = false;  // from the thread's beginning: nothing to do
  sigset_t before = {};  // the outermost guard came
};

thread_local ThreadSignals mine;

/// What is delivered at moments that the thread's own instructions do not choose.
const sigset_t& asynchronous() noexcept {
  static const sigset_t set = [] {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
      sigdelset(&all, own);
    }
    return all;
  }();
  return set;
}

bool holds_all(const sigset_t& blocked) noexcept {
  for (int signal = 1; signal < NSIG; ++signal) {
    // SIGKILL and SIGSTOP are in no mask.
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    if (sigismember(&asynchronous(), signal) == 1 && sigismember(&blocked, signal) != 1) {
      return false;
    }
  }
  return true;
}

/// True where this was the outermost guard that does something.
bool enter() noexcept {
  if (mine.depth++ > 0 || mine.blocked) return false;
  pthread_sigmask(SIG_BLOCK, &asynchronous(), &mine.before);
  return true;
}

void leave() noexcept {
  if (--mine.depth > 0 || mine.blocked) return;
  pthread_sigmask(SIG_SETMASK, &mine.before, nullptr);
}

}  // namespace

SignalGuard::SignalGuard() noexcept {
  enter();
}

SignalGuard::~SignalGuard() {
  leave();
}

WorkerSignalGuard::WorkerSignalGuard() noexcept {
  if (enter()) mine.blocked = holds_all(mine.before);
}

WorkerSignalGuard::~WorkerSignalGuard() {
  leave();
}

}  // namespace weft
