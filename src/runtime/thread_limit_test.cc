#include "runtime/thread_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>

namespace weft {
namespace {

TEST(ThreadLimit, AsManyAsWantedWhereNothingLimits) {
  EXPECT_EQ(startable_threads(1), 1);
  EXPECT_EQ(startable_threads(0), 1);
  EXPECT_EQ(startable_threads(4), 4);
}

/// 0: there were a few under the limit.
[[noreturn]] void count_under_a_limit() {
  const rlimit space{rlim_t{1} << 28, RLIM_INFINITY};  // 256 MiB: some 30 stacks of 8 MiB
  if (setrlimit(RLIMIT_AS, &space) != 0) std::_Exit(3);
  const int threads = startable_threads(10000);
  std::_Exit(threads >= 1 && threads < 1000 ? 0 : 4);
}

// Threads whose stacks the address space has no room for cannot be started; unlike the limit of
// processes this one holds for root as well.
TEST(ThreadLimit, FewerUnderALimit) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take the address space";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "sanitizers take the address space";
#endif
#endif
  EXPECT_EXIT(count_under_a_limit(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weft
