// What is drawn on terminals, and where nothing may be.
#include <gtest/gtest.h>
#include <pty.h>

#include <cstdlib>
#include <thread>

#include "cli_run.h"

namespace weft::system_test {
namespace {

/// A variable of the environment that programs started meanwhile see.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before, was_set_ = true;
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Variable() { was_set_ ? setenv(name_, before_.c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::string before_;
  bool was_set_ = false;
};

/// All that `weft` writes to a terminal of so many columns behind its stderr.
std::string on_terminal(const std::vector<std::string>& args, const char* term,
                        const char* no_color = nullptr, unsigned short columns = 80) {
  const Variable kind("TERM", term), plain("NO_COLOR", no_color);
  const Scratch files;
  int screen = -1, terminal = -1;
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  EXPECT_EQ(::openpty(&screen, &terminal, nullptr, nullptr, &size), 0);
  const pid_t pid = start_weft(args, files, terminal);
  std::string shown;
  std::thread reader([&] {
    char part[4096];
    for (ssize_t n; (n = ::read(screen, part, sizeof part)) > 0;) {
      shown.append(part, static_cast<size_t>(n));
    }
  });
  EXPECT_EQ(wait_for(pid, files).code, 0) << shown;
  ::close(terminal);
  reader.join();
  ::close(screen);
  return shown;
}

/// What is drawn over the live line: the text after each erasure, up to the end of its line.
std::vector<std::string> drawn(const std::string& shown) {
  const std::string erase = "\r\x1b[K";
  std::vector<std::string> lines;
  for (size_t at = shown.find(erase); at != std::string::npos; at = shown.find(erase, at + 1)) {
    const size_t begin = at + erase.size();
    lines.push_back(shown.substr(begin, shown.find_first_of("\r\n", begin) - begin));
  }
  return lines;
}

class CliTerminal : public testing::Test {
 protected:
  CliTerminal() : text_(scratch_.file("text.txt", prose(60))) {}

  std::vector<std::string> training(const std::string& run) const {
    std::vector<std::string> args = {"train", "transformer",      "--out", scratch_ / run,
                                     "--set", "data.holdout=0.3", "--set", "train.eval_every=10"};
    for (const std::string& a : tiny_settings(text_)) args.push_back(a);
    return args;
  }

  Scratch scratch_;
  std::string text_;
};

TEST_F(CliTerminal, TheLiveLineKeepsToTheWindow) {
  const std::string shown = on_terminal(training("run"), "xterm", nullptr, 40);
  size_t steps = 0;
  for (const std::string& line : drawn(shown)) {
    if (line.rfind("step ", 0) != 0) continue;
    EXPECT_LT(line.size(), 40u) << line;
    ++steps;
  }
  EXPECT_GE(steps, 1u) << shown;
  EXPECT_NE(shown.find("step 20/20"), std::string::npos) << shown;
}

TEST_F(CliTerminal, LoggedLinesStayAboveTheBar) {
  const std::string shown = on_terminal(training("run"), "xterm");
  for (const char* line : {"step 5/20  loss ", "step 10/20  loss ", "step 15/20  loss "}) {
    const size_t at = shown.find(line);
    ASSERT_NE(at, std::string::npos) << line << shown;
    // Ended as a line, not drawn over.
    EXPECT_EQ(shown[shown.find_first_of("\r\n", at) + 1], '\n') << shown;
  }
  EXPECT_NE(shown.find("step 20/20  [==="), std::string::npos) << shown;
  // Evaluations stand out.
  EXPECT_NE(shown.find("\x1b[1mstep 10/20"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("\x1b[1mstep 5/20"), std::string::npos) << shown;
}

TEST_F(CliTerminal, NoEscapesWhereTheyAreNotUnderstood) {
  EXPECT_NE(on_terminal(training("xterm"), "xterm").find('\x1b'), std::string::npos);
  EXPECT_NE(on_terminal(training("empty"), "xterm", "").find('\x1b'), std::string::npos);
  struct Kind {
    const char *term, *no_color;
  };
  int run = 0;
  for (const Kind& kind : {Kind{"dumb", nullptr}, {nullptr, nullptr}, {"xterm", "1"}}) {
    const std::string shown =
        on_terminal(training(std::to_string(run++)), kind.term, kind.no_color);
    EXPECT_EQ(shown.find('\x1b'), std::string::npos) << shown;
    EXPECT_NE(shown.find("step 5/20  loss "), std::string::npos) << shown;
  }
}

TEST_F(CliTerminal, NoVerbDrawsOnADumbOne) {
  ASSERT_EQ(weft(training("run")).code, 0);
  const std::string run = scratch_ / "run";
  const std::vector<std::vector<std::string>> verbs = {
      {"eval", run, "--data", text_, "--lengths", "8,16"},
      {"bench", "gemm", "--only", "1024x1024x1024"},
      {"check", "transformer"},
      {"icl", "minimum"}};
  for (const std::vector<std::string>& args : verbs) {
    const std::string shown = on_terminal(args, "dumb");
    EXPECT_EQ(shown.find('\x1b'), std::string::npos) << args[0] << ": " << shown;
  }
}

}  // namespace
}  // namespace weft::system_test
