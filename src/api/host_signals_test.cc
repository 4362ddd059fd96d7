// A host program with handlers, timers and profilers of its own, which know nothing of alternate
// stacks, trains and generates: no signal may find a thread whose stack pointer is elsewhere.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "weft/weft.h"

namespace weft {
namespace {

std::atomic<int64_t> handled{0};

// Writes over what lies below the stack pointer, as any handler does, only more of it.
void handler(int) {
  std::array<volatile char, 8192> frame;
  for (volatile char& byte : frame) byte = 0x5a;
  ++handled;
}

/// While it lives, signals rain on every thread of the process, from timers and from kill.
class Rain {
 public:
  Rain() {
    handled = 0;
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &before_[i]);
    const itimerval often{{0, 100}, {0, 100}};
    setitimer(ITIMER_REAL, &often, nullptr);
    setitimer(ITIMER_PROF, &often, nullptr);
    thread_ = std::thread([this] { fall(); });
  }
  ~Rain() {
    done_ = true;
    thread_.join();
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    setitimer(ITIMER_PROF, &never, nullptr);
    // What is pending for the process arrives here, before the handlers go.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }

 private:
  static constexpr std::array<int, 4> kSignals = {SIGALRM, SIGPROF, SIGUSR1, SIGTERM};

  // To every thread by its number, as debuggers and sampling profilers do, and to the process.
  void fall() {
    const auto mine = static_cast<pid_t>(::syscall(SYS_gettid));
    uint32_t moment = 1;
    while (!done_) {
      for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        const auto thread = static_cast<pid_t>(std::stoi(entry.path().filename().string()));
        if (thread != mine) ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR1);
      }
      ::kill(::getpid(), SIGTERM);
      moment = moment * 1664525 + 1013904223;
      std::this_thread::sleep_for(std::chrono::microseconds(20 + (moment >> 24)));
    }
  }

  std::array<struct sigaction, 4> before_{};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

std::string text() {
  std::string t;
  for (int i = 0; i < 400; ++i) t += "the clocks were striking " + std::to_string(i % 13) + ". ";
  return t;
}

/// The loss after some training, and what the model writes then.
std::pair<double, std::string> trained(int threads, bool bf16) {
  LanguageModel model = LanguageModel::make(
      "resformer", {"model.dim=128", "model.layers=2", "model.heads=2", "model.kv_heads=2",
                    "model.head_dim=64", "model.ffn=256", "model.context=64"});
  const double loss =
      model.fit(text(), {.steps = 60, .batch = 4, .bf16 = bf16, .threads = threads});
  return {loss, model.generate("the clocks", {.tokens = 40, .seed = 3, .threads = threads})};
}

class HostSignalsAt : public testing::TestWithParam<int> {};

TEST_P(HostSignalsAt, ChangeNothing) {
  for (const bool bf16 : {false, true}) {
    const auto quiet = trained(GetParam(), bf16);
    const Rain rain;
    EXPECT_EQ(trained(GetParam(), bf16), quiet) << "bf16 " << bf16;
    EXPECT_GT(handled, 100) << "signals arrived, late but not never";
  }
}

// A pool of OpenMP's threads that the host program had first, with its own mask.
TEST(HostSignals, ChangeNothingInThreadsOfTheHostsPool) {
  std::atomic<int> threads{0};
#pragma omp parallel num_threads(3)
  ++threads;
  EXPECT_EQ(threads, 3);
  const auto quiet = trained(3, false);
  const Rain rain;
  EXPECT_EQ(trained(3, false), quiet);
  EXPECT_GT(handled, 100);
}

INSTANTIATE_TEST_SUITE_P(Threads, HostSignalsAt, testing::Values(1, 2, 3));

}  // namespace
}  // namespace weft
