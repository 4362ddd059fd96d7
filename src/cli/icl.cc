// weft icl: the linear-attention optimisation lab.
#include "cli/icl.h"

#include <fmt/format.h>

#include "base/args.h"
#include "base/error.h"
#include "io/utf8.h"

namespace weft::cli {
namespace {

struct SubVerb {
  const char* name;
  int (*run)(const IclArguments&, const Invocation&);
  bool takes_setting = true, takes_run = false, takes_out = false;
};
constexpr SubVerb kSubVerbs[] = {{"train", icl_train, true, false, true},
                                 {"measure", icl_measure, false, true},
                                 {"minimum", icl_minimum},
                                 {"oracles", icl_oracles, false}};

class IclVerb final : public Verb {
 public:
  std::string_view name() const override { return "icl"; }
  std::string_view summary() const override {
    return "The linear-attention optimisation lab: train a run, measure it, the exact minimum of "
           "one layer, all that is known exactly (oracles)";
  }
  std::vector<Example> examples() const override {
    return {{"weft icl train --setting default --out icl-run",
             "train linear attention on regressions in context"},
            {"weft icl minimum --set d=5 --set n=20",
             "the best single layer, numerically and in closed form"}};
  }

  void declare(Flags& flags) override {
    std::vector<std::string> names;
    for (const SubVerb& sub : kSubVerbs) names.emplace_back(sub.name);
    flags.choice("WHAT", arguments_.what, names, fmt::format("{}", fmt::join(names, ", ")))
        .required();
    flags.text("RUN", arguments_.run, "measure: the folder of a run");
    flags.word("--setting", arguments_.setting,
               "minimum, train: a named setting or a TOML file (default)");
    flags.repeated("--set", arguments_.set,
                   "minimum, train: key=value: d, n, covariates, covariance, label_noise, layers, "
                   "...; may be repeated");
    flags.word("--out", arguments_.out, "train: the folder to write");
    flags.word("--rates", arguments_.rates,
               "train: a grid of learning rates, 0.01,0.1 or auto; the best is kept");
    flags.integer("--seeds", arguments_.seeds, {1, 10000},
                  "train: runs of the setting's seed and those after it (1)");
  }

  int run(const Invocation& invocation) override {
    for (const SubVerb& sub : kSubVerbs) {
      if (arguments_.what != sub.name) continue;
      check(sub);
      return sub.run(arguments_, invocation);
    }
    return 2;  // declare() lets no other name through
  }

 private:
  void check(const SubVerb& sub) const {
    const std::string verb = std::string("weft icl ") + sub.name;
    if (!sub.takes_run && !arguments_.run.empty()) {
      fail(ErrorCode::usage, {verb, "no further argument", io::in_quotes(arguments_.run),
                              "keys are given by --set key=value"});
    }
    if (sub.takes_run && arguments_.run.empty()) {
      fail(ErrorCode::usage, {verb, "RUN", "none", "see weft icl --help"});
    }
    if (!sub.takes_setting && (!arguments_.set.empty() || arguments_.setting != "default")) {
      fail(ErrorCode::usage, {verb, "neither --setting nor --set", "one of them"});
    }
    if (!sub.takes_out && !arguments_.out.empty()) {
      fail(ErrorCode::usage, {verb, "no --out", io::in_quotes(arguments_.out)});
    }
    if (!sub.takes_out && (!arguments_.rates.empty() || arguments_.seeds != 1)) {
      fail(ErrorCode::usage, {verb, "neither --rates nor --seeds", "one of them"});
    }
    if (sub.takes_out && arguments_.out.empty()) {
      fail(ErrorCode::usage, {verb, "--out", "none", "see weft icl --help"});
    }
  }

  IclArguments arguments_;
};

}  // namespace

icl::Setting setting_of(const IclArguments& arguments) {
  std::vector<io::Override> overrides;
  for (const std::string& text : arguments.set) overrides.push_back(io::parse_override(text));
  return icl::load_setting(arguments.setting, overrides);
}

std::unique_ptr<Verb> make_icl() {
  return std::make_unique<IclVerb>();
}

}  // namespace weft::cli
