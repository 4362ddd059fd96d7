// Runs a Python beside the built program, to compare with what other libraries do.
#pragma once

#include <cstdlib>

#include "cli_run.h"

namespace weft::system_test {

/// $WEFT_PYTHON, or python3; the exit code is -1 where there is none.
inline Output run_python(const std::vector<std::string>& args) {
  const char* chosen = std::getenv("WEFT_PYTHON");
  const std::string program = chosen != nullptr ? chosen : "python3";
  const Scratch scratch;
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& a : args) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, (scratch / "stdout").c_str(), kFlags, 0600);
  posix_spawn_file_actions_addopen(&files, 2, (scratch / "stderr").c_str(), kFlags, 0600);
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, program.c_str(), &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return {};
  return wait_for(pid, scratch);
}

/// True where it has the libraries: "numpy, safetensors".
inline bool python_has(const std::string& libraries) {
  return run_python({"-c", "import " + libraries}).code == 0;
}

}  // namespace weft::system_test
