#include "lab/icl/reproduce_findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "lab/icl/published.h"

namespace weft::icl {
namespace {

using nlohmann::json;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool has_reference(std::string_view id) {
  return std::any_of(references().begin(), references().end(),
                     [&](const Reference& r) { return r.id == id; });
}

/// What others found: "1.76 (0.40) [P]; 2.57 (0.91) [P]".
std::string others(std::string_view id, bool rerun) {
  std::string text;
  for (const Reference& r : references()) {
    if (r.id != id || (r.evidence == Evidence::rerun) != rerun) continue;
    text += fmt::format("{}{} [{}]", text.empty() ? "" : "; ", r.shown, label_of(r.evidence));
  }
  return text.empty() ? "-" : text;
}

/// "1.23e7", "5e-6".
std::string scientific(double value) {
  const std::string text = fmt::format("{:.2e}", value);
  const size_t e = text.find('e');
  std::string digits = text.substr(0, e);
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits + "e" + std::to_string(std::stoi(text.substr(e + 1)));
}

}  // namespace

std::vector<const MeasuredRun*> Runs::of(std::string_view group) const {
  std::vector<const MeasuredRun*> out;
  for (const MeasuredRun& run : runs_) {
    if (run.group == group) out.push_back(&run);
  }
  std::sort(out.begin(), out.end(), [](const MeasuredRun* a, const MeasuredRun* b) {
    return a->setting.training.seed < b->setting.training.seed;
  });
  return out;
}

void Findings::add(std::string id, std::string what, std::vector<double> values) {
  if (std::all_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) return;
  quantities_.push_back({std::move(id), std::move(what), std::move(values)});
}

const Quantity* Findings::find(std::string_view id) const {
  for (const Quantity& q : quantities_) {
    if (q.id == id) return &q;
  }
  return nullptr;
}

void Findings::figure(std::string file, report::Drawing drawing, std::string_view caption) {
  page.figure(drawing, caption);
  figures_.push_back({std::move(file), std::move(drawing.wide)});
}

void Findings::verdict(std::string claim, Answer answer, std::string reason) {
  page.text(fmt::format("Verdict: {}. {}", word_of(answer), reason));
  verdicts_.push_back({std::move(claim), answer, std::move(reason)});
}

void Findings::compare(std::string_view caption, std::initializer_list<std::string_view> prefixes) {
  report::TableCells table{std::string(caption),
                           {"quantity", "ours: mean (sd)", "95 % interval", "published", "re-run"},
                           {}};
  for (const Quantity& q : quantities_) {
    const bool wanted = std::any_of(prefixes.begin(), prefixes.end(),
                                    [&](std::string_view p) { return q.id.starts_with(p); });
    if (!wanted || !has_reference(q.id)) continue;
    const stats::Interval i = stats::interval95(q.values);
    table.rows.push_back(
        {q.what, mean_text(q.values),
         std::isnan(i.low) ? "-" : short_number(i.low) + " .. " + short_number(i.high),
         others(q.id, false), others(q.id, true)});
  }
  if (!table.rows.empty()) page.table(table);
}

void Findings::by_step(std::string_view caption, std::span<const StepRow> rows) {
  std::vector<std::string> steps;
  for (const StepRow& row : rows) {
    for (const Quantity& q : quantities_) {
      if (!q.id.starts_with(row.prefix)) continue;
      const std::string step = q.id.substr(row.prefix.size());
      if (std::find(steps.begin(), steps.end(), step) == steps.end()) steps.push_back(step);
    }
  }
  std::sort(steps.begin(), steps.end(), [](const std::string& a, const std::string& b) {
    return std::stoll(a) < std::stoll(b);
  });
  report::TableCells table{std::string(caption), {"before step"}, {}};
  table.header.insert(table.header.end(), steps.begin(), steps.end());
  for (const StepRow& row : rows) {
    std::vector<std::string> cells = {row.name};
    for (const std::string& step : steps) {
      const Quantity* const q = find(row.prefix + step);
      cells.push_back(q ? mean_text(q->values) : "-");
    }
    table.rows.push_back(std::move(cells));
  }
  if (!steps.empty()) page.table(table);
}

std::string_view word_of(Answer answer) {
  switch (answer) {
    case Answer::confirmed:
      return "confirmed";
    case Answer::partly:
      return "only in part";
    case Answer::not_confirmed:
      return "not confirmed";
    case Answer::not_measured:
      break;
  }
  return "not measured at this scale";
}

json to_json(const Findings& findings) {
  json out = {
      {"quantities", json::array()}, {"verdicts", json::array()}, {"figures", json::array()}};
  for (const Quantity& q : findings.quantities()) {
    json entry = to_json_over_seeds(q.values);
    entry["id"] = q.id;
    entry["what"] = q.what;
    for (const Reference& r : references()) {
      if (r.id != q.id) continue;
      entry["references"].push_back(
          {{"label", label_of(r.evidence)}, {"shown", r.shown}, {"value", r.value}});
    }
    out["quantities"].push_back(std::move(entry));
  }
  for (const Verdict& v : findings.verdicts()) {
    out["verdicts"].push_back(
        {{"claim", v.claim}, {"verdict", word_of(v.answer)}, {"reason", v.reason}});
  }
  for (const NamedFigure& f : findings.figures()) out["figures"].push_back(f.file);
  return out;
}

std::string short_number(double value) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const double size = std::fabs(value);
  if (size >= 1e5 || (size > 0 && size < 1e-3)) return scientific(value);
  if (size >= 999.5) return report::axis_number(std::round(value));
  return fmt::format("{:.3g}", value);
}

