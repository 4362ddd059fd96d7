#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::cli {
namespace {

using Pages = std::span<const Page>;
using Keys = std::span<const std::string>;

std::string joined(Keys words, const char* after = "") {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : " ") + w + after;
  return out;
}

// In single quotes, as all three shells read it: none is left inside.
std::string quoted(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '`');
  return "'" + text + "'";
}

std::string flags_of(const Page& page) {
  std::vector<std::string> names;
  for (const Declared& d : page.declared) {
    if (!d.positional()) names.push_back(d.name);
  }
  return joined(names);
}

// Words of the positional arguments; `files`: whether any takes other words too.
std::string words_of(const Page& page, bool& files) {
  std::vector<std::string> words;
  files = false;
  for (const Declared& d : page.declared) {
    if (!d.positional()) continue;
    words.insert(words.end(), d.words.begin(), d.words.end());
    files = files || !d.only_words;
  }
  return joined(words);
}

std::string bash(Pages pages, Keys keys) {
  std::string verbs, values, rest;
  for (const Page& p : pages) {
    verbs += p.verb + " ";
    for (const Declared& d : p.declared) {
      if (d.positional() || !d.takes_value()) continue;
      const std::string reply = d.configures      ? "keys"
                                : d.words.empty() ? "files"
                                                  : "words " + quoted(joined(d.words));
      values += fmt::format("    {}:{}) _weft_{}; return ;;\n", p.verb, d.name, reply);
    }
    bool files = false;
    const std::string words = words_of(p, files);
    rest += fmt::format("    {}) _weft_rest {} {} {} ;;\n", p.verb, quoted(flags_of(p)),
                        quoted(words), files ? "files" : "''");
  }
  return fmt::format(R"(# Completion of weft in bash: . <(weft completion bash)
_weft_words() {{ mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word"); }}
_weft_files() {{
  compopt -o filenames
  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}}
_weft_keys() {{
  compopt -o nospace
  _weft_words '{}'
}}
_weft_rest() {{  # flags, words and "files" where those may stand too
  if [[ $word == -* ]]; then
    _weft_words "$1"
  else
    [[ -n $3 ]] && _weft_files
    local named
    mapfile -t named < <(compgen -W "$2" -- "$word")
    COMPREPLY+=("${{named[@]}}")
  fi
}}
_weft() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} verb=${{COMP_WORDS[1]}}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _weft_words '{}--help --version'
    return
  fi
  case $verb:$before in
{}  esac
  case $verb in
{}  esac
}}
complete -F _weft weft
)",
                     joined(keys, "="), verbs, values, rest);
}

// What may stand where a value is asked for, as an action of _arguments.
std::string zsh_action(const Declared& d) {
  if (d.configures) return "_weft_keys";
  if (d.only_words) return "(" + joined(d.words) + ")";
  return d.words.empty() ? "_files" : "_weft_words_or_files " + joined(d.words);
}

// Brackets and colons would end the explanation.
std::string zsh_text(std::string text) {
  for (const char c : {'[', ']', ':'}) std::replace(text.begin(), text.end(), c, ' ');
  return text;
}

std::string zsh(Pages pages, Keys keys) {
  std::string verbs, cases;
  for (const Page& p : pages) {
    verbs += "    " + quoted(p.verb + ":" + zsh_text(p.summary)) + "\n";
    std::string specs;
    int place = 0;
    for (const Declared& d : p.declared) {
      std::string spec = d.positional() ? std::to_string(++place) + ":" + d.name
                                        : "*" + d.name + "[" + zsh_text(d.help) + "]";
      if (!d.positional() && d.takes_value()) spec += ":" + d.type;
      if (d.takes_value()) spec += ":" + zsh_action(d);
      specs += " \\\n        " + quoted(spec);
    }
    cases += "    " + p.verb + ") _arguments" + specs + " ;;\n";
  }
  return fmt::format(R"(#compdef weft
# Completion of weft in zsh: . <(weft completion zsh), or as the file _weft in a folder of $fpath
_weft_keys() {{ compadd -S '' -- {} }}
_weft_words_or_files() {{ compadd -- "$@"; _files }}
_weft() {{
  local -a verbs=(
{}  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
{}  esac
}}
if [[ $funcstack[1] == _weft ]]; then _weft "$@"; else compdef _weft weft; fi
)",
                     joined(keys, "="), verbs, cases);
}

std::string fish(Pages pages, Keys keys) {
  std::string out = R"(# Completion of weft in fish: weft completion fish | source
function __weft_verb
  set -l words (commandline -opc)
  test (count $words) -ge 2; and test $words[2] = $argv[1]
end
function __weft_no_verb
  test (count (commandline -opc)) -eq 1
end
)";
  for (const Page& p : pages) {
    out += fmt::format("complete -c weft -n __weft_no_verb -f -a {} -d {}\n", p.verb,
                       quoted(p.summary));
    const std::string here = fmt::format("complete -c weft -n '__weft_verb {}'", p.verb);
    for (const Declared& d : p.declared) {
      std::string line = here;
      if (!d.positional()) line += " -l " + d.name.substr(2) + " -d " + quoted(d.help);
      if (!d.positional() && d.takes_value()) line += d.only_words || d.configures ? " -x" : " -r";
      if (d.positional() && d.only_words) line += " -f";
      if (d.configures) line += " -a " + quoted(joined(keys, "="));
      if (!d.words.empty()) line += " -a " + quoted(joined(d.words));
      if (line != here) out += line + "\n";
    }
  }
  return out;
}

}  // namespace

const std::vector<std::string>& completion_shells() {
  static const std::vector<std::string> kShells = {"bash", "zsh", "fish"};
  return kShells;
}

std::string completion(const std::string& shell, Pages pages, Keys keys) {
  if (shell == "zsh") return zsh(pages, keys);
  return shell == "fish" ? fish(pages, keys) : bash(pages, keys);
}

}  // namespace weft::cli
