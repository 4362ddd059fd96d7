#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace weft::cli {

const char* const kAbout =
    "Transformer language models whose attention reaches across tokens and layers";

namespace {

constexpr size_t kNarrow = 60;  // columns below which explanations go under what they explain

size_t clamped(int width) {
  return static_cast<size_t>(std::clamp(width, 30, 100));
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (const char c : text) {
    quoted ^= c == '"';
    if (c == ' ' && !quoted) {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  return words;
}

// The words of a text, not of what it quotes, in lines of at most `width`, all but the first
// indented. `joint`: what a line that goes on ends in.
std::string wrapped(const std::string& text, size_t first, size_t indent, size_t width,
                    const std::string& joint = "") {
  std::string out;
  size_t column = first;
  for (const std::string& word : words_of(text)) {
    if (!out.empty() && column + 1 + word.size() + joint.size() > width) {
      out += joint + "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out + "\n";
}

struct Row {
  std::string name, text;
};

// Names with what they are, beside them or, in a narrow terminal or behind a long name, below.
std::string rows(const std::vector<Row>& rows, size_t width) {
  size_t column = 0;
  for (const Row& r : rows) column = std::max(column, r.name.size());
  column = std::min<size_t>(column, 26) + 4;
  std::string out;
  for (const Row& r : rows) {
    const bool below = width < kNarrow || r.name.size() + 4 > column;
    const size_t indent = width < kNarrow ? 6 : column;
    out += "  " + r.name;
    out += below ? "\n" + std::string(indent, ' ') : std::string(indent - 2 - r.name.size(), ' ');
    out += wrapped(r.text, indent, indent, width);
  }
  return out;
}

std::string examples(std::span<const Example> all, size_t width) {
  std::string out;
  for (const Example& e : all) {
    out += "  " + wrapped(e.what, 2, 2, width) + "    " + wrapped(e.command, 4, 6, width, " \\");
  }
  return out;
}

Row row_of(const Declared& d) {
  return {d.type.empty() ? d.name : d.name + " " + d.type, d.help};
}

}  // namespace

std::string usage(const Page& page) {
  std::string line = "weft " + page.verb;
  for (const Declared& d : page.declared) {
    if (d.positional()) line += " " + (d.required ? d.name : "[" + d.name + "]");
  }
  for (const Declared& d : page.declared) {
    if (!d.positional() && d.required) line += " " + row_of(d).name;
  }
  return line + " [flags]";
}

std::span<const Example> first_steps() {
  static const Example kSteps[] = {
      {"weft explain resformer", "look at a design: its size, its cache, its wiring"},
      {"weft train resformer --set data.train=book.txt --set data.holdout=0.1 --set "
       "train.steps=500 --out run",
       "train it on a text"},
      {"weft generate run --prompt \"It was\"", "let it write"},
      {"weft eval run --data other.txt", "measure it on another text"}};
  return kSteps;
}

std::string overview(std::span<const Page> pages, int width) {
  const size_t columns = clamped(width);
  std::vector<Row> verbs;
  for (const Page& p : pages) verbs.push_back({p.verb, p.summary});
  return wrapped(kAbout, 0, 0, columns) + "\nusage: weft VERB [arguments] [flags]\n\nverbs\n" +
         rows(verbs, columns) + "\nfirst steps\n" + examples(first_steps(), columns) + "\n" +
         wrapped(
             "More about a verb: weft help VERB. Completion in a shell: weft help completion. "
             "The version: weft --version.",
             0, 0, columns);
}

std::string verb_help(const Page& page, int width) {
  const size_t columns = clamped(width);
  std::vector<Row> arguments, flags;
  for (const Declared& d : page.declared) {
    (d.positional() ? arguments : flags).push_back(row_of(d));
  }
  std::string out =
      wrapped(page.summary, 0, 0, columns) + "\n" + wrapped("usage: " + usage(page), 0, 4, columns);
  if (!arguments.empty()) out += "\narguments\n" + rows(arguments, columns);
  out += "\nflags\n" + rows(flags, columns);
  return out + "\nexamples\n" + examples(page.examples, columns);
}

}  // namespace weft::cli
