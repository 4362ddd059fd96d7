// Help, manual page and completions, all from the declarations of the verbs.
#include "cli/help.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "cli/completion.h"
#include "cli/man_page.h"
#include "cli/run.h"
#include "train/config_keys.h"

namespace weft::cli {
namespace {

/// The words behind "weft" in a line for a shell, up to a pipe, a redirection or a parenthesis.
std::vector<std::string> words_of(const std::string& command) {
  const size_t begin = command.find("weft ");
  EXPECT_NE(begin, std::string::npos) << command;
  std::vector<std::string> words(1);
  char quote = 0;
  for (const char c : command.substr(begin + 5)) {
    if (quote == 0 && std::string_view("|>)").find(c) != std::string_view::npos) break;
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (c == ' ' && quote == 0) {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

TEST(Help, EveryVerbHasTwoExamplesThatParse) {
  for (const Page& page : all_pages()) {
    EXPECT_GE(page.examples.size(), 2u) << page.verb;
    const std::string help = verb_help(page, 100);
    for (const Example& e : page.examples) {
      const std::vector<std::string> words = words_of(e.command);
      ASSERT_FALSE(words.empty());
      EXPECT_EQ(words.front(), page.verb) << e.command;
      EXPECT_NO_THROW(check_command(words)) << e.command;
      EXPECT_NE(help.find(e.what), std::string::npos) << e.what;
    }
  }
  for (const Example& e : first_steps()) EXPECT_NO_THROW(check_command(words_of(e.command)));
}

// The check above must be able to fail.
TEST(Help, AnExampleWithAMistakeIsRefused) {
  EXPECT_THROW(check_command({"train", "transformer", "--ot", "run"}), Error);
  EXPECT_THROW(check_command({"train", "transformer"}), Error);
  EXPECT_THROW(check_command({"trian"}), Error);
  EXPECT_THROW(check_command({"generate", "run", "--prompt"}), Error);
  EXPECT_THROW(check_command({"generate", "run", "--prompt", "x", "--tokens", "few"}), Error);
}

size_t widest(const std::string& text) {
  size_t most = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) most = std::max(most, line.size());
  return most;
}

TEST(Help, FitsItsTerminal) {
  const std::vector<Page> pages = all_pages();
  for (const int width : {40, 60, 80, 200}) {
    const auto most = static_cast<size_t>(std::min(width, 100));
    EXPECT_LE(widest(overview(pages, width)), most) << width;
    for (const Page& page : pages) EXPECT_LE(widest(verb_help(page, width)), most) << page.verb;
  }
  EXPECT_FALSE(overview(pages, 0).empty());
}

TEST(Help, NamesEveryFlag) {
  for (const Page& page : all_pages()) {
    const std::string help = verb_help(page, 80), man = man_page(std::span(&page, 1));
    EXPECT_FALSE(page.summary.empty());
    for (const Declared& d : page.declared) {
      EXPECT_FALSE(d.help.empty()) << page.verb << " " << d.name;
      EXPECT_NE(help.find("  " + d.name), std::string::npos) << d.name;
      std::string name = d.name;  // its minus signs are escaped
      for (size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2) {
        name.insert(at, "\\");
      }
      EXPECT_NE(man.find("\\fB" + name + "\\fR"), std::string::npos) << d.name;
    }
  }
}

TEST(Completion, KnowsVerbsFlagsWordsAndKeys) {
  const std::vector<Page> pages = all_pages();
  for (const std::string& shell : completion_shells()) {
    const std::string script = completion(shell, pages, config_keys());
    for (const Page& page : pages) {
      EXPECT_NE(script.find(page.verb), std::string::npos) << shell;
      for (const Declared& d : page.declared) {
        if (d.positional()) continue;
        const std::string name = shell == "fish" ? "-l " + d.name.substr(2) : d.name;
        EXPECT_NE(script.find(name), std::string::npos) << shell << " " << name;
      }
    }
    for (const char* word : {"resformer", "model.dim=", "train.lr=", "linear-attention"}) {
      EXPECT_NE(script.find(word), std::string::npos) << shell << " " << word;
    }
  }
}

}  // namespace
}  // namespace weft::cli
