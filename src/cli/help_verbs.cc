// weft help and weft completion.
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/man_page.h"
#include "cli/verb.h"
#include "train/config_keys.h"

namespace weft::cli {
namespace {

class HelpVerb final : public Verb {
 public:
  std::string_view name() const override { return "help"; }
  std::string_view summary() const override { return "What a verb does, its flags, examples"; }
  std::vector<Example> examples() const override {
    return {{"weft help train", "all about training"},
            {"weft help --man | man -l -", "everything, as a manual page"}};
  }
  bool has_json() const override { return false; }

  void declare(Flags& flags) override {
    std::vector<std::string> verbs;
    for (const auto& verb : all_verbs()) verbs.emplace_back(verb->name());
    flags.choice("VERB", verb_, verbs, "a verb; none: what there is, and the first steps");
    flags.flag("--man", man_, "the manual page, for man");
  }

  int run(const Invocation& invocation) override {
    const std::vector<Page> pages = all_pages();
    const int width = invocation.console.width();
    if (man_) {
      invocation.console.result(man_page(pages));
      return 0;
    }
    for (const Page& page : pages) {
      if (page.verb == verb_) invocation.console.result(verb_help(page, width));
    }
    if (verb_.empty()) invocation.console.result(overview(pages, width));
    return 0;
  }

 private:
  std::string verb_;
  bool man_ = false;
};

class CompletionVerb final : public Verb {
 public:
  std::string_view name() const override { return "completion"; }
  std::string_view summary() const override { return "A script that completes weft in a shell"; }
  std::vector<Example> examples() const override {
    return {{". <(weft completion bash)", "complete in this shell; zsh likewise"},
            {"weft completion fish | source", "in fish"}};
  }
  bool has_json() const override { return false; }

  void declare(Flags& flags) override {
    flags.choice("SHELL", shell_, completion_shells(), "bash, zsh or fish").required();
  }

  int run(const Invocation& invocation) override {
    invocation.console.result(completion(shell_, all_pages(), config_keys()));
    return 0;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Verb> make_help() {
  return std::make_unique<HelpVerb>();
}

std::unique_ptr<Verb> make_completion() {
  return std::make_unique<CompletionVerb>();
}

}  // namespace weft::cli
