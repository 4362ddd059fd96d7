// What the documents say is there and works: every link and heading, every path, every call of weft
// and of the scripts with its options, every configuration key; and the calls of their blocks run,
// in the order of the document, with fewer steps.
#include <gtest/gtest.h>

#include <filesystem>

#include "doc_checks.h"

namespace weft::system_test {
namespace {

namespace fs = std::filesystem;
const std::string kRoot = WEFT_SOURCE_DIR;

struct Document {
  std::string name, path, folder;
  Markdown text;
};

/// The documents of the tree, and the comments of its example configurations.
std::vector<Document> documents() {
  std::vector<std::string> names;
  const auto add = [&](const fs::path& path) {
    names.push_back(fs::relative(path, kRoot).generic_string());
  };
  for (const fs::directory_entry& e : fs::directory_iterator(kRoot)) {
    if (e.path().extension() == ".md") add(e.path());
  }
  for (const char* folder : {"docs", "src", "examples", "bench"}) {
    for (const fs::directory_entry& e : fs::recursive_directory_iterator(kRoot + "/" + folder)) {
      const bool example = std::string_view(folder) == "examples";
      if (e.path().extension() == ".md" || (example && e.path().extension() == ".toml")) add(e);
    }
  }
  std::sort(names.begin(), names.end());
  std::vector<Document> all;
  for (const std::string& name : names) {
    const std::string path = kRoot + "/" + name;
    std::string text = content(path);
    if (name.ends_with(".toml")) {  // what its comments say
      std::istringstream in(text);
      std::string comments;
      for (std::string line; std::getline(in, line);) {
        comments += line.starts_with("#") ? line.substr(std::min<size_t>(line.size(), 2)) : "";
        comments += "\n";
      }
      text = comments;
    }
    all.push_back({name, path, fs::path(path).parent_path().string(), Markdown(text)});
  }
  return all;
}

std::string at(const Document& d, int line) {
  return d.name + ":" + std::to_string(line) + ": ";
}

bool is_shell(const DocCode& code) {
  return code.span || code.fence.empty() || code.fence.starts_with("sh") ||
         code.fence.starts_with("bash") || code.fence.starts_with("console");
}

/// "" or what is wrong with a line of code: calls of weft and of scripts in it, or the path that it
/// is.
std::string wrong_code(Help& help, const std::string& folder, const DocCode& code) {
  if (!is_shell(code)) return "";
  for (const Words& words : shell_commands(code.text)) {
    std::string wrong = wrong_script(kRoot, words);
    if (const std::optional<Words> args = weft_arguments(words)) wrong = wrong_call(help, *args);
    if (!wrong.empty()) return wrong;
  }
  return code.span ? wrong_path(kRoot, folder, code.text) : "";
}

/// A working folder with what the documents suppose: texts, and the examples of the tree.
class World {
 public:
  World() : before_(fs::current_path()) {
    fs::current_path(scratch_ / "");
    fs::create_directory_symlink(kRoot + "/examples", "examples");
    fs::create_directory("runs");
  }
  ~World() { fs::current_path(before_); }

  /// Writes the texts that a call names: "data.train=book.txt", "other.txt".
  void write_texts(const Words& args) {
    for (const std::string& word : args) {
      const size_t equals = word.find('=');
      const std::string name = equals == word.npos ? word : word.substr(equals + 1);
      if (name.ends_with(".txt") && !fs::exists(name)) scratch_.file(name, prose(80));
    }
  }

  /// Writes the configurations that a document shows under the name that it last called one.
  std::vector<std::string> write_configurations(const Document& d) {
    std::vector<std::string> files;
    std::string name = "shown.toml";
    bool inside = false;
    for (const DocCode& code : d.text.code()) {
      if (code.span && code.text.ends_with(".toml") && code.text.find(' ') == std::string::npos &&
          code.text.find('/') == std::string::npos) {
        name = code.text;
      }
      const bool toml = code.fence == "toml";
      if (toml && !inside) {
        files.push_back(name);
        scratch_.file(name, "");
      }
      if (toml) std::ofstream(name, std::ios::app) << code.text << "\n";
      inside = toml;
    }
    return files;
  }

