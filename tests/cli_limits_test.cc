// Limits of the system: memory, threads, descriptors and stacks that end in one line, never in a
// crash.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cli_run.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEFT_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEFT_SANITIZED
#endif
#endif

// A sanitizer's runtime needs address space, threads and descriptors of its own.
#ifndef WEFT_SANITIZED

namespace weft::system_test {
namespace {

std::string quoted(const std::string& word) {
  return "'" + word + "'";  // no word here has a quote
}

/// Runs a line of the shell, with what it writes.
Output shell(const std::string& line) {
  const Scratch files;
  const std::string out = files / "stdout", err = files / "stderr";
  const std::string whole =
      "( " + line + " ) </dev/null >" + quoted(out) + " 2>" + quoted(err) + "; exit $?";
  const int status = std::system(whole.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content(out), content(err)};
}

std::string command(const std::vector<std::string>& args) {
  std::string line = quoted(WEFT_BINARY);
  for (const std::string& a : args) line += " " + quoted(a);
  return line;
}

class CliLimits : public testing::Test {
 protected:
  CliLimits() : text_(scratch_.file("text.txt", prose(60))) {
    ::chmod((scratch_ / "").c_str(), 0777);
    ::chmod(text_.c_str(), 0666);
  }

  /// A training in a folder of its own; threads "": as many as it takes by itself.
  std::string training(const std::string& threads = "2") {
    std::vector<std::string> args = {"train",     "transformer",
                                     "--threads", threads,
                                     "--out",     scratch_ / ("run" + std::to_string(runs_++))};
    for (const std::string a :
         {"dim=32", "layers=2", "heads=2", "kv_heads=2", "head_dim=16", "ffn=48", "context=32"}) {
      args.insert(args.end(), {"--set", "model." + a});
    }
    if (threads.empty()) args.erase(args.begin() + 2, args.begin() + 4);
    args.insert(args.end(), {"--set", "train.steps=2", "--set", "train.batch=4", "--set",
                             "data.train=" + text_});
    return command(args);
  }

  /// Trained, or a line that says why not.
  static void expect_done_or_said(const Output& got, const std::string& limit) {
    if (got.code == 0) return;
    EXPECT_TRUE(got.code == 1 || got.code == 2) << limit << ": " << got.code << got.err;
    EXPECT_NE(got.err.find("weft: ["), std::string::npos) << limit << ": " << got.err;
    for (const char* other : {"libgomp", "terminate", "core dumped", "Abort", "Segmentation"}) {
      EXPECT_EQ(got.err.find(other), std::string::npos) << limit << ": " << got.err;
    }
  }

  Scratch scratch_;
  std::string text_;
  int runs_ = 0;
};

TEST_F(CliLimits, LittleMemoryIsSaid) {
  // The least in which the program starts at all depends on the libraries of the system.
  int64_t fails = 0, starts = int64_t{1} << 21;  // KiB
  while (starts - fails > 256) {
    const int64_t middle = (starts + fails) / 2;
    const Output got = shell("ulimit -v " + std::to_string(middle) + "; " + command({"designs"}));
    (got.code == 0 ? starts : fails) = middle;
  }
  int trained = 0, said = 0;
  for (int64_t more = 1024; more < 400000; more += more < 60000 ? 3000 : 50000) {
    const std::string limit = "ulimit -v " + std::to_string(starts + more);
    const Output got = shell(limit + "; " + training());
    expect_done_or_said(got, limit);
    ++(got.code == 0 ? trained : said);
  }
  EXPECT_GE(trained, 1);
  EXPECT_GE(said, 1);
}

TEST_F(CliLimits, FewThreadsAreEnough) {
  const std::string nobody =
      ::geteuid() == 0 ? "setpriv --reuid=54321 --regid=54321 --clear-groups " : "";
  if (!nobody.empty() && shell(nobody + "test -x " + quoted(WEFT_BINARY)).code != 0) {
    GTEST_SKIP() << "root has no such limit, and no other user may run the program";
  }
  for (const std::string processes : {"1", "2"}) {
    const Output got =
        shell("exec " + nobody + "prlimit --nproc=" + processes + " " + training("4"));
    EXPECT_EQ(got.code, 0) << got.err;
    EXPECT_NE(got.err.find(" of 4 threads"), std::string::npos) << got.err;
    EXPECT_EQ(got.err.find("libgomp"), std::string::npos) << got.err;
    const Output by_itself =
        shell("exec " + nobody + "prlimit --nproc=" + processes + " " + training(""));
    EXPECT_EQ(by_itself.code, 0) << by_itself.err;
  }
}

TEST_F(CliLimits, FewDescriptorsAreSaid) {
  for (int n = 4; n <= 16; n += 2) {
    const std::string limit = "ulimit -n " + std::to_string(n);
    const Output got = shell(limit + "; " + training("1"));
    if (got.err.find("error while loading shared libraries") != std::string::npos) continue;
    expect_done_or_said(got, limit);
    EXPECT_TRUE(n < 16 || got.code == 0) << got.err;
  }
}

TEST_F(CliLimits, SmallStacksAreEnough) {
  for (const std::string kib : {"64", "128", "512", "unlimited"}) {
    const Output got = shell("ulimit -s " + kib + "; " + training());
    EXPECT_EQ(got.code, 0) << kib << ": " << got.err;
  }
}

}  // namespace
}  // namespace weft::system_test

#endif
