#include "cli/signals.h"

#include <unistd.h>

#include <system_error>
#include <utility>

namespace weft::cli {
namespace {

constexpr int kStopping[] = {SIGINT, SIGTERM, SIGHUP};

bool ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

StopSignals::StopSignals(const Console& console, StopReplies replies)
    : console_(console), replies_(std::move(replies)) {
  pthread_sigmask(SIG_BLOCK, nullptr, &before_);
  sigemptyset(&waited_);
  bool any = false;
  for (const int signal : kStopping) {
    if (ignored(signal) || sigismember(&before_, signal) == 1) continue;
    sigaddset(&waited_, signal);
    any = true;
  }
  if (!any) return;
  pthread_sigmask(SIG_BLOCK, &waited_, nullptr);
  try {
    thread_ = std::thread([this] { listen(); });
  } catch (const std::system_error&) {  // no more threads: signals do what they always do
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    console_.note("warning: no thread can be started, so Ctrl-C stops without saving");
  }
}

StopSignals::~StopSignals() {
  if (!thread_.joinable()) return;
  done_ = true;
  for (const int signal : kStopping) {
    if (sigismember(&waited_, signal) != 1) continue;
    pthread_kill(thread_.native_handle(), signal);  // wakes it, and it alone
    break;
  }
  thread_.join();
  if (!asked_) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int StopSignals::exit_code() const {
  const int signal = signal_;
  return signal == 0 ? 0 : 128 + signal;
}

void StopSignals::listen() {
  for (int signal = 0;;) {
    if (sigwait(&waited_, &signal) != 0) continue;
    if (done_) return;
    if (!asked_) {
      first(signal);
    } else if (signal == SIGINT && Clock::now() - at_ >= kAgain) {
      say(replies_.ended());
      end_by(signal);
    }
  }
}

void StopSignals::first(int signal) {
  at_ = Clock::now();
  signal_ = signal;
  asked_ = true;
  const std::string text = replies_.finishing();
  if (text.empty()) {
    say(replies_.ended());
    end_by(signal);
  }
  say(text + (signal == SIGINT ? "; again " : "; Ctrl-C ") + replies_.again);
}

// On a terminal the live line, and the ^C that was typed, end here; the next one is drawn below.
void StopSignals::say(const std::string& text) const {
  console_.note((console_.stderr_is_terminal() && !console_.draws() ? "\n" : "") + text);
}

void StopSignals::end_by(int signal) const {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  raise(signal);  // nobody handles it, so the process ends here
  _exit(128 + signal);
}

}  // namespace weft::cli