 private:
  Scratch scratch_;
  fs::path before_;
};

/// Smaller work of the same kind: fewer steps, sequences and prompts.
Words smaller(Words args) {
  bool steps = false, resumes = false;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string& word = args[i];
    resumes = resumes || word == "--resume";
    if (word.starts_with("train.steps=")) {
      word = "train.steps=" + std::to_string(2 + std::stoi(word.substr(12)) / 250);
      steps = true;
    }
    if (word == "--sequences" && i + 1 < args.size()) args[i + 1] = "40";
    if (word == "--tokens" && i + 1 < args.size()) args[i + 1] = "12";
  }
  const auto set = [&](const char* setting) { args.insert(args.end(), {"--set", setting}); };
  if (args[0] == "icl" && args[1] == "train") {
    for (const char* s : {"steps=20", "batch=48", "eval_batch=48", "eval_every=10"}) set(s);
  }
  if (args[0] != "train") return args;
  if (!steps) set("train.steps=2");
  if (!resumes) set("train.batch=2");
  if (!args[1].starts_with("-") && !args[1].ends_with(".toml")) {  // a design in its full size
    for (const char* s : {"model.dim=32", "model.layers=2", "model.heads=2", "model.kv_heads=2",
                          "model.head_dim=16", "model.ffn=48", "model.context=32"}) {
      set(s);
    }
  }
  return args;
}

/// Calls that are too long for a test, or that another one runs (every kernel: system tests of
/// check; reproduce: of reproduce; guides: scripts/test-guides and IclGuide).
bool runs_elsewhere(const Document& d, const DocCode& code, const Words& args) {
  if (d.name == "docs/icl.md" || code.fence.find("run") != std::string::npos) return true;
  if (args.empty() || args[0] == "bench" || args[0] == "reproduce") return true;
  return args == Words{"check"} || args == Words{"icl", "oracles"};
}

TEST(Docs, LinksLeadSomewhere) {
  size_t links = 0;
  for (const Document& d : documents()) {
    for (const DocLink& link : d.text.links()) {
      ++links;
      const std::string wrong = wrong_link(d.folder, d.path, link.target);
      EXPECT_EQ(wrong, "") << at(d, link.line) << link.target;
    }
  }
  EXPECT_GE(links, 50u);
}

TEST(Docs, CallsArePossible) {
  Help help;
  size_t calls = 0;
  for (const Document& d : documents()) {
    for (const DocCode& code : d.text.code()) {
      EXPECT_EQ(wrong_code(help, d.folder, code), "") << at(d, code.line) << code.text;
      for (const Words& words : shell_commands(code.text)) {
        calls += is_shell(code) && weft_arguments(words) ? 1 : 0;
      }
    }
  }
  EXPECT_GE(calls, 80u);
}

TEST(Docs, ExamplesOfTheHelpArePossible) {
  Help help;
  for (const std::string& verb : help.verbs()) {
    for (const std::string& example : help.examples(verb)) {
      for (const Words& words : shell_commands(example)) {
        const std::optional<Words> args = weft_arguments(words);
        if (!args) continue;
        EXPECT_EQ(wrong_call(help, *args), "") << example;
        EXPECT_EQ(wrong_settings(*args), "") << example;
      }
    }
  }
  EXPECT_GE(help.verbs().size(), 12u);
}

TEST(Docs, SettingsAreThoseOfAConfiguration) {
  World world;
  std::set<std::string> seen;
  for (const Document& d : documents()) {
    for (const std::string& file : world.write_configurations(d)) {
      const Output got = weft({"explain", file});
      EXPECT_EQ(got.code, 0) << d.name << " shows " << file << "\n" << got.err;
    }
    for (const DocCode& code : d.text.code()) {
      // What is added to a copy of the tree first (scripts/test-guides) is not in this program.
      if (!is_shell(code) || code.fence.find("run") != std::string::npos) continue;
      for (const Words& words : shell_commands(code.text)) {
        const std::optional<Words> args = weft_arguments(words);
        if (!args || !seen.insert(joined(*args)).second) continue;
        EXPECT_EQ(wrong_settings(*args), "") << at(d, code.line) << code.text;
      }
      if (code.span && seen.insert(code.text).second) {
        EXPECT_EQ(wrong_key(code.text), "") << at(d, code.line) << code.text;
      }
    }
  }
  EXPECT_GE(seen.size(), 80u);
}

TEST(Docs, CallsWork) {
  size_t run = 0;
  for (const Document& d : documents()) {
    World world;
    world.write_configurations(d);
    for (const DocCode& code : d.text.code()) {
      if (code.span || !is_shell(code)) continue;
      for (const Words& words : shell_commands(code.text)) {
        const std::optional<Words> args = weft_arguments(words);
        if (!args || std::any_of(args->begin(), args->end(), is_placeholder)) continue;
        if (runs_elsewhere(d, code, *args)) continue;
        world.write_texts(*args);
        const Output got = weft(smaller(*args));
        EXPECT_EQ(got.code, 0) << at(d, code.line) << joined(smaller(*args)) << "\n" << got.err;
        ++run;
      }
    }
  }
  EXPECT_GE(run, 20u);
}

// What the checks must see, each on a document with one mistake.
TEST(DocChecks, SeeWhatIsWrong) {
  Help help;
  const auto complaints = [&](const std::string& text) {
    const Markdown document(text);
    std::string all;
    for (const DocCode& code : document.code()) all += wrong_code(help, kRoot + "/docs", code);
    for (const DocLink& link : document.links()) {
      all += wrong_link(kRoot + "/docs", kRoot + "/docs/icl.md", link.target);
    }
    return all;
  };
  for (const char* good :
       {"`weft explain sla --svg sla.svg`",
        "    $weft train gqa --set a.b=c --out run  # --nothing",
        "```sh\nbuild/release/weft check | grep x --nothing\n```", "`weft VERB --help`, `weft`",
        "[a](icl.md#ten-seconds) [b](#ten-seconds) [c](https://example.org/x)", "`src/io/json.h`",
        "`scripts/demo --minutes 5`", "    bash .ci/run", "```cpp\nweft nothing\n```",
        "x\n    weft nothing", "`docs/decisions/`", "[d](decisions/)"}) {
    EXPECT_EQ(complaints(good), "") << good;
  }
  for (const char* bad :
       {"`weft explainn sla`", "`weft\nexplain sla --svgg x`",
        "    weft train gqa \\\n      --outt r", "    for i in 1; do weft nothing; done",
        "    X=1 build/release/weft nothing", "    weft check && weft check --nothing",
        "```\n$weft nothing\n```", "`weft eval R --nothing=3`", "[a](icl.md#twenty-seconds)",
        "[a](absent.md)", "[b](#absent)", "`src/io/absent.h`", "`scripts/absent`",
        "    scripts/demo --epochs 3", "`bench/peers/compare.py --nothing`"}) {
    EXPECT_NE(complaints(bad), "") << bad;
  }
}

TEST(DocChecks, SeeWrongSettings) {
  for (const Words& good : std::vector<Words>{{"train", "gqa", "--set", "train.steps=3"},
                                              {"eval", "run", "--set", "model.loop.repeats=5"},
                                              {"train", "gqa", "--set", "data.train=TEXT"},
                                              {"train", "gqa", "--set", "train.seed=$seed"},
                                              {"explain", "sla"}}) {
    EXPECT_EQ(wrong_settings(good), "") << joined(good);
  }
  for (const Words& bad : std::vector<Words>{{"train", "gqa", "--set", "train.stepps=3"},
                                             {"train", "gqaa", "--set", "train.steps=3"},
                                             {"train", "gqa", "--set", "train.steps=many"},
                                             {"train", "gqa", "--set", "train.sead=$seed"},
                                             {"check", "gqa", "--set=model.headss=3"}}) {
    EXPECT_NE(wrong_settings(bad), "") << joined(bad);
  }
  for (const char* good :
       {"train.warmup", "model.wiring.mix.back", "model.dim=128", "data.train"}) {
    EXPECT_EQ(wrong_key(good), "") << good;
  }
  for (const char* bad : {"train.warmupp", "model.dimm=128", "data.trian"}) {
    EXPECT_NE(wrong_key(bad), "") << bad;
  }
}

TEST(DocChecks, ReadShellLines) {
  const auto words = [](const std::string& line) {
    std::string all;
    for (const Words& command : shell_commands(line)) {
      for (const std::string& w : command) all += "<" + w + ">";
      all += "\n";
    }
    return all;
  };
  EXPECT_EQ(words("A=1 weft x 'a b'\"c\" # d"), "<weft><x><a bc>\n");
  EXPECT_EQ(words("weft a >b | grep c; do weft d && weft e"),
            "<weft><a>\n<grep><c>\n<weft><d>\n<weft><e>\n");
  EXPECT_EQ(words("weft train --set model.mix=[] --out x"),
            "<weft><train><--set><model.mix=[]><--out><x>\n");
}

}  // namespace
}  // namespace weft::system_test
