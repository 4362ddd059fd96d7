// The program and the signals that ask it to stop.
#include <gtest/gtest.h>
#include <pty.h>

#include <array>
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "base/random.h"
#include "cli_run.h"

namespace weft::system_test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

/// How a process ended.
struct End {
  int exit = -1, signal = 0;  ///< its exit code, or what killed it
  std::string err;
};

End end_of(pid_t pid, const Scratch& scratch) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  const std::string err = content(scratch / "stderr");
  return WIFEXITED(status) ? End{WEXITSTATUS(status), 0, err} : End{-1, WTERMSIG(status), err};
}

/// A run that goes on for as long as the test does.
class Stopped : public testing::Test {
 protected:
  std::vector<std::string> endless(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> args = {"train", "transformer", "--out", run_, "--threads", "1"};
    for (const std::string& a : tiny_settings(text_)) args.push_back(a);
    args.insert(args.end(), {"--set", "train.steps=1000000", "--set", "train.log_every=1"});
    for (const std::string& setting : more) args.insert(args.end(), {"--set", setting});
    return args;
  }
  void wait_for_lines(int64_t lines) const {
    for (int i = 0; i < 30000; ++i) {
      const std::string metrics = content(run_ + "/metrics.jsonl");
      if (std::count(metrics.begin(), metrics.end(), '\n') >= lines) return;
      std::this_thread::sleep_for(milliseconds(10));
    }
    FAIL() << "no " << lines << " lines of metrics";
  }

  const Scratch scratch_;
  const std::string text_ = scratch_.file("text.txt", prose(60)), run_ = scratch_ / "run";
};

TEST_F(Stopped, EachSignalSavesAndExitsWithItsNumber) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    fs::remove_all(run_);
    const pid_t pid = start_weft(endless(), scratch_);
    wait_for_lines(3);
    ::kill(pid, signal);
    const End end = end_of(pid, scratch_);
    EXPECT_EQ(end.exit, 128 + signal) << end.signal << end.err;
    EXPECT_NE(end.err.find("finishing step "), std::string::npos) << end.err;
    EXPECT_NE(end.err.find(signal == SIGINT ? ", saving; again to stop without saving\n"
                                            : ", saving; Ctrl-C to stop without saving\n"),
              std::string::npos)
        << end.err;
    EXPECT_NE(end.err.find("stopped after step "), std::string::npos) << end.err;
    EXPECT_NE(end.err.find("go on with  weft train --resume --out " + run_), std::string::npos);
    EXPECT_TRUE(fs::exists(run_ + "/latest/state.json")) << signal;
  }
}

TEST_F(Stopped, SignalsAtOnceAreOneWish) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    fs::remove_all(run_);
    const pid_t pid = start_weft(endless(), scratch_);
    wait_for_lines(3);
    for (int i = 0; i < 3; ++i) {
      ::kill(pid, signal);
      std::this_thread::sleep_for(milliseconds(1));
    }
    const End end = end_of(pid, scratch_);
    EXPECT_EQ(end.exit, 128 + signal) << end.signal << end.err;
    EXPECT_TRUE(fs::exists(run_ + "/latest/state.json")) << signal;
  }
}

// Steps of a second and more, so that one is not over before the second wish.
TEST_F(Stopped, CtrlCAgainSaysWhatIsLost) {
  // A step takes more than a second: it must outlast the three signals.
  const pid_t pid =
      start_weft(endless({"train.accumulate=6000", "train.checkpoint_every=2"}), scratch_);
  wait_for_lines(3);
  ::kill(pid, SIGTERM);
  std::this_thread::sleep_for(milliseconds(300));
  ::kill(pid, SIGTERM);  // nobody types it: no reason to lose anything
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0);
  ::kill(pid, SIGINT);
  const End end = end_of(pid, scratch_);
  EXPECT_EQ(end.signal, SIGINT) << end.exit << end.err;
  EXPECT_NE(end.err.find("finishing step 4, saving; Ctrl-C to stop without saving\n"),
            std::string::npos)
      << end.err;
  EXPECT_NE(end.err.find("stopped without saving; the last checkpoint is step-2; steps 3 to 4 are "
                         "lost; go on with  weft train --resume --out " +
                         run_ + "\n"),
            std::string::npos)
      << end.err;
}

