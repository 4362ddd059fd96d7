#include "runtime/team_size.h"

#include <gtest/gtest.h>

#include <functional>

namespace weft {
namespace {

/// A machine on a clock of its own: regions of a millisecond for one thread, and a rate, the work
/// done in a second, for every number of threads.
class Machine {
 public:
  using Rate = std::function<double(int threads)>;
  Machine(TeamSize& team, Rate rate) : team_(team), rate_(std::move(rate)) {}

  void becomes(Rate rate) { rate_ = std::move(rate); }
  /// Works for so many seconds; returns the work that was done in each.
  double work(double seconds) {
    const double end = now_ + seconds;
    double done = 0;
    while (now_ < end) {
      const double wall = 1e-3 / rate_(team_.size());
      const bool measured = now_ >= team_.due();
      now_ += wall;
      done += 1e-3;
      if (measured) team_.ran(now_, wall, 1e-3);
    }
    return done / seconds;
  }

 private:
  TeamSize& team_;
  Rate rate_;
  double now_ = 1000;
};

double idle(int threads) {
  return 0.95 * threads;
}
/// One of the cores is taken, and whoever waits for the thread on it waits long.
Machine::Rate one_of(int cores) {
  return [cores](int threads) { return threads < cores ? 0.95 * threads : 0.15 * cores; };
}

TEST(TeamSize, IsWholeOnAnIdleMachine) {
  for (const int threads : {1, 2, 3, 16}) {
    TeamSize team(threads);
    Machine machine(team, idle);
    EXPECT_GE(machine.work(10), 0.99 * idle(threads)) << threads;
    EXPECT_EQ(team.size(), threads);
  }
}

TEST(TeamSize, GivesWayOnAContendedOne) {
  for (const int threads : {2, 4, 16}) {
    TeamSize team(threads);
    Machine machine(team, one_of(threads));
    machine.work(2);
    EXPECT_GE(machine.work(20), 0.9 * idle(threads - 1)) << threads;
  }
}

TEST(TeamSize, FindsHalfTheCores) {
  TeamSize team(16);
  Machine machine(team, [](int threads) { return threads <= 8 ? 0.95 * threads : 2.5; });
  machine.work(3);
  EXPECT_GE(machine.work(20), 0.85 * 0.95 * 8);
}

TEST(TeamSize, GivesWaySoon) {
  TeamSize team(2);
  Machine machine(team, one_of(2));
  EXPECT_GE(machine.work(1), 0.9 * idle(1));
}

TEST(TeamSize, IsWholeAgainWhenTheOthersHaveGone) {
  TeamSize team(4);
  Machine machine(team, idle);
  machine.work(1);
  machine.becomes(one_of(4));
  machine.work(10);
  EXPECT_LT(team.size(), 4);
  machine.becomes(idle);
  machine.work(2 * TeamSize::kLongWait + 0.5);
  EXPECT_EQ(team.size(), 4);
}

TEST(TeamSize, KeepsATeamThatIsPoorAndYetBetter) {
  TeamSize team(2);
  Machine machine(team, [](int threads) { return threads == 2 ? 1.3 : 0.95; });
  EXPECT_GE(machine.work(10), 0.97 * 1.3);
  EXPECT_EQ(team.size(), 2);
}

TEST(TeamSize, SmallWorkGetsNoTeam) {
  TeamSize team(2);
  Machine machine(team, [](int threads) { return threads == 2 ? 0.6 : 0.95; });
  EXPECT_GE(machine.work(10), 0.9 * 0.95);
  EXPECT_EQ(team.size(), 1);
}

TEST(TeamSize, LuckyWindowsDoNotMoveItToAndFro) {
  TeamSize team(2);
  int regions = 0;
  // One millisecond of two threads in five is as on an idle machine, in runs longer than a window.
  Machine machine(team, [&](int threads) {
    if (threads == 1) return 0.95;
    return ++regions % 100 < 20 ? 1.9 : 0.15;
  });
  machine.work(1);
  EXPECT_GE(machine.work(30), 0.85 * 0.95);
}

TEST(TeamSize, TakesNoMoreThanThereCanBe) {
  TeamSize team(16);
  Machine machine(team, idle);
  machine.work(1);
  team.limit(3);
  machine.work(1);
  EXPECT_EQ(team.size(), 3);
  team.limit(1);
  machine.work(1);
  EXPECT_EQ(team.size(), 1);
}

TEST(TeamSize, MeasuresLittle) {
  TeamSize team(2);
  double now = 0, measured = 0;
  while (now < 20) {
    const bool due = now >= team.due();
    now += 1e-3;
    if (!due) continue;
    measured += 1e-3;
    team.ran(now, 1e-3, 0.95e-3 * team.size());
  }
  EXPECT_LE(measured, 0.06 * now);
}

}  // namespace
}  // namespace weft
