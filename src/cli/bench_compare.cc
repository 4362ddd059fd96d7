#include "cli/bench_compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace weft::cli {
namespace {

constexpr double kLeastNoise = 0.03;

double apart(double a, double b) {
  return std::fabs(std::log(a / b));
}

const char* verdict(const Change& c) {
  return c.slower() ? "slower" : c.faster() ? "faster" : "same";
}

std::string of_run(const char* which, const BenchDocument& d) {
  std::string line = fmt::format("{}: {}", which, d.machine);
  if (d.threads > 0) line += fmt::format(", {} thread{}", d.threads, d.threads == 1 ? "" : "s");
  for (const std::string* part : {&d.date, &d.command}) {
    if (!part->empty()) line += "; " + *part;
  }
  return line + "\n";
}

}  // namespace

// In logarithms, so that a change and its way back are judged alike.
bool Change::slower() const {
  return std::log(ratio()) > noise;
}
bool Change::faster() const {
  return std::log(ratio()) < -noise;
}

double noise_of(const BenchResult& before, const Peaks& peaks_before, const BenchResult& now,
                const Peaks& peaks_now) {
  double peaks = 0;
  for (const Bound bound : {Bound::gemm_f32, Bound::gemm_bf16, Bound::bandwidth}) {
    if (now.bound != Bound::none && now.bound != bound) continue;
    peaks =
        std::max(peaks, apart(before.peak_of(bound, peaks_before), now.peak_of(bound, peaks_now)));
  }
  return kLeastNoise + before.spread + now.spread + peaks;
}

Comparison compare(const BenchDocument& before, const BenchDocument& now) {
  std::map<std::string, const BenchResult*> old;
  for (const BenchResult& r : before.results) old.emplace(r.name, &r);
  Comparison c;
  std::map<std::string, bool> seen;
  for (const BenchResult& r : now.results) {
    if (!seen.emplace(r.name, true).second) continue;
    const auto match = old.find(r.name);
    if (match == old.end()) {
      c.added.push_back(r.name);
      continue;
    }
    c.changes.push_back({r.name, match->second->seconds, r.seconds,
                         noise_of(*match->second, before.peaks, r, now.peaks)});
  }
  for (const BenchResult& r : before.results) {
    if (seen.emplace(r.name, true).second) c.gone.push_back(r.name);
  }
  return c;
}

std::string comparison_text(const Comparison& c, const BenchDocument& before,
                            const BenchDocument& now) {
  std::vector<const Change*> beyond;
  for (const Change& change : c.changes) {
    if (change.slower() || change.faster()) beyond.push_back(&change);
  }
  std::stable_sort(beyond.begin(), beyond.end(),
                   [](const Change* a, const Change* b) { return a->ratio() > b->ratio(); });
  std::string out = of_run("before", before) + of_run("now", now) + "\n";
  if (!beyond.empty()) {
    Table table({"benchmark", "before", "now", "ratio", "noise", "<"});
    for (const Change* x : beyond) {
      table.row({x->name, human_seconds(x->before), human_seconds(x->now),
                 fmt::format("{:.2f}", x->ratio()), fmt::format("{:.0f}%", 100 * x->noise),
                 verdict(*x)});
    }
    out += table.str() + "\n";
  }
  out += fmt::format("{} of {} rows within the noise", c.changes.size() - beyond.size(),
                     c.changes.size());
  if (!c.gone.empty()) out += fmt::format("; {} only before", c.gone.size());
  if (!c.added.empty()) out += fmt::format("; {} only now", c.added.size());
  return out + "\n";
}

nlohmann::json to_json(const Comparison& c, const BenchDocument& before) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Change& x : c.changes) {
    rows.push_back({{"name", x.name},
                    {"before", x.before},
                    {"now", x.now},
                    {"ratio", x.ratio()},
                    {"noise", x.noise},
                    {"verdict", verdict(x)}});
  }
  return {{"rows", rows},
          {"gone", c.gone},
          {"added", c.added},
          {"before", {{"machine", before.machine}, {"date", before.date}}}};
}

}  // namespace weft::cli
