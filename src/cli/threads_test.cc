#include "cli/threads.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weft::cli {
namespace {

/// The variable has this value while it lives; null: it is not set.
class ThreadsVariable {
 public:
  explicit ThreadsVariable(const char* value) {
    if (const char* before = std::getenv(kName)) before_ = before, was_set_ = true;
    value == nullptr ? unsetenv(kName) : setenv(kName, value, 1);
  }
  ~ThreadsVariable() { was_set_ ? setenv(kName, before_.c_str(), 1) : unsetenv(kName); }
  ThreadsVariable(const ThreadsVariable&) = delete;
  ThreadsVariable& operator=(const ThreadsVariable&) = delete;

 private:
  static constexpr const char* kName = "OMP_NUM_THREADS";
  std::string before_;
  bool was_set_ = false;
};

TEST(Threads, FirstOfAList) {
  EXPECT_EQ(first_of_list("3"), 3);
  EXPECT_EQ(first_of_list(" 2 , 1"), 2);
  EXPECT_EQ(first_of_list("4,3,2"), 4);
  for (const char* bad : {"", " ", "0", "-1", "two", "2x", ",2", "99999999999999999999"}) {
    EXPECT_EQ(first_of_list(bad), 0) << bad;
  }
}

TEST(Threads, TheVariableHoldsWhereNoneAreGiven) {
  const Console console;
  {
    const ThreadsVariable one("1");
    EXPECT_EQ(runtime_of(0, kBaseIsa, console).threads, 1);
    EXPECT_EQ(runtime_of(2, kBaseIsa, console).threads, 2);
  }
  const ThreadsVariable bad("many");
  EXPECT_EQ(runtime_of(0, kBaseIsa, console).threads, useful_threads());
}

TEST(Threads, OnlyTheDefaultGivesWay) {
  const Console console;
  {
    const ThreadsVariable none(nullptr);
    EXPECT_EQ(runtime_of(0, kBaseIsa, console).team != nullptr, useful_threads() > 1);
    EXPECT_EQ(runtime_of(2, kBaseIsa, console).team, nullptr);
  }
  const ThreadsVariable two("2");
  EXPECT_EQ(runtime_of(0, kBaseIsa, console).team, nullptr);
}

}  // namespace
}  // namespace weft::cli
