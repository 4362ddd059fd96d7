#include "lab/icl/record.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace weft::icl {
namespace {

using nlohmann::json;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

json points_of(std::span<const stats::Point> points) {
  json out = json::array();
  for (const stats::Point& p : points) out.push_back({p.x, p.y});
  return out;
}

json windows_of(const Smoothness& s) {
  json out = json::array();
  for (const SmoothnessWindow& w : s.windows) {
    out.push_back({{"from", w.from},
                   {"to", w.to},
                   {"mean", w.mean},
                   {"median", w.median},
                   {"negative", w.negative}});
  }
  return out;
}

}  // namespace

double MeasuredRun::loss_at(int64_t step) const {
  for (const CurvePoint& p : curve) {
    if (p.step == step) return p.loss;
  }
  return kNan;
}

const Condition* MeasuredRun::condition_at(int64_t step) const {
  for (const ConditionPoint& p : condition) {
    if (p.step == step) return &p.condition;
  }
  return nullptr;
}

int64_t MeasuredRun::steps_to(double loss) const {
  for (const CurvePoint& p : curve) {
    if (p.loss <= loss) return p.step;
  }
  return -1;
}

json to_json(const TailStatistics& t) {
  return {{"mean", t.mean},
          {"median", t.median},
          {"max", t.most},
          {"skewness", t.skewness},
          {"excess_kurtosis", t.excess_kurtosis},
          {"hill_5_percent", t.hill5},
          {"hill_1_percent", t.hill1},
          {"q99_over_q50", t.q99_over_q50}};
}

json to_json(const GradientNoise& noise) {
  return {{"draws", noise.draws},
          {"batch", noise.batch},
          {"reference_prompts", noise.reference},
          {"gradient_norm", noise.gradient_norm},
          {"sample", to_json(noise.sample)},
          {"gaussian_null", to_json(noise.null)},
          {"coordinate_excess_kurtosis", noise.coordinate_kurtosis},
          {"histogram", {{"edges", noise.histogram.edges}, {"density", noise.histogram.density}}},
          {"beyond_histogram", noise.beyond},
          {"qq", points_of(noise.qq)}};
}

json to_json(const Condition& c) {
  return {{"r_med", c.r_med},           {"r_med_upper_median", c.r_med_upper},
          {"r_live", c.r_live},         {"r_eig", c.r_eig},
          {"r_eig_all", c.r_eig_all},   {"lambda_max", c.lambda_max},
          {"lambda_min", c.lambda_min}, {"negative_eigenvalues", c.negative},
          {"live_coordinates", c.live}};
}

json to_json(const Smoothness& s) {
  json step = json::array(), gradient = json::array(), curvature = json::array(),
       lambda = json::array();
  for (const SmoothnessPoint& p : s.points) {
    step.push_back(p.step);
    gradient.push_back(p.gradient_norm);
    curvature.push_back(p.curvature);
    lambda.push_back(p.lambda_max);
  }
  return {{"points",
           {{"step", step},
            {"gradient_norm", gradient},
            {"curvature", curvature},
            {"lambda_max", lambda}}},
          {"windows", windows_of(s)},
          {"negative_curvatures", s.negative},
          {"spearman", s.spearman},
          {"spearman_lambda_max", s.spearman_lambda},
          {"log_log_slope", s.logarithmic.slope},
          {"l0", s.bound.intercept},
          {"l1", s.bound.slope}};
}

json to_json(const CurvePoint& p) {
  return {{"step", p.step},
          {"loss", p.loss},
          {"median", p.median},
          {"clipped_mean", p.clipped_mean},
          {"grad_norm", p.gradient_norm},
          {"lr", p.lr},
          {"skipped", p.skipped},
          {"seconds", p.seconds}};
}

json to_json(std::span<const NamedMatrix> matrices) {
  json out = json::object();
  for (const NamedMatrix& m : matrices) {
    json rows = json::array();
    for (int64_t r = 0; r < m.rows; ++r) {
      const auto from = m.values.begin() + r * m.columns;
      rows.push_back(std::vector<double>(from, from + m.columns));
    }
    out[m.name] = std::move(rows);
  }
  return out;
}

json to_json_over_seeds(std::span<const double> values) {
  const stats::Interval i = stats::interval95(values);
  return {{"mean", i.mean},
          {"deviation", i.deviation},
          {"ci95", {i.low, i.high}},
          {"seeds", std::vector<double>(values.begin(), values.end())}};
}

json to_json(const MeasuredRun& run) {
  json out = {{"group", run.group},
              {"seed", run.setting.training.seed},
              {"skipped", run.skipped},
              {"seconds", run.seconds},
              {"matrices", to_json(run.matrices)}};
  for (const CurvePoint& p : run.curve) {
    out["curve"]["step"].push_back(p.step);
    out["curve"]["loss"].push_back(p.loss);
    out["curve"]["median"].push_back(p.median);
    out["curve"]["clipped_mean"].push_back(p.clipped_mean);
  }
  for (const ConditionPoint& p : run.condition) {
    json point = to_json(p.condition);
    point["step"] = p.step;
    out["condition"].push_back(std::move(point));
  }
  for (const NoisePoint& p : run.noise) {
    json point = to_json(p.noise);
    point["step"] = p.step;
    out["noise"].push_back(std::move(point));
  }
  for (const DistancePoint& p : run.distances) {
    out["identity_distance"]["step"].push_back(p.step);
    for (size_t i = 0; i < p.distances.size(); ++i) {
      out["identity_distance"][run.distance_names[i]].push_back(p.distances[i]);
    }
  }
  if (run.smoothness) out["smoothness"] = to_json(*run.smoothness);
  return out;
}

}  // namespace weft::icl
