// weft bench: how fast, and how far from what the machine can do.
#include "cli/bench.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/args.h"
#include "base/error.h"
#include "cli/bench_attention.h"
#include "cli/bench_compare.h"
#include "cli/bench_document.h"
#include "cli/bench_plots.h"
#include "cli/bench_progress.h"
#include "cli/verb.h"
#include "cli/version.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft::cli {
namespace {

struct Bench {
  const char* name;
  std::vector<BenchResult> (*run)(const BenchContext&);
  bool minutes = false;  ///< runs only where it is named
};
constexpr Bench kBenches[] = {{"gemm", bench_gemm},
                              {"attention", bench_attention},
                              {"ops", bench_ops},
                              {"train", bench_train},
                              {"decode", bench_decode},
                              {"icl", bench_icl},
                              {"designs", bench_designs, true},
                              {"scaling", bench_scaling, true}};

class BenchVerb final : public Verb {
 public:
  std::string_view name() const override { return "bench"; }
  std::string_view summary() const override {
    return "Speed of gemm, attention, ops, train, decode or icl (all unless one is named), beside "
           "the "
           "peaks and the roofline; designs: training steps beside the transformer's; scaling: "
           "what growing a model costs";
  }
  std::vector<Example> examples() const override {
    return {{"weft bench gemm", "what this machine can do at best"},
            {"weft bench attention --only T=2048 --json", "rows of one length, as JSON"}};
  }

  void declare(Flags& flags) override {
    flags.text("WHAT", what_, "gemm, attention, ops, train, decode, icl, designs or scaling");
    flags.repeated("--only", only_, "only rows with this in their name; may be repeated");
    flags.flag("--all", all_,
               "train: more designs and sizes; decode: long contexts; attention: more rows, each "
               "three times or more");
    flags.flag("--long", long_, "train: also one step at T=32768 with recomputation (minutes)");
    flags.flag("--profile", profile_, "train: what each kind of work in a step takes");
    flags.repeated("--design", designs_, "designs: one to compare, may be repeated (all)");
    flags.integer("--time", time_, {16, 1 << 20}, "designs: tokens of a sequence");
    flags.integer("--batch", batch_, {1, 1024}, "designs: sequences of a step");
    flags.word("--model", model_, "attention: a trained stick-breaking model to record from");
    flags.word("--data", data_,
               "attention: text whose queries and keys in --model are attended by");
    flags.word("--compare", compare_,
               "a file of --json: show what is slower or faster than there by more than the noise, "
               "which is 3%, both runs' spreads, and how far apart they measured the peak that "
               "bounds the row");
    flags.word("--from", from_, "a file of --json to print or compare; measures nothing");
    flags.word("--out", out_, "scaling: a folder for scaling.json and the plots");
    flags.flag("--markdown", markdown_, "tables for a page of documentation");
  }

  int run(const Invocation& invocation) override {
    check_what();
    if (!out_.empty()) check_out();
    check_recorded();
    // Before anything is measured: a bad file is known at once.
    std::optional<BenchDocument> before;
    if (!compare_.empty()) before = read_bench(compare_);
    const BenchDocument document = from_.empty() ? measure(invocation) : stored();
    if (!out_.empty()) draw(document);
    invocation.console.result(written(invocation, document, before));
    return 0;
  }

 private:
  void check_what() const {
    std::vector<std::string> names;
    for (const Bench& bench : kBenches) {
      if (what_.empty() || what_ == bench.name) return;
      names.emplace_back(bench.name);
    }
    fail(ErrorCode::usage,
         {"weft bench", "a benchmark", io::in_quotes(what_), suggestion(what_, names)});
  }

  /// Minutes must not be lost to a folder that cannot be made.
  void check_out() const {
    if (what_ != "scaling") fail(ErrorCode::usage, {"--out", "bench scaling", "bench " + what_});
    std::error_code error;
    std::filesystem::create_directories(out_, error);
    if (std::filesystem::is_directory(out_, error)) return;
    fail(ErrorCode::usage, {"--out", "a folder", io::in_quotes(out_), "choose another name"});
  }

  void check_recorded() const {
    if (model_.empty() && data_.empty()) return;
    const char* flag = model_.empty() ? "--data" : "--model";
    if (what_ != "attention") {
      fail(ErrorCode::usage, {flag, "bench attention", what_.empty() ? "bench" : "bench " + what_});
    }
    if (!from_.empty()) fail(ErrorCode::usage, {flag, "a run that measures", "--from"});
    if (!model_.empty() && !data_.empty()) return;
    fail(ErrorCode::usage, {flag, "--model RUN and --data FILE together", "only one of them"});
  }

