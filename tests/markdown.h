// Reads Markdown as far as the checks of the documentation need it: links, headings, and the
// command lines in blocks of code and between backticks.
#pragma once

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace weft::system_test {

struct DocLink {
  int line = 0;
  std::string target;  ///< as written, "docs/icl.md#the-task"
};

struct DocCode {
  int line = 0;
  std::string text;   ///< one line of a block, continued ones joined; or what stands in backticks
  bool span = false;  ///< between backticks: perhaps only a part of a command
  std::string fence;  ///< what follows the ``` of its block: "sh run"
};

/// A document, taken apart.
class Markdown {
 public:
  explicit Markdown(const std::string& text) {
    std::istringstream in(text);
    std::vector<Line> paragraph;
    std::string line, fence;
    bool fenced = false, blank = true, block = false;
    for (int number = 1; std::getline(in, line); ++number) {
      if (line.starts_with("```")) {
        finish(paragraph);
        continued_ = false;
        fenced = !fenced;
        fence = line.substr(3);
        continue;
      }
      const bool empty = line.find_first_not_of(" \t\r") == line.npos;
      // Four blanks begin a block where nothing precedes them but a blank line.
      block = !fenced && !empty && line.starts_with("    ") && (blank || block);
      if (fenced || block) {
        finish(paragraph);
        add_code(number, line, fenced ? fence : "");
      } else if (empty) {
        finish(paragraph);
        continued_ = false;
      } else {
        continued_ = false;
        if (line[0] == '#') add_heading(line);
        paragraph.push_back({number, line});
      }
      blank = empty;
    }
    finish(paragraph);
  }

  const std::vector<DocLink>& links() const { return links_; }
  const std::vector<DocCode>& code() const { return code_; }
  /// Where links into the document may lead: "the-training-step".
  const std::set<std::string>& anchors() const { return anchors_; }

 private:
  struct Line {
    int number;
    std::string text;
  };

  void add_code(int number, const std::string& line, const std::string& fence) {
    const size_t begin = line.find_first_not_of(' ');
    const std::string text = begin == line.npos ? "" : line.substr(begin);
    if (continued_) {
      code_.back().text += " " + text;
    } else {
      code_.push_back({number, text, false, fence});
    }
    std::string& whole = code_.back().text;
    continued_ = whole.ends_with('\\');
    if (continued_) whole.pop_back();
  }

  // As GitHub makes them: lower case, blanks to hyphens, other punctuation gone; a second one of
  // the same name ends in -1.
  void add_heading(const std::string& line) {
    std::string anchor;
    const size_t text = line.find_first_not_of("# ");
    for (const char c : text == line.npos ? "" : line.substr(text)) {
      const auto u = static_cast<unsigned char>(c);
      if (c == ' ' || c == '-') anchor += '-';
      if (std::isalnum(u) != 0 || c == '_' || u >= 0x80) {
        anchor += static_cast<char>(std::tolower(u));
      }
    }
    const int before = headings_[anchor]++;
    anchors_.insert(before == 0 ? anchor : anchor + "-" + std::to_string(before));
  }

  // A paragraph as one text, with the line of each character; code between backticks taken out.
  void finish(std::vector<Line>& paragraph) {
    std::string text;
    std::vector<int> line_of;
    for (const Line& line : paragraph) {
      text += line.text + "\n";
      line_of.resize(text.size(), line.number);
    }
    paragraph.clear();
    for (size_t at = 0; (at = text.find('`', at)) != text.npos;) {
      const size_t end = text.find('`', at + 1);
      if (end == text.npos) break;
      std::string code = text.substr(at + 1, end - at - 1);
      std::replace(code.begin(), code.end(), '\n', ' ');
      code_.push_back({line_of[at], code, true, ""});
      for (size_t i = at; i <= end; ++i) text[i] = text[i] == '\n' ? '\n' : ' ';
      at = end + 1;
    }
    for (size_t at = 0; (at = text.find("](", at)) != text.npos; at += 2) {
      const size_t end = text.find_first_of(") \n", at + 2);
      if (end != text.npos) links_.push_back({line_of[at], text.substr(at + 2, end - at - 2)});
    }
    for (const std::string_view named : {"id=\"", "name=\""}) {
      for (size_t at = 0; (at = text.find(named, at)) != text.npos; ++at) {
        const size_t begin = at + named.size();
        anchors_.insert(text.substr(begin, text.find('"', begin) - begin));
      }
    }
  }

  std::vector<DocLink> links_;
  std::vector<DocCode> code_;
  std::set<std::string> anchors_;
  std::map<std::string, int> headings_;
  bool continued_ = false;
};

/// The commands of a shell line as words: split at ; | && ||, quotes and comments taken off,
/// without redirections, settings of variables and the words that begin a loop or a condition.
inline std::vector<std::vector<std::string>> shell_commands(const std::string& line) {
  std::vector<std::vector<std::string>> commands(1);
  std::string word;
  bool open = false;
  char quote = 0;
  const auto end_word = [&] {
    if (open) commands.back().push_back(word);
    word.clear();
    open = false;
  };
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (c == '#' && !open) {
      break;
    } else if (c == ' ' || c == '\t') {
      end_word();
    } else if (c == ';' || c == '|' || c == '&') {
      end_word();
      commands.emplace_back();
    } else {
      word += c;
      open = true;
    }
  }
  end_word();
  for (std::vector<std::string>& words : commands) {
    const auto first = std::find_if(words.begin(), words.end(), [](const std::string& w) {
      const size_t equals = w.find('=');
      const bool assigns = equals != w.npos && equals > 0 && w[0] != '-' && w[0] != '$' &&
                           w.find_first_of("/.[") > equals;
      return !assigns && w != "do" && w != "then" && w != "else" && w != "bash" && w != "sudo" &&
             w != "$" && w != "time" && w != "nice";
    });
    words.erase(words.begin(), first);
    const auto to_file = std::find_if(words.begin(), words.end(), [](const std::string& w) {
      return w[0] == '>' || w[0] == '<' || w.starts_with("2>");
    });
    if (to_file != words.end()) words.erase(to_file, words.end());
  }
  std::erase_if(commands, [](const std::vector<std::string>& words) { return words.empty(); });
  return commands;
}

}  // namespace weft::system_test
