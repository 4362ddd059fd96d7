#include "cli/run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <exception>
#include <new>

#include "base/args.h"
#include "base/error.h"
#include "cli/help.h"
#include "cli/threads.h"
#include "cli/verb.h"
#include "cli/version.h"
#include "io/utf8.h"
#include "runtime/gemm.h"

namespace weft::cli {
namespace {

/// The instruction set of this name, where this machine executes it; no name: the best.
Isa isa_of(const std::string& name) {
  if (name.empty()) return best_isa();
  std::vector<std::string> here;
  for (const Isa isa : isas_here()) {
    if (name_of(isa) == name) return isa;
    here.emplace_back(name_of(isa));
  }
  std::string got = io::in_quotes(name);
  for (const Isa isa : all_isas()) {
    if (name_of(isa) == name) got += ", " + refusal(isa);
  }
  const std::string near = nearest(name, here);
  fail(ErrorCode::usage, {"--isa", fmt::format("one of {}", fmt::join(here, ", ")), got,
                          near.empty() ? "" : "did you mean \"" + near + "\"?"});
}

/// A verb with its part of the parser.
struct Entry {
  std::unique_ptr<Verb> verb;
  CLI::App* app;
  std::unique_ptr<Flags> flags;
};

struct CommonFlags {
  int64_t threads = 0;  ///< 0: not given
  std::string isa;
  bool json = false;
};

std::vector<Entry> declare(CLI::App& root, CommonFlags& common) {
  root.name("weft");
  root.allow_extras();
  root.require_subcommand(0, 1);  // "train" in `weft bench train` is an argument
  root.set_version_flag("--version", std::string("weft ") + kVersion);
  std::vector<Entry> entries;
  for (std::unique_ptr<Verb>& verb : all_verbs()) {
    CLI::App* app = root.add_subcommand(std::string(verb->name()), std::string(verb->summary()));
    app->allow_extras();
    auto flags = std::make_unique<Flags>(*app);
    verb->declare(*flags);
    flags->integer("--threads", common.threads, {1, int64_t{4} * available_cores()},
                   "threads to compute with (what cores, CPU quota and OMP_NUM_THREADS allow)");
    flags->word("--isa", common.isa, "the strongest instruction set to use (that of this machine)");
    if (verb->has_json()) {
      flags->flag("--json", common.json, "one JSON document on stdout");
    }
    entries.push_back({std::move(verb), app, std::move(flags)});
  }
  return entries;
}

/// The command line in one line, for records: what a shell would split is in single quotes.
std::string spelled(int argc, const char* const* argv) {
  std::string line = "weft";
  for (int i = 1; i < argc; ++i) {
    const std::string word = io::without_controls(io::to_utf8(argv[i]));
    const bool plain =
        !word.empty() && word.find_first_of(" \"\\$`&|;<>()*?[]#~'") == std::string::npos;
    line += plain ? " " + word : " '" + word + "'";
  }
  return line;
}

[[noreturn]] void refuse_verb(const CLI::App& root, const std::vector<Entry>& entries) {
  std::vector<std::string> names;
  for (const Entry& e : entries) names.emplace_back(e.verb->name());
  const std::vector<std::string> words = root.remaining();
  if (words.empty()) {
    fail(ErrorCode::usage, {"weft", "a verb", "none", suggestion("", names)});
  }
  fail(ErrorCode::usage,
       {"weft", "a verb", io::in_quotes(words.front()), suggestion(words.front(), names)});
}

/// Of the verb that was named; of none, all of them.
void help(const CLI::App& root, const Console& console) {
  const std::vector<Page> pages = all_pages();
  const auto named = root.get_subcommands();
  if (named.empty()) console.result(overview(pages, console.width()));
  for (const Page& page : pages) {
    if (!named.empty() && page.verb == named.front()->get_name()) {
      console.result(verb_help(page, console.width()));
    }
  }
}

int dispatch(int argc, const char* const* argv, const Console& console) {
  CLI::App root;
  CommonFlags common;
  const std::vector<Entry> entries = declare(root, common);
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    help(root, console);
    return 0;
  } catch (const CLI::CallForVersion& version) {
    console.result(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    fail(ErrorCode::usage, {"weft", "arguments as weft --help lists them", error.what()});
  }
  if (argc == 1) {
    help(root, console);
    return 0;
  }
  for (const Entry& e : entries) {
    if (!e.app->parsed()) continue;
    e.flags->check();
    const Runtime runtime = runtime_of(common.threads, isa_of(common.isa), console);
    if (runtime.isa < best_isa()) limit_products(runtime.isa);
    return e.verb->run({console, runtime, common.json, spelled(argc, argv)});
  }
  refuse_verb(root, entries);
}

/// In the place of a live line that the failure left.
void last_words(const Console& console, const std::string& line) {
  console.end_live();
  console.note(line);
}

}  // namespace

std::vector<std::unique_ptr<Verb>> all_verbs() {
  std::vector<std::unique_ptr<Verb>> verbs;
  for (const auto make : {make_train, make_eval, make_generate, make_explain, make_op, make_forward,
                          make_check, make_designs, make_kernels, make_icl, make_reproduce,
                          make_bench, make_help, make_completion}) {
    verbs.push_back(make());
  }
  return verbs;
}

std::vector<Page> all_pages() {
  CLI::App root;
  CommonFlags common;
  std::vector<Page> pages;
  for (const Entry& e : declare(root, common)) {
    Page page{std::string(e.verb->name()), std::string(e.verb->summary()), e.flags->declared(),
              e.verb->examples()};
    page.declared.push_back({"--help", "", "this help"});
    pages.push_back(std::move(page));
  }
  return pages;
}

void check_command(std::vector<std::string> words) {
  CLI::App root;
  CommonFlags common;
  const std::vector<Entry> entries = declare(root, common);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    root.parse(words);
  } catch (const CLI::Success&) {
    return;
  } catch (const CLI::ParseError& error) {
    fail(ErrorCode::usage, {"weft", "arguments as weft --help lists them", error.what()});
  }
  for (const Entry& e : entries) {
    if (e.app->parsed()) return e.flags->check();
  }
  refuse_verb(root, entries);
}

int run(int argc, const char* const* argv) noexcept {
  // A closed pipe behind stdout or stderr must not kill a training run.
  std::signal(SIGPIPE, SIG_IGN);
  // A file that reaches its limit is a write error like any other.
  std::signal(SIGXFSZ, SIG_IGN);
  const Console console;
  try {
    return dispatch(argc, argv, console);
  } catch (const ClosedPipe&) {
    return 0;
  } catch (const Error& error) {
    last_words(console, std::string("weft: ") + error.what());
    return error.code() == ErrorCode::runtime ? 1 : 2;
  } catch (const std::bad_alloc&) {
    last_words(console,
               "weft: [memory] expected enough of it, got none; a smaller model, batch or context");
  } catch (const std::exception& error) {
    last_words(console,
               io::without_controls(io::to_utf8(std::string("weft: [internal] ") + error.what())));
  }
  return 1;
}

}  // namespace weft::cli