  bool is_asked(const Bench& bench) const {
    return what_.empty() ? !bench.minutes : what_ == bench.name;
  }

  std::vector<BenchResult> run_all(const BenchContext& context) const {
    std::vector<BenchResult> results;
    for (const Bench& bench : kBenches) {
      if (!is_asked(bench)) continue;
      for (BenchResult& r : bench.run(context)) {
        // The kinds of work of a profiled step belong to the row that was asked for.
        if (!context.profile && !has_part(r.name, only_)) continue;
        r.bench = bench.name;
        results.push_back(std::move(r));
      }
    }
    return results;
  }

  BenchContext context(const Invocation& invocation) const {
    return {.console = invocation.console,
            .runtime = invocation.runtime,
            .all = all_,
            .long_text = long_,
            .designs = designs_,
            .time = time_,
            .batch = batch_,
            .profile = profile_,
            .only = only_};
  }

  /// Rows that will be measured. Throws Error(usage) where there are none.
  int count_rows(BenchContext listing) const {
    int rows = 0;
    listing.listing = true;
    listing.begin = [&rows](const std::string&) { ++rows; };
    run_all(listing);
    if (rows > 0) return rows;
    fail(ErrorCode::usage, {"weft bench", "rows with the text of --only in their names", "none",
                            "run it without --only to see the names"});
  }

  BenchDocument measure(const Invocation& invocation) const {
    const Runtime rt = invocation.runtime.whole();  // with the threads that the document says
    BenchContext measured = context(invocation);
    measured.runtime = rt;
    std::vector<RecordedLayer> recorded;
    if (!model_.empty()) recorded = record(model_, data_, kLongText, rt);
    if (!recorded.empty()) measured.recorded = &recorded;
    const int rows = count_rows(measured);
    BenchDocument d{{}, {}, machine_name(), rt.threads, utc_now(), invocation.command, kVersion};
    const Peaks before = measured.peaks = measure_peaks(rt);
    {
      BenchProgress progress(invocation.console, rows);
      if (invocation.console.draws()) {
        measured.begin = [&progress](const std::string& row) { progress.begin(row); };
      }
      d.results = run_all(measured);
    }
    const Peaks after = measure_peaks(rt);
    d.peaks = larger(before, after);
    // A peak that was exceeded was measured while others ran. Shapes that are faster than every
    // square are peaks themselves.
    const Peaks rates = reached(d.results);
    for (int again = 0; again < 2 && exceeds(rates, d.peaks); ++again) {
      d.peaks = larger(d.peaks, measure_peaks(rt));
    }
    d.peaks = larger(d.peaks, rates);
    const std::string busy = busy_note(before, after);
    if (!busy.empty()) invocation.console.note(busy);
    return d;
  }

  BenchDocument stored() const {
    BenchDocument d = read_bench(from_);
    std::erase_if(d.results, [&](const BenchResult& r) {
      return (!what_.empty() && r.bench != what_) || !has_part(r.name, only_);
    });
    return d;
  }

  /// The document and its figures.
  void draw(const BenchDocument& d) const {
    io::write_atomic(io::Path(out_) / "scaling.json", io::to_json_text(to_json(d)));
    write_plots(d.results, out_);
  }

  std::string written(const Invocation& invocation, const BenchDocument& d,
                      const std::optional<BenchDocument>& before) const {
    if (invocation.json) {
      nlohmann::json j = to_json(d);
      if (before) j["comparison"] = to_json(compare(*before, d), *before);
      return io::to_json_text(j);
    }
    if (before) return comparison_text(compare(*before, d), *before, d);
    if (markdown_) return bench_markdown(d);
    const Console& console = invocation.console;
    return bench_text(d, console.stdout_is_terminal() ? static_cast<size_t>(console.width()) : 0);
  }

  std::string what_, compare_, from_, out_, model_, data_;
  bool all_ = false, long_ = false, profile_ = false, markdown_ = false;
  std::vector<std::string> designs_, only_;
  int64_t time_ = 512, batch_ = 8;
};

}  // namespace

std::unique_ptr<Verb> make_bench() {
  return std::make_unique<BenchVerb>();
}

}  // namespace weft::cli
