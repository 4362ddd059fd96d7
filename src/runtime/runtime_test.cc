#include "runtime/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace weft {
namespace {

TEST(ParallelFor, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 3}) {
    Runtime rt;
    rt.threads = threads;
    std::vector<std::atomic<int>> hits(1000);
    parallel_for(rt, 1000, [&](int64_t i, int thread) {
      EXPECT_GE(thread, 0);
      EXPECT_LT(thread, threads);
      hits[static_cast<size_t>(i)]++;
    });
    for (const auto& h : hits) EXPECT_EQ(h, 1);
  }
}

TEST(ParallelFor, NestedRunsSerially) {
  Runtime rt;
  rt.threads = 2;
  std::atomic<int> sum = 0;
  parallel_for(rt, 4, [&](int64_t, int) {
    parallel_for(rt, 3, [&](int64_t i, int thread) {
      EXPECT_EQ(thread, 0);
      sum += static_cast<int>(i);
    });
  });
  EXPECT_EQ(sum, 12);
}

TEST(Runtime, NamesTheMachine) {
  EXPECT_GE(Runtime::best().threads, 1);
  EXPECT_NE(machine_name().find("cores"), std::string::npos);
}

}  // namespace
}  // namespace weft
