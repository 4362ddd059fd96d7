#include "runtime/signal_guard.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <array>
#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

#include "runtime/runtime.h"

namespace weft {
namespace {

constexpr int kThreads = 3;  // of a host's pool

std::atomic<int> arrived{0};

void count(int) {
  ++arrived;
}

/// Counts the arrivals of a signal while it lives.
class Counted {
 public:
  explicit Counted(int signal) : signal_(signal) {
    arrived = 0;
    struct sigaction action {};
    action.sa_handler = count;
    sigaction(signal, &action, &before_);
  }
  ~Counted() { sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_ {};
};

bool blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

// gtest's own thread is fresh in each test program, and a thread of our own is in each test.
void in_a_thread(const std::function<void()>& f) {
  std::thread(f).join();
}

TEST(SignalGuard, SignalsWaitAndArriveAfterwards) {
  const Counted counted(SIGUSR1);
  {
    const SignalGuard guard;
    raise(SIGUSR1);
    EXPECT_EQ(arrived, 0);
    { const SignalGuard inner; }
    EXPECT_EQ(arrived, 0) << "the inner one must not end the outer one";
  }
  EXPECT_EQ(arrived, 1);
}

TEST(SignalGuard, KeepsTheMaskAsItWas) {
  in_a_thread([] {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &one, nullptr);
    {
      const SignalGuard guard;
      for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGPROF, SIGVTALRM, SIGUSR1,
                               SIGUSR2, SIGCHLD, SIGIO, SIGWINCH, SIGRTMIN, SIGRTMAX}) {
        EXPECT_TRUE(blocked(signal)) << signal;
      }
      for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
        EXPECT_FALSE(blocked(own)) << own;
      }
    }
    EXPECT_TRUE(blocked(SIGUSR2));
    EXPECT_FALSE(blocked(SIGUSR1));
  });
}

TEST(SignalGuard, NoThreadTakesASignalWhileItRunsTasks) {
  in_a_thread([] {
    for (const int threads : {1, 2, 4}) {
      std::atomic<int> open{0};
      parallel_for({.threads = threads}, 64, [&](int64_t, int) {
        if (!blocked(SIGPROF) || !blocked(SIGALRM)) ++open;
      });
      EXPECT_EQ(open, 0) << threads;
      EXPECT_FALSE(blocked(SIGPROF));
    }
  });
}

// The pool of a program that used OpenMP before it first called us.
TEST(SignalGuard, ThreadsOfAHostsPoolGetTheirMaskBack) {
  in_a_thread([] {
    std::array<bool, kThreads> before{}, after{};
    const auto look = [](std::array<bool, kThreads>& masks) {
#pragma omp parallel num_threads(kThreads)
      masks[static_cast<size_t>(omp_get_thread_num())] = blocked(SIGPROF);
    };
    look(before);
    std::atomic<int> open{0};
    parallel_for({.threads = kThreads}, 300, [&](int64_t, int) {
      if (!blocked(SIGPROF)) ++open;
    });
    look(after);
    EXPECT_EQ(open, 0);
    EXPECT_EQ(before, (std::array<bool, kThreads>{}));
    EXPECT_EQ(after, before);
  });
}

// A host that calls us from a parallel region of its own.
TEST(SignalGuard, HoldsInsideAParallelRegionOfTheHost) {
  in_a_thread([] {
    std::atomic<int> open{0}, left_blocked{0};
#pragma omp parallel num_threads(2)
    {
      parallel_for({.threads = 2}, 8, [&](int64_t, int) {
        if (!blocked(SIGPROF)) ++open;
      });
      if (blocked(SIGPROF)) ++left_blocked;
    }
    EXPECT_EQ(open, 0);
    EXPECT_EQ(left_blocked, 0);
  });
}

}  // namespace
}  // namespace weft
