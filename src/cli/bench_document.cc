#include "cli/bench_document.h"

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/json.h"
#include "io/utf8.h"

namespace weft::cli {
namespace {

using nlohmann::json;

struct Spelled {
  Bound bound;
  const char* word;
};
constexpr Spelled kBounds[] = {{Bound::gemm_f32, "gemm f32"},
                               {Bound::gemm_bf16, "gemm bf16"},
                               {Bound::bandwidth, "bandwidth"}};

json row(const BenchResult& r, const Peaks& peaks) {
  json j{{"name", r.name}, {"seconds", r.seconds}, {"spread", r.spread}, {"runs", r.runs}};
  if (!r.bench.empty()) j["bench"] = r.bench;
  if (r.gflops) j["gflops"] = *r.gflops;
  if (r.bound == Bound::bandwidth) j["gb_s"] = r.rate;
  if (r.bandwidth_gb_s > 0) j["bandwidth_gb_s"] = r.bandwidth_gb_s;
  for (const Spelled& b : kBounds) {
    if (b.bound == r.bound) j["peak"] = b.word;
  }
  if (r.bound != Bound::none) {
    const auto percent = r.percent_of_peak(peaks);
    j["percent_of_peak"] = percent ? json(*percent) : json(nullptr);
    if (r.is_training) j["mfu"] = percent ? json(*percent / 100) : json(nullptr);
  }
  if (r.work.flops > 0) j["flops"] = r.work.flops;
  if (r.work.bytes > 0) j["bytes"] = r.work.bytes;
  if (const auto least = r.roofline(peaks)) {
    j["roofline"] = {{"seconds", least->seconds},
                     {"bound", least->memory ? "memory" : "compute"},
                     {"percent", 100 * least->seconds / r.seconds}};
  }
  if (r.tokens_per_second) j["tokens_per_second"] = *r.tokens_per_second;
  if (r.ratio) j["ratio"] = *r.ratio;
  if (!r.note.empty()) j["note"] = r.note;
  if (r.plotted) {
    const Plotted& p = *r.plotted;
    j["plot"] = {{"figure", p.figure}, {"line", p.line}, {"x", p.x}, {"y", p.y}};
  }
  return j;
}

/// A file of somebody else: every field is asked for by its type.
class Reader {
 public:
  explicit Reader(const io::Path& path) : path_(path) {}

  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const {
    fail(ErrorCode::input, {path_.string(), expected, got, "a file that weft bench --json wrote"});
  }
  std::optional<double> number(const json& object, const char* key) const {
    const auto at = object.find(key);
    if (at == object.end()) return {};
    if (!at->is_number() || !std::isfinite(at->get<double>()))
      refuse("a number as " + quoted(key), at->type_name());
    return at->get<double>();
  }
  double positive(const json& object, const char* key, const std::string& where) const {
    const std::optional<double> x = number(object, key);
    if (!x) refuse(quoted(key) + " in " + where, "none");
    if (*x <= 0) refuse(quoted(key) + " above 0", std::to_string(*x));
    return *x;
  }
  std::string text(const json& object, const char* key) const {
    const auto at = object.find(key);
    if (at == object.end()) return {};
    if (!at->is_string()) refuse("a text as " + quoted(key), at->type_name());
    return io::without_controls(at->get<std::string>());
  }
  BenchResult result(const json& j) const {
    if (!j.is_object()) refuse("objects as results", j.type_name());
    BenchResult r;
    r.name = text(j, "name");
    if (r.name.empty()) refuse("a name in every result", "none");
    r.seconds = positive(j, "seconds", "the result " + r.name);
    r.spread = std::max(0.0, number(j, "spread").value_or(0));
    r.runs = static_cast<int>(std::clamp(number(j, "runs").value_or(0), 0.0, 1e9));
    r.bench = text(j, "bench");
    r.gflops = number(j, "gflops");
    r.bandwidth_gb_s = std::max(0.0, number(j, "bandwidth_gb_s").value_or(0));
    r.tokens_per_second = number(j, "tokens_per_second");
    r.ratio = number(j, "ratio");
    r.note = text(j, "note");
    r.work = {number(j, "flops").value_or(0), number(j, "bytes").value_or(0)};
    r.is_training = j.contains("mfu");
    const std::string peak = text(j, "peak");
    for (const Spelled& b : kBounds) {
      if (peak == b.word) r.bound = b.bound;
    }
    if (const auto plot = j.find("plot"); plot != j.end() && plot->is_object()) {
      r.plotted = {text(*plot, "figure"), text(*plot, "line"), positive(*plot, "x", r.name),
                   positive(*plot, "y", r.name)};
    }
    r.rate = r.bound == Bound::bandwidth ? number(j, "gb_s").value_or(0) : r.gflops.value_or(0);
    return r;
  }

 private:
  static std::string quoted(const char* key) { return "\"" + std::string(key) + "\""; }

  const io::Path& path_;
};

}  // namespace

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

json to_json(const BenchDocument& d) {
  json j{{"results", json::array()}};
  for (const BenchResult& r : d.results) j["results"].push_back(row(r, d.peaks));
  j["machine"] = {{"name", d.machine},
                  {"threads", d.threads},
                  {"peak_gflops_f32", d.peaks.gflops_f32},
                  {"peak_gflops_bf16", d.peaks.gflops_bf16},
                  {"bandwidth_gb_s", d.peaks.bandwidth_gb_s}};
  j["date"] = d.date;
  j["command"] = d.command;
  j["version"] = d.version;
  return j;
}

BenchDocument read_bench(const io::Path& path) {
  const json j = io::read_json(path);
  const Reader reader(path);
  if (!j.is_object()) reader.refuse("an object", j.type_name());
  const auto results = j.find("results"), machine = j.find("machine");
  if (results == j.end() || !results->is_array()) reader.refuse("a list \"results\"", "none");
  if (machine == j.end() || !machine->is_object()) reader.refuse("an object \"machine\"", "none");
  BenchDocument d;
  d.peaks = {reader.positive(*machine, "peak_gflops_f32", "machine"),
             reader.positive(*machine, "peak_gflops_bf16", "machine"),
             reader.positive(*machine, "bandwidth_gb_s", "machine")};
  d.machine = reader.text(*machine, "name");
  d.threads =
      static_cast<int>(std::clamp(reader.number(*machine, "threads").value_or(0), 0.0, 1e6));
  d.date = reader.text(j, "date");
  d.command = reader.text(j, "command");
  d.version = reader.text(j, "version");
  for (const json& r : *results) d.results.push_back(reader.result(r));
  return d;
}

}  // namespace weft::cli
