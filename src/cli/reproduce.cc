// weft reproduce: a paper's claims, measured again.
#include "lab/icl/reproduce.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/share_progress.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "io/json.h"

namespace weft::cli {
namespace {

class ReproduceVerb final : public Verb {
 public:
  std::string_view name() const override { return "reproduce"; }
  std::string_view summary() const override {
    return "A paper's claims, measured again: linear-attention (2310.01082)";
  }
  std::vector<Example> examples() const override {
    return {
        {"weft reproduce linear-attention --scale smoke --out smoke", "does it run? in seconds"},
        {"weft reproduce linear-attention --out report",
         "the paper's claims measured again; report.html shows them"}};
  }

  void declare(Flags& flags) override {
    flags.choice("NAME", name_, {"linear-attention"}, "linear-attention").required();
    flags.choice("--scale", scale_, {"smoke", "laptop", "paper"},
                 "smoke (seconds, means nothing), laptop (minutes), paper (its full lengths)");
    flags.word("--out", out_, "the folder for report.html, results.json and figures").required();
  }

  int run(const Invocation& invocation) override {
    const Console& console = invocation.console;
    icl::ReproduceRequest request;
    request.scale = scale_ == "smoke"   ? icl::Scale::smoke
                    : scale_ == "paper" ? icl::Scale::paper
                                        : icl::Scale::laptop;
    request.out = out_;
    request.runtime = invocation.runtime;
    request.stop = &stop_flag();
    ShareProgress progress(console);
    request.on_progress = [&](std::string_view what, double share) {
      progress.update(what, share);
    };
    const icl::ReproduceOutcome outcome = icl::reproduce(request);
    progress.finish();
    if (outcome.stopped) {
      console.note("stopped; nothing was written");
      return 1;
    }
    if (invocation.json) {
      console.result(io::to_json_text(
          io::read_json(io::Path(out_) / "results.json",
                        {.bytes = size_t{1} << 30, .depth = 64, .values = size_t{1} << 26})));
    } else {
      std::string text;
      for (const auto& [claim, verdict] : outcome.verdicts) {
        text += fmt::format("{}\n  {}\n", claim, verdict);
      }
      console.result(text);
    }
    console.note(fmt::format("{} runs in {}", outcome.runs, human_seconds(outcome.seconds)));
    console.note("report   " + (io::Path(out_) / "report.html").string());
    console.note("results  " + (io::Path(out_) / "results.json").string());
    return 0;
  }

 private:
  std::string name_, scale_ = "laptop", out_;
};

}  // namespace

std::unique_ptr<Verb> make_reproduce() {
  return std::make_unique<ReproduceVerb>();
}

}  // namespace weft::cli
