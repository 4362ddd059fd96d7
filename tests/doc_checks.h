// Whether what a document says is there: links, files, scripts with their options, verbs with
// theirs, configuration keys. A complaint is one line; none is none.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli_run.h"
#include "markdown.h"

namespace weft::system_test {

using Words = std::vector<std::string>;

/// A word that stands for another: RUN, OTHER_TEXT, M, IN.safetensors, [VERB]; or a shell variable.
inline bool is_placeholder(const std::string& word) {
  if (word.find('$') != word.npos || word.find("...") != word.npos) return true;
  if (word.starts_with("[") && word.ends_with("]")) return true;
  const std::string stem = word.substr(0, word.find('.'));
  return !stem.empty() && std::isupper(static_cast<unsigned char>(stem[0])) != 0 &&
         std::all_of(stem.begin(), stem.end(), [](char c) {
           return std::isupper(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ',';
         });
}

/// The arguments of `weft`, where these words are a call of it.
inline std::optional<Words> weft_arguments(const Words& words) {
  if (words.empty()) return {};
  if (words[0] != "weft" && words[0] != "$weft" && !words[0].ends_with("/weft")) return {};
  return Words(words.begin() + 1, words.end());
}

inline std::string joined(const Words& words) {
  std::string text;
  for (const std::string& w : words) text += (text.empty() ? "" : " ") + w;
  return text;
}

/// What the program's help lists, asked once.
class Help {
 public:
  bool has_verb(const std::string& verb) {
    const Words all = verbs();
    return std::find(all.begin(), all.end(), verb) != all.end();
  }
  bool has_flag(const std::string& verb, const std::string& flag) {
    for (const std::string& line : lines(verb)) {
      if (!line.starts_with("  -")) continue;
      for (size_t at = 0; (at = line.find(flag, at)) != line.npos; ++at) {
        const char before = line[at - 1];
        const char after = at + flag.size() < line.size() ? line[at + flag.size()] : ' ';
        if ((before == ' ' || before == ',') && (after == ' ' || after == ',' || after == '=')) {
          return true;
        }
      }
    }
    return false;
  }
  /// Its examples: lines that begin with "weft", continued ones joined.
  Words examples(const std::string& verb) {
    Words out;
    bool continued = false;
    for (const std::string& line : lines(verb)) {
      const std::string text = line.substr(std::min(line.find_first_not_of(' '), line.size()));
      if (continued) {
        out.back() += " " + text;
      } else if (text.starts_with("weft ") && text != line) {
        out.push_back(text);
      } else {
        continue;
      }
      continued = out.back().ends_with('\\');
      if (continued) out.back().pop_back();
    }
    return out;
  }
  /// What stands below "verbs", one to a line of two blanks.
  Words verbs() {
    Words out;
    bool listing = false;
    for (const std::string& line : lines("")) {
      if (listing && !line.starts_with("  ")) break;
      if (listing && line.size() > 2 && line[2] != ' ') {
        out.push_back(line.substr(2, line.find(' ', 2) - 2));
      }
      listing = listing || line == "verbs" || line.starts_with("Subcommands");
    }
    return out;
  }

 private:
  Words lines(const std::string& verb) {
    const auto [at, fresh] = texts_.try_emplace(verb);
    if (fresh) {
      const Output got = weft(verb.empty() ? Words{"--help"} : Words{verb, "--help"});
      at->second = got.out + got.err;
    }
    Words all;
    std::istringstream in(at->second);
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }

  std::map<std::string, std::string> texts_;
};

/// "" or what is wrong with `weft ARGS`: its verb or an option that the verb does not have.
inline std::string wrong_call(Help& help, const Words& args) {
  if (args.empty() || args[0] == "--help" || args[0] == "--version") return "";
  const std::string& verb = args[0];
  if (is_placeholder(verb)) return "";
  if (verb == "help" && args.size() > 1 && !args[1].starts_with("-")) {
    return wrong_call(help, {args[1]});
  }
  if (!help.has_verb(verb)) return "no verb '" + verb + "'";
  for (const std::string& word : args) {
    if (!word.starts_with("--") || word == "--help" || word == "--") continue;
    const std::string flag = word.substr(0, word.find('='));
    if (!help.has_flag(verb, flag)) return "'" + verb + "' has no option " + flag;
  }
  return "";
}

/// "" or why `text`, what stands in backticks, is no key of a configuration though it looks like
/// one: "train.warmup", "model.dim=128". Names of parameters ("model.wiring...") are left alone.
inline std::string wrong_key(const std::string& text) {
  const std::string key = text.substr(0, text.find('='));
  const bool plain = std::all_of(key.begin(), key.end(), [](char c) {
    return std::islower(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_';
  });
  const bool file = key.ends_with(".safetensors") || key.ends_with(".toml");
  const bool ours =
      key.starts_with("model.") || key.starts_with("train.") || key.starts_with("data.");
  if (!plain || !ours || file || key.ends_with(".") || key.starts_with("model.wiring.") ||
      key.starts_with("model.layers.")) {
    return "";
  }
  // Any value will do to hear whether the key is known.
  const Output got = weft({"explain", "transformer", "--set", key + "=\"x\""});
  return got.err.find("expected a known key") == std::string::npos ? "" : got.err;
}

/// The `--set` of a call, and the design or file that it is of.
struct Settings {
  std::string subject = "transformer";
  Words sets;  ///< "key=value"
};
inline Settings settings_of(const Words& args) {
  Settings s;
  for (size_t i = 1; i < args.size(); ++i) {
    if (args[i] == "--set" && i + 1 < args.size()) {
      s.sets.push_back(args[++i]);
    } else if (args[i].starts_with("--set=")) {
      s.sets.push_back(args[i].substr(6));
    } else if (i == 1 && !args[i].starts_with("-") && !is_placeholder(args[i])) {
      s.subject = args[i];
    }
  }
  return s;
}

/// "" or why the configuration that `weft VERB SUBJECT --set ...` asks for is none: it is
/// explained, which reads it as training does and trains nothing. Verbs whose settings are not of a
/// configuration take them by name from their own help or file.
inline std::string wrong_settings(const Words& args) {
  if (args.empty() || args[0] == "icl" || args[0] == "op") return "";
  Settings s = settings_of(args);
  if (s.sets.empty()) return "";
  const bool file = s.subject.ends_with(".toml");
  if (args[0] == "eval" || args[0] == "generate" || (file && !std::filesystem::exists(s.subject))) {
    s.subject = "transformer";  // a model, or a file that the reader writes
  }
  Words explain = {"explain", s.subject};
  for (const std::string& setting : s.sets) {
    const size_t equals = setting.find('=');
    if (equals != setting.npos && is_placeholder(setting.substr(equals + 1))) {
      const std::string wrong = wrong_key(setting.substr(0, equals));
      if (!wrong.empty()) return wrong;
    } else {
      explain.insert(explain.end(), {"--set", setting});
    }
  }
  const Output got = weft(explain);
  return got.code == 0 ? "" : got.err.substr(0, got.err.find('\n'));
}

/// "" or what is wrong with a call of a script of the tree.
inline std::string wrong_script(const std::string& root, const Words& words) {
  const std::string& script = words[0];
  for (const char* folder : {"scripts/", "bench/peers/", ".ci/"}) {
    if (!script.starts_with(folder)) continue;
    const std::string text = content(root + "/" + script);
    if (text.empty()) return "there is no " + script;
    if (words[0] == "scripts/test") return "";  // whatever ctest takes
    for (const std::string& word : words) {
      if (!word.starts_with("--") || word == "--help") continue;
      const std::string flag = word.substr(0, word.find('='));
      if (text.find(flag) == text.npos) return script + " has no option " + flag;
    }
  }
  return "";
}

/// "" or why what stands in backticks, a path of the tree, is not there.
inline std::string wrong_path(const std::string& root, const std::string& folder,
                              const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("/._-").find(c) != std::string_view::npos;
  });
  const std::string first = text.substr(0, text.find('/'));
  if (!plain || first == text || first.empty() || first == "." || first == "..") return "";
  if (!std::filesystem::is_directory(root + "/" + first) || first == "build") return "";
  const bool there =
      std::filesystem::exists(root + "/" + text) || std::filesystem::exists(folder + "/" + text);
  return there ? "" : "there is no " + text;
}

/// "" or why a link leads nowhere. What lies elsewhere is not asked for.
inline std::string wrong_link(const std::string& folder, const std::string& self,
                              const std::string& target) {
  if (target.find("://") != target.npos || target.starts_with("mailto:")) return "";
  const size_t hash = target.find('#');
  const std::string path = target.substr(0, hash);
  const std::string file = path.empty() ? self : folder + "/" + path;
  if (!std::filesystem::exists(file)) return "there is no " + path;
  if (hash == target.npos) return "";
  const std::string anchor = target.substr(hash + 1);
  return Markdown(content(file)).anchors().contains(anchor) ? ""
                                                            : "no heading #" + anchor + " there";
}

}  // namespace weft::system_test
