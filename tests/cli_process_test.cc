// The program as a process: its streams, its name, its environment.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli_run.h"
#include "io/json.h"

namespace weft::system_test {
namespace {

/// `weft` with these words and redirections, by a shell.
Output shell(const std::string& words, const std::string& environment = "") {
  const Scratch scratch;
  return wait_for(
      start("/bin/sh", {"-c", environment + " exec '" WEFT_BINARY "' " + words}, scratch), scratch);
}

std::string words_of(const std::vector<std::string>& args) {
  std::string words;
  for (const std::string& word : args) words += " '" + word + "'";
  return words;
}

TEST(ClosedStreams, NoFileOfARunBecomesStderr) {
  for (const char* closed : {" 2>&-", " 0<&- 1>&- 2>&-", " 0<&- 2>&-"}) {
    const Scratch scratch;
    const std::string text = scratch.file("text.txt", prose(60)), run = scratch / "run";
    std::vector<std::string> args = {"train", "transformer", "--out", run, "--threads", "1"};
    for (const std::string& a : tiny_settings(text)) args.push_back(a);
    EXPECT_EQ(shell(words_of(args) + closed).code, 0) << closed;
    std::ifstream metrics(run + "/metrics.jsonl");
    int lines = 0;
    for (std::string line; std::getline(metrics, line); ++lines) {
      EXPECT_TRUE(io::parse_json(line, "metrics").is_object()) << line;
    }
    EXPECT_EQ(lines, 4) << closed;
    const std::string resume =
        words_of({"train", "--resume", "--out", run, "--threads", "1", "--set", "train.steps=25"});
    EXPECT_EQ(shell(resume + closed).code, 0) << closed;
    const std::string all = content(run + "/metrics.jsonl");
    EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 5) << all;
  }
}

TEST(ClosedStreams, AResultThatNobodyCanReadIsAnError) {
  for (const std::string words : {"explain transformer", "explain transformer --json", "designs"}) {
    expect_refused(shell(words + " 1>&-"), "[stdout]", 1);
    expect_refused(shell(words + " 0<&- 1>&-"), "[stdout]", 1);
    EXPECT_EQ(shell(words + " 1>&- 2>&-").code, 1);
    EXPECT_EQ(shell(words + " 0<&- 2>&-").code, 0);
  }
  EXPECT_EQ(shell("nonsense 2>&-").code, 2);
}

TEST(Process, IsStartedOnceUnderItsName) {
  const Scratch scratch;
  const std::string text = scratch.file("text.txt", prose(60));
  std::vector<std::string> args = {"train", "transformer", "--out", scratch / "run"};
  for (const std::string& a : tiny_settings(text)) args.push_back(a);
  args.insert(args.end(), {"--set", "train.steps=1000000", "--set", "train.log_every=1"});
  const pid_t pid = start_weft(args, scratch);
  for (int i = 0; i < 3000 && content(scratch / "run/metrics.jsonl").empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(content("/proc/" + std::to_string(pid) + "/comm"), "weft\n");
  ::kill(pid, SIGTERM);
  EXPECT_EQ(wait_for(pid, scratch).code, 128 + SIGTERM);
}

TEST(Process, GoesThroughTheLoader) {
  const char* loader = "/lib64/ld-linux-x86-64.so.2";
  if (!std::filesystem::exists(loader)) GTEST_SKIP() << "no " << loader;
  const Scratch scratch;
  const Output got =
      wait_for(start(loader, {WEFT_BINARY, "explain", "transformer", "--json"}, scratch), scratch);
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.out, weft({"explain", "transformer", "--json"}).out);
}

/// What libgomp took for its number of spins; "" where another runtime answers.
std::string spins(const std::string& environment) {
  const Output got = shell("kernels --json", environment + " OMP_DISPLAY_ENV=verbose");
  EXPECT_EQ(got.code, 0) << got.err;
  const std::string name = "GOMP_SPINCOUNT = '";
  const size_t at = got.err.find(name);
  if (at == std::string::npos) return "";
  return got.err.substr(at + name.size(), got.err.find('\'', at + name.size()) - at - name.size());
}

TEST(Process, WaitsAreShortUnlessTheUserSaysOtherwise) {
  const std::string bare = "unset GOMP_SPINCOUNT OMP_WAIT_POLICY;";
  if (spins(bare).empty()) GTEST_SKIP() << "not libgomp";
  EXPECT_EQ(spins(bare), "1000");
  EXPECT_EQ(spins(bare + " GOMP_SPINCOUNT=77"), "77");
  EXPECT_EQ(spins(bare + " OMP_WAIT_POLICY=passive"), "0");
  // With an environment that has but one of the variables that may stand aside, or none.
  const Scratch scratch;
  EXPECT_EQ(
      wait_for(start("/usr/bin/env", {"-i", "PATH=/bin", WEFT_BINARY, "designs"}, scratch), scratch)
          .code,
      0);
  EXPECT_EQ(wait_for(start("/usr/bin/env", {"-i", WEFT_BINARY, "designs"}, scratch), scratch).code,
            0);
}

}  // namespace
}  // namespace weft::system_test
