// weft icl train: a run of the optimisation lab, or a grid of rates, in its folder.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/icl.h"
#include "cli/share_progress.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "io/json.h"
#include "lab/icl/train_run.h"

namespace weft::cli {
namespace {

using nlohmann::json;

/// "0.001,0.01", or "auto": ten rates, each twice the one before, about the setting's own.
std::vector<double> rates_of(const std::string& text, const icl::Setting& setting) {
  std::vector<double> rates;
  if (text.empty()) return rates;
  if (text == "auto") {
    for (int power = -5; power < 5; ++power) {
      rates.push_back(std::ldexp(setting.training.lr, power));
    }
    return rates;
  }
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    rates.push_back(parse_number("--rates", text.substr(at, comma - at)));
    at = comma + 1;
    if (rates.back() > 0) continue;
    fail(ErrorCode::usage,
         {"--rates", "rates above 0, with commas between them, or auto", text, ""});
  }
  return rates;
}

std::string number(const json& value) {
  const double x = value.is_number() ? value.get<double>() : NAN;
  return std::isfinite(x) ? fmt::format("{:.5g}", x) : "-";
}

std::string grid_table(const json& result) {
  Table table({"rate", "score", "sd", "last loss"});
  for (const json& point : result.at("grid")) {
    const bool best = point.at("lr") == result.at("lr");
    const size_t lost = point.at("lost").size();
    table.row(
        {fmt::format("{:g}{}", point.at("lr").get<double>(), best ? " *" : ""),
         lost > 0 ? fmt::format("lost ({} of {} seeds)", lost, point.at("score").at("seeds").size())
                  : number(point.at("score").at("mean")),
         number(point.at("score").at("deviation")),
         number(point.at("evaluation_loss").at("mean"))});
  }
  return table.str() + "* least score: clipped evaluation loss, mean of the last quarter\n";
}

/// "" where no prompt was left out.
std::string left_out_text(const json& result) {
  const auto training = result.at("skipped").get<int64_t>();
  const auto fresh = result.at("loss_skipped").get<int64_t>();
  if (training + fresh == 0) return "";
  return fmt::format("{} training and {} fresh prompts whose error was not finite", training,
                     fresh);
}

std::string summary(const json& result) {
  std::string text = result.contains("grid") ? grid_table(result) + "\n" : "";
  Table table({"", "<value"});
  table.row({"loss", fmt::format("{} +- {} on {} fresh prompts{}", number(result.at("loss")),
                                 number(result.at("loss_standard_error")),
                                 result.at("loss_prompts").get<int64_t>(),
                                 result.at("seeds").size() > 1 ? " a seed" : "")});
  if (result.contains("loss_over_seeds")) {
    const json& over = result.at("loss_over_seeds");
    table.row(
        {"over seeds", fmt::format("sd {}, 95 % interval {} .. {}", number(over.at("deviation")),
                                   number(over.at("ci95")[0]), number(over.at("ci95")[1]))});
  }
  table.row({"median", number(result.at("median"))});
  table.row({"clipped mean", number(result.at("clipped_mean"))});
  if (result.contains("floor")) {
    table.row({"floor", fmt::format("{}: {}", number(result.at("floor")),
                                    result.at("floor_kind").get<std::string>())});
    table.row({"loss / floor", number(result.at("ratio"))});
  }
  if (const std::string left_out = left_out_text(result); !left_out.empty()) {
    table.row({"left out", left_out});
  }
  return text + table.str();
}

}  // namespace

int icl_train(const IclArguments& arguments, const Invocation& invocation) {
  const Console& console = invocation.console;
  if (arguments.out.empty()) {
    fail(ErrorCode::usage, {"weft icl train", "--out", "none", "name the folder of the run"});
  }
  icl::TrainRunRequest request;
  request.setting = setting_of(arguments);
  request.rates = rates_of(arguments.rates, request.setting);
  request.seeds = arguments.seeds;
  request.out = arguments.out;
  request.runtime = invocation.runtime;
  const std::string stopped =
      "stopped; what was measured so far is in " + arguments.out + "/metrics.jsonl";
  StopSignals stop(console, {.finishing = [] { return "stopping after this step"; },
                             .again = "to stop at once",
                             .ended = [&] { return stopped; }});
  request.stop = &stop.asked();
  ShareProgress progress(console);
  std::string loss;
  const int64_t runs = request.seeds * std::max<int64_t>(1, std::ssize(request.rates));
  const std::string what = runs == 1 ? "training" : fmt::format("training {} runs", runs);
  request.on_point = [&](const icl::CurvePoint& point) {
    loss = fmt::format("step {}/{}  loss {:.4g}", point.step, request.setting.training.steps,
                       point.loss);
  };
  request.on_progress = [&](double share) { progress.update(what, share, runs == 1 ? loss : ""); };
  const json result = icl::train_run(request);
  progress.finish();
  if (result.is_null()) {
    console.note(stopped);
    return stop.exit_code();
  }
  console.result(invocation.json ? io::to_json_text(result) : summary(result));
  if (const std::string left_out = left_out_text(result); !left_out.empty()) {
    console.note("left out: " + left_out);
  }
  console.note("result   " + (io::Path(arguments.out) / "result.json").string());
  console.note("metrics  " + (io::Path(arguments.out) / "metrics.jsonl").string());
  return 0;
}

}  // namespace weft::cli
