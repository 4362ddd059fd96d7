// weft bench: how fast, and how far from what the machine can do.
#include "cli/bench.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/args.h"
#include "base/error.h"
#include "cli/table.h"
#include "cli/verb.h"
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
                              {"train", bench_train},
                              {"decode", bench_decode},
                              {"designs", bench_designs, true}};

nlohmann::json to_json(const BenchResult& r, const Peaks& peaks) {
  nlohmann::json j{
      {"name", r.name}, {"seconds", r.seconds}, {"spread", r.spread}, {"runs", r.runs}};
  if (r.gflops) j["gflops"] = *r.gflops;
  if (const auto percent = r.percent_of_peak(peaks)) {
    j["percent_of_peak"] = *percent;
    if (r.is_training) j["mfu"] = *percent / 100;
  }
  if (r.tokens_per_second) j["tokens_per_second"] = *r.tokens_per_second;
  if (r.ratio) j["ratio"] = *r.ratio;
  if (!r.note.empty()) j["note"] = r.note;
  return j;
}

class BenchVerb final : public Verb {
 public:
  std::string_view name() const override { return "bench"; }
  std::string_view summary() const override {
    return "Speed of gemm, attention, train or decode (all unless one is named), beside the peaks; "
           "designs: training steps beside the transformer's";
  }

  void declare(Flags& flags) override {
    flags.text("WHAT", what_, "gemm, attention, train, decode or designs");
    flags.flag("--all", all_, "train and decode: also resformer, svformer, sla, stick-breaking");
    flags.flag("--long", long_, "train: also one step at T=32768 with recomputation (minutes)");
    flags.flag("--profile", profile_, "train: what each kind of work in a step takes");
    flags.repeated("--design", designs_, "designs: one to compare, may be repeated (all)");
    flags.integer("--time", time_, {16, 1 << 20}, "designs: tokens of a sequence");
    flags.integer("--batch", batch_, {1, 1024}, "designs: sequences of a step");
  }

  int run(const Invocation& invocation) override {
    check_what();
    const Runtime& rt = invocation.runtime;
    const Peaks before = measure_peaks(rt);
    const BenchContext context{invocation.console, rt,    all_, long_, designs_, time_, batch_,
                               profile_,           before};
    std::vector<BenchResult> results;
    for (const Bench& bench : kBenches) {
      if (what_.empty() ? bench.minutes : what_ != bench.name) continue;
      for (BenchResult& r : bench.run(context)) results.push_back(std::move(r));
    }
    const Peaks after = measure_peaks(rt), peaks = larger(before, after);
    const std::string busy = busy_note(before, after);
    if (!busy.empty()) invocation.console.note(busy);
    invocation.console.result(invocation.json ? json(results, peaks, rt) : text(results, peaks));
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

  static std::string json(const std::vector<BenchResult>& results, const Peaks& peaks,
                          const Runtime& runtime) {
    nlohmann::json j{{"results", nlohmann::json::array()}};
    for (const BenchResult& r : results) j["results"].push_back(to_json(r, peaks));
    j["machine"] = {{"name", machine_name()},
                    {"threads", runtime.threads},
                    {"peak_gflops_f32", peaks.gflops_f32},
                    {"peak_gflops_bf16", peaks.gflops_bf16},
                    {"bandwidth_gb_s", peaks.bandwidth_gb_s}};
    return io::to_json_text(j);
  }

  static std::string text(const std::vector<BenchResult>& results, const Peaks& peaks) {
    const auto cell = [](const std::optional<double>& x, const char* format) {
      return x ? fmt::format(fmt::runtime(format), *x) : std::string();
    };
    Table table({"benchmark", "median", "spread", "GFLOP/s", "of peak", "tok/s", "<"});
    for (const BenchResult& r : results) {
      table.row({r.name, human_seconds(r.seconds), fmt::format("{:.0f}%", 100 * r.spread),
                 cell(r.gflops, "{:.0f}"), cell(r.percent_of_peak(peaks), "{:.0f}%"),
                 cell(r.tokens_per_second, "{:.0f}"), r.note});
    }
    return fmt::format(
        "{}; peaks measured in this run: gemm f32 {:.0f}, bf16 {:.0f} GFLOP/s; memory {:.0f} "
        "GB/s\n\n{}",
        machine_name(), peaks.gflops_f32, peaks.gflops_bf16, peaks.bandwidth_gb_s, table.str());
  }

  std::string what_;
  bool all_ = false, long_ = false, profile_ = false;
  std::vector<std::string> designs_;
  int64_t time_ = 512, batch_ = 8;
};

}  // namespace

std::unique_ptr<Verb> make_bench() {
  return std::make_unique<BenchVerb>();
}

}  // namespace weft::cli
