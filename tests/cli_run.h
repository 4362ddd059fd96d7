// Runs the built program and catches what it writes.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

extern char** environ;

namespace weft::system_test {

struct Output {
  int code = -1;  ///< exit code; 128 + signal where it was killed
  std::string out, err;
};

/// A folder that goes away with the object.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "weft-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  /// Writes a file and returns its path.
  std::string file(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return *this / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string content(const std::string& path) {
  std::stringstream s;
  s << std::ifstream(path, std::ios::binary).rdbuf();
  return s.str();
}

/// Starts a program with these arguments; stdout and stderr go to files of `scratch`, or stderr to
/// the descriptor `terminal`.
inline pid_t start(const char* program, const std::vector<std::string>& args,
                   const Scratch& scratch, int terminal = -1) {
  std::vector<char*> argv = {const_cast<char*>(program)};
  for (const std::string& a : args) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, (scratch / "stdout").c_str(), flags, 0600);
  if (terminal >= 0) {
    posix_spawn_file_actions_adddup2(&files, terminal, 2);
  } else {
    posix_spawn_file_actions_addopen(&files, 2, (scratch / "stderr").c_str(), flags, 0600);
  }
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, program, &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error(std::string("cannot start ") + program);
  return pid;
}

inline pid_t start_weft(const std::vector<std::string>& args, const Scratch& scratch,
                        int terminal = -1) {
  return start(WEFT_BINARY, args, scratch, terminal);
}

inline Output wait_for(pid_t pid, const Scratch& scratch) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, content(scratch / "stdout"), content(scratch / "stderr")};
}

inline Output weft(const std::vector<std::string>& args) {
  const Scratch scratch;
  return wait_for(start_weft(args, scratch), scratch);
}

inline bool has_controls(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\n') || u == 0x7f;
  });
}

/// Exit 2, nothing on stdout, one line on stderr in the form of the contract. `part` is in it.
inline void expect_refused(const Output& got, const std::string& part = "", int code = 2) {
  EXPECT_EQ(got.code, code) << got.err;
  EXPECT_EQ(got.out, "");
  EXPECT_EQ(std::count(got.err.begin(), got.err.end(), '\n'), 1) << got.err;
  EXPECT_FALSE(has_controls(got.err)) << got.err;
  EXPECT_EQ(got.err.rfind("weft: [", 0), 0u) << got.err;
  EXPECT_NE(got.err.find("] expected "), std::string::npos) << got.err;
  EXPECT_NE(got.err.find(part), std::string::npos) << got.err;
}

/// Settings of a model that trains in a moment.
inline std::vector<std::string> tiny_settings(const std::string& data) {
  std::vector<std::string> args;
  for (const std::string s : {"model.dim=32", "model.layers=2", "model.heads=2", "model.kv_heads=2",
                              "model.head_dim=16", "model.ffn=48", "model.context=32",
                              "train.steps=20", "train.batch=4", "train.log_every=5"}) {
    args.insert(args.end(), {"--set", s});
  }
  args.insert(args.end(), {"--set", "data.train=\"" + data + "\""});
  return args;
}

inline std::string prose(int sentences) {
  std::string text;
  for (int i = 0; i < sentences; ++i) {
    text +=
        "It was a bright cold day in month " + std::to_string(i) + ", and the clocks were slow. ";
  }
  return text;
}

/// Trains a tiny model of a design; returns the run folder.
inline std::string train_tiny(const Scratch& scratch, const std::string& design,
                              std::vector<std::string> more = {}) {
  const std::string text = scratch.file("text.txt", prose(60)), run = scratch / "run";
  std::vector<std::string> args = {"train", design, "--out", run, "--threads", "1"};
  for (const std::string& a : tiny_settings(text)) args.push_back(a);
  args.insert(args.end(), more.begin(), more.end());
  const Output got = weft(args);
  EXPECT_EQ(got.code, 0) << got.err;
  return run;
}

}  // namespace weft::system_test
