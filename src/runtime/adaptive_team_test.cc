#include "runtime/adaptive_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace weft {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Regions for so long, with every task run once by a thread that there is.
void work(const Runtime& rt, double seconds) {
  const auto start = Clock::now();
  while (seconds_since(start) < seconds) {
    std::vector<std::atomic<int>> hits(64);
    parallel_for(rt, 64, [&](int64_t i, int thread) {
      EXPECT_GE(thread, 0);
      EXPECT_LT(thread, rt.threads);
      hits[static_cast<size_t>(i)]++;
    });
    for (const auto& h : hits) ASSERT_EQ(h, 1);
  }
}

TEST(AdaptiveTeam, RunsEveryTaskOnceWhateverItsSize) {
  work(Runtime::adaptive(3), 0.3);
}

TEST(AdaptiveTeam, ServesSeveralThreadsOfAProgram) {
  const Runtime rt = Runtime::adaptive(2);
  std::thread other([&] { work(rt, 0.2); });
  work(rt, 0.2);
  other.join();
}

TEST(AdaptiveTeam, WorkThatIsSoonOverMakesNoThreads) {
  const Runtime rt = Runtime::adaptive(4);
  const auto start = Clock::now();
  std::atomic<int> others{0};
  parallel_for(rt, 64, [&](int64_t, int thread) { others += thread != 0; });
  if (seconds_since(start) > TeamSize::kAlone) GTEST_SKIP() << "the machine is too slow to tell";
  EXPECT_EQ(others, 0);
  EXPECT_EQ(rt.team->size(), 1);
}

// As when every task is a training run: nothing could be measured before the end of the first.
TEST(AdaptiveTeam, LongTasksAreSharedAtOnce) {
  const Runtime rt = Runtime::adaptive(2);
  std::vector<std::atomic<int>> hits(8);
  std::atomic<int> others{0};
  parallel_for(rt, 8, [&](int64_t i, int thread) {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    hits[static_cast<size_t>(i)]++;
    others += thread != 0;
  });
  for (const auto& h : hits) EXPECT_EQ(h, 1);
  EXPECT_GE(others, 1);
}

TEST(AdaptiveTeam, OneThreadNeedsNone) {
  EXPECT_EQ(Runtime::adaptive(1).team, nullptr);
}

}  // namespace
}  // namespace weft
