// SIGINT, SIGTERM and SIGHUP as a wish to stop.
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include "cli/console.h"

namespace weft::cli {

/// What a verb says to whoever asks it to stop. Called in the thread that waits for signals.
struct StopReplies {
  /// What is finished first: "finishing step 59, saving". "": there is nothing to wait for, and the
  /// process ends at once.
  std::function<std::string()> finishing;
  /// What asking again does: "to stop without saving".
  std::string again;
  /// What is lost, and how to go on, where it ends at once: "stopped without saving; ...".
  std::function<std::string()> ended;
};

/// While it lives, the first of these signals is a wish to stop, answered at once on stderr.
/// Ctrl-C a second time ends the process by that signal. A terminal, a shell and a service manager
/// may each deliver one of their own within milliseconds, so the second counts from kAgain after
/// the first on, and SIGTERM and SIGHUP, which no one types, never end what is being saved. Signals
/// that were ignored or blocked before stay so.
///
/// No handler runs: the signals are blocked, in this thread and those that it starts, and a thread
/// of its own waits for them. So one is to be made before other threads are.
class StopSignals {
 public:
  static constexpr std::chrono::milliseconds kAgain{250};

  /// The console must outlive it.
  StopSignals(const Console& console, StopReplies replies);
  /// The signals are as before, unless one came: then the process is about to end.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// True from the first signal on.
  const std::atomic<bool>& asked() const { return asked_; }
  /// Of a process that the first signal ended in good order: 128 + its number. 0: none came.
  int exit_code() const;

 private:
  using Clock = std::chrono::steady_clock;

  void listen();
  void first(int signal);
  void say(const std::string& text) const;
  [[noreturn]] void end_by(int signal) const;

  const Console& console_;
  StopReplies replies_;
  sigset_t waited_ = {}, before_ = {};
  std::atomic<bool> asked_{false}, done_{false};
  std::atomic<int> signal_{0};  // the first that came
  Clock::time_point at_;        // when
  std::thread thread_;
};

}  // namespace weft::cli