TEST_F(Stopped, TheAnswerStandsOnALineOfItsOwn) {
  int screen = -1, terminal = -1;
  ASSERT_EQ(::openpty(&screen, &terminal, nullptr, nullptr, nullptr), 0);
  const pid_t pid = start_weft(endless(), scratch_, terminal);
  std::string shown;
  std::thread reader([&] {
    char part[4096];
    for (ssize_t n; (n = ::read(screen, part, sizeof part)) > 0;) {
      shown.append(part, static_cast<size_t>(n));
    }
  });
  wait_for_lines(3);
  ::kill(pid, SIGINT);
  EXPECT_EQ(end_of(pid, scratch_).exit, 128 + SIGINT);
  ::close(terminal);
  reader.join();
  ::close(screen);
  // The live line is erased first, with the ^C that was typed into it.
  EXPECT_NE(shown.find("\x1b[Kfinishing step "), std::string::npos) << shown;
  EXPECT_NE(shown.find("again to stop without saving\r\n"), std::string::npos) << shown;
}

TEST_F(Stopped, WhatWasIgnoredStaysIgnored) {
  std::string command = "trap '' INT HUP; exec '" WEFT_BINARY "'";
  for (const std::string& word : endless()) command += " '" + word + "'";
  const pid_t pid = start("/bin/sh", {"-c", command}, scratch_);
  wait_for_lines(3);
  ::kill(pid, SIGINT);
  ::kill(pid, SIGHUP);
  wait_for_lines(40);
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), 0);
  ::kill(pid, SIGTERM);
  EXPECT_EQ(end_of(pid, scratch_).exit, 128 + SIGTERM);
}

TEST_F(Stopped, ARunThatReachedItsLastStepHasSucceeded) {
  const pid_t pid = start_weft(endless({"train.steps=2", "train.accumulate=1000"}), scratch_);
  wait_for_lines(1);
  std::this_thread::sleep_for(milliseconds(20));
  ::kill(pid, SIGINT);
  const End end = end_of(pid, scratch_);
  EXPECT_EQ(end.exit, 0) << end.signal << end.err;
  EXPECT_NE(end.err.find("finishing step 2, saving"), std::string::npos) << end.err;
  EXPECT_NE(end.err.find("trained to step 2"), std::string::npos) << end.err;
  EXPECT_TRUE(fs::exists(run_ + "/checkpoints/step-2/state.json"));
}

// From the loading on: every end is a clean one, and the run goes on to the bits of one that
// nobody disturbed. The model is large enough for oneDNN's generated code.
TEST_F(Stopped, AtAnyMomentAndResumedEndsWithTheSameBits) {
  const std::vector<std::string> model = {"model.dim=128",      "model.layers=4",
                                          "model.heads=2",      "model.kv_heads=2",
                                          "model.head_dim=64",  "model.ffn=256",
                                          "model.context=64",   "train.steps=60",
                                          "train.log_every=20", "train.checkpoint_every=25"};
  const std::string whole = scratch_ / "whole";
  std::vector<std::string> args = endless(model);
  args[3] = whole;
  args[5] = "2";
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(end_of(start_weft(args, scratch_), scratch_).exit, 0);
  const std::chrono::duration<double, std::micro> alone = std::chrono::steady_clock::now() - began;
  args[3] = run_;
  const Random random(std::random_device{}(), "moments");
  int saved = 0;
  End end;
  for (uint64_t i = 0; end.exit != 0; ++i) {
    ASSERT_LT(i, 100u);
    const int signal = std::array{SIGINT, SIGTERM, SIGHUP}[i % 3];
    const bool begun = fs::exists(run_ + "/config.toml");
    const pid_t pid = start_weft(
        begun ? std::vector<std::string>{"train", "--resume", "--out", run_, "--threads", "2"}
              : args,
        scratch_);
    // Later and later, so that the run comes to its end; the first may die while it loads.
    const double most = alone.count() * (0.3 + 0.1 * static_cast<double>(i));
    std::this_thread::sleep_for(
        std::chrono::microseconds(random.below(i, static_cast<uint64_t>(most))));
    ::kill(pid, signal);
    end = end_of(pid, scratch_);
    // Killed by the signal: there was nothing to save yet.
    ASSERT_TRUE(end.signal == signal || end.exit == 128 + signal || end.exit == 0)
        << "exit " << end.exit << ", signal " << end.signal << "\n"
        << end.err;
    saved += end.exit == 128 + signal ? 1 : 0;
  }
  EXPECT_GE(saved, 1);
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string at = std::string("/checkpoints/step-60/") + file;
    EXPECT_EQ(content(run_ + at), content(whole + at)) << file;
  }
}

}  // namespace
}  // namespace weft::system_test
