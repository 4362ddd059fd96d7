// docs/icl.md: its commands work as written, with fewer steps.
#include <gtest/gtest.h>

#include "cli_run.h"

namespace weft::system_test {
namespace {

/// The words of a command line; quotes hold words together.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  bool quoted = false, open = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      open = true;
      if (words.empty() || !quoted) continue;
    }
    if (c == ' ' && !quoted) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    if (c != '"') words.back() += c;
  }
  return words;
}

/// Lines of the guide that begin with "    weft ".
std::vector<std::vector<std::string>> commands() {
  std::vector<std::vector<std::string>> out;
  std::istringstream text(content(std::string(WEFT_SOURCE_DIR) + "/docs/icl.md"));
  for (std::string line; std::getline(text, line);) {
    if (line.rfind("    weft ", 0) == 0) out.push_back(words_of(line.substr(9)));
  }
  return out;
}

TEST(IclGuide, ItsCommandsWork) {
  const Scratch scratch;
  size_t trained = 0;
  for (std::vector<std::string> args : commands()) {
    // Folders of the guide lie in ours.
    for (std::string& a : args) {
      if (a.rfind("runs/", 0) == 0 || a == "repro") {
        std::filesystem::create_directory(scratch / "runs");
        a = scratch / a;
      }
    }
    if (args[0] == "icl" && args[1] == "train") {
      ++trained;
      for (const char* s : {"steps=20", "batch=48", "eval_batch=48", "eval_every=10"}) {
        args.insert(args.end(), {"--set", s});
      }
    }
    if (args[0] == "reproduce") args.insert(args.end(), {"--scale", "smoke"});
    std::string shown;
    for (const std::string& a : args) shown += " " + a;
    const Output got = weft(args);
    EXPECT_EQ(got.code, 0) << shown << "\n" << got.err;
  }
  EXPECT_GE(trained, 3u);
}

// Pictures and files that the guide points to are there.
TEST(IclGuide, ItsPicturesExist) {
  const std::string folder = std::string(WEFT_SOURCE_DIR) + "/docs/";
  const std::string text = content(folder + "icl.md");
  size_t pictures = 0;
  for (size_t at = 0; (at = text.find("](icl/", at)) != std::string::npos; ++at) {
    const std::string file = text.substr(at + 2, text.find(')', at) - at - 2);
    EXPECT_EQ(content(folder + file).rfind("<svg", 0), 0u) << file;
    ++pictures;
  }
  EXPECT_GE(pictures, 4u);
}

}  // namespace
}  // namespace weft::system_test