std::string mean_text(std::span<const double> values) {
  const stats::Interval i = stats::interval95(values);
  if (std::isnan(i.deviation)) return short_number(i.mean);
  return fmt::format("{} ({})", short_number(i.mean), short_number(i.deviation));
}

namespace {

RunCurve curve_of(double CurvePoint::*value) {
  return [value](const MeasuredRun& run) {
    std::vector<report::PlotPoint> points;
    for (const CurvePoint& p : run.curve) points.push_back({static_cast<double>(p.step), p.*value});
    return points;
  };
}

}  // namespace

RunCurve loss_curve() {
  return curve_of(&CurvePoint::loss);
}

RunCurve median_curve() {
  return curve_of(&CurvePoint::median);
}

RunCurve clipped_curve() {
  return curve_of(&CurvePoint::clipped_mean);
}

RunCurve condition_curve(double Condition::*ratio) {
  return [ratio](const MeasuredRun& run) {
    std::vector<report::PlotPoint> points;
    for (const ConditionPoint& p : run.condition) {
      points.push_back({static_cast<double>(p.step), p.condition.*ratio});
    }
    return points;
  };
}

void add_curve(report::Plot& plot, std::string name, std::span<const MeasuredRun* const> runs,
               const RunCurve& curve, double share, int colour, bool dashed) {
  if (runs.empty()) return;
  std::vector<std::vector<double>> rows;
  std::vector<report::PlotPoint> points;
  for (const MeasuredRun* run : runs) {
    const std::vector<report::PlotPoint> own = curve(*run);
    rows.emplace_back();
    for (const report::PlotPoint& p : own) rows.back().push_back(p.y);
    if (own.size() > points.size()) points = own;
  }
  // A run that broke down has no value from there on, and neither has the mean.
  for (std::vector<double>& row : rows) row.resize(points.size(), kNan);
  const stats::Curve over = stats::over_seeds(rows);
  report::PlotBand band{.colour = colour};
  for (size_t i = 0; i < points.size(); ++i) {
    points[i].y = over.mean[i];
    const double reach = share * over.deviation[i];
    if (std::isnan(reach)) continue;
    band.x.push_back(points[i].x);
    band.low.push_back(over.mean[i] - reach);
    band.high.push_back(over.mean[i] + reach);
  }
  const bool marked = points.size() <= 12;
  plot.bands.push_back(std::move(band));
  plot.lines.push_back({.name = std::move(name),
                        .points = std::move(points),
                        .marked = marked,
                        .dashed = dashed,
                        .colour = colour});
}

std::vector<double> losses_at(std::span<const MeasuredRun* const> runs, int64_t step) {
  std::vector<double> out;
  for (const MeasuredRun* run : runs) out.push_back(run->loss_at(step));
  return out;
}

std::vector<double> clipped_at(std::span<const MeasuredRun* const> runs, int64_t step) {
  std::vector<double> out;
  for (const MeasuredRun* run : runs) {
    const auto at = std::find_if(run->curve.begin(), run->curve.end(),
                                 [&](const CurvePoint& p) { return p.step == step; });
    out.push_back(at == run->curve.end() ? kNan : at->clipped_mean);
  }
  return out;
}

std::vector<double> ratios(std::span<const double> above, std::span<const double> below) {
  std::vector<double> out;
  for (size_t i = 0; i < std::min(above.size(), below.size()); ++i) {
    out.push_back(above[i] / below[i]);
  }
  return out;
}

std::vector<double> conditions_at(std::span<const MeasuredRun* const> runs, int64_t step,
                                  double Condition::*ratio) {
  std::vector<double> out;
  for (const MeasuredRun* run : runs) {
    const Condition* const c = run->condition_at(step);
    out.push_back(c ? c->*ratio : kNan);
  }
  return out;
}

}  // namespace weft::icl
