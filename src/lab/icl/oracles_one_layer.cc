// O3 to O6: what is known of a single layer.
#include <fmt/format.h>

#include <cmath>

#include "lab/icl/descent.h"
#include "lab/icl/draw.h"
#include "lab/icl/oracle_groups.h"
#include "lab/icl/other_scores.h"
#include "lab/icl/population.h"
#include "lab/icl/population_minimum.h"

namespace weft::icl {
namespace {

constexpr int64_t kSamples = 100000;
const char* const kMinima = "conjugate gradients on the exact loss; closed form";
const char* const kPublished = "closed form; recorded in the lab's tables";

/// The minimum found numerically, in closed form, and on sampled prompts.
void add_minimum(std::vector<Oracle>& all, const std::string& name, const PromptLaw& law) {
  const Population p = population_of(law);
  const PopulationMinimum found = minimise(p);
  const Matrix closed = closed_minimiser(p);
  all.push_back({name + ": loss", found.loss, loss(p, closed), 1e-9, kMinima});
  std::vector<Pair> entries;
  for (Eigen::Index i = 0; i < closed.size(); ++i) {
    entries.push_back({found.q.data()[i], closed.data()[i]});
  }
  all.push_back(furthest(name + ": entry of Q", entries, 1e-9, kMinima));
  const std::vector<double> theta = block_parameters(std::span(&closed, 1));
  all.push_back(sampled(name + ": sampled loss",
                        sampled_loss(setting_of(law, Form::block, 1), theta, kSamples),
                        loss(p, closed), "the engine on drawn prompts; closed form"));
}

PromptLaw rotated_noisy_law() {
  PromptLaw law;
  law.d = 3;
  law.n = 7;
  law.covariance = {2, 0.5, 0.3, 0.5, 1, -0.2, 0.3, -0.2, 0.7};
  law.label_noise = 0.7;
  return law;
}

/// The rate at which simulated descent begins to burst, by halving.
double simulated_threshold(const Population& p, double momentum, double guess) {
  double calm = 0.5 * guess, bursting = 2 * guess;
  for (int i = 0; i < 24; ++i) {
    const double rate = (calm + bursting) / 2;
    (descend(p, rate, momentum, 2000).diverged ? bursting : calm) = rate;
  }
  return (calm + bursting) / 2;
}

}  // namespace

std::vector<Oracle> oracles_of_one_layer() {
  std::vector<Oracle> all;
  for (const TableLaw& row : table_laws()) {
    const std::string name = row.name;
    add_minimum(all, name, row.law);
    const Population p = population_of(row.law);
    const Matrix closed = closed_minimiser(p);
    all.push_back(printed(name + ": c", p.gram(0, 0), row.c, 3, kPublished));
    all.push_back(printed(name + ": a", -closed(0, 0), row.a, 6, kPublished));
    all.push_back(printed(name + ": loss", loss(p, closed), row.loss, 6, kPublished));
    all.push_back(printed(name + ": zero predictor", p.zero_loss, row.zero, 12, kPublished));
  }
  add_minimum(all, "stretched", stretched_law());
  const Population p = population_of(stretched_law());
  const Matrix closed = closed_minimiser(p);
  all.push_back(printed("stretched: loss", loss(p, closed), 0.681756, 6, kPublished));
  all.push_back(printed("stretched: zero predictor", p.zero_loss, 3.3125, 12, kPublished));
  const double a[] = {.82262, .82262, 2.33577, 4.32432, .82262};
  for (Eigen::Index i = 0; i < 5; ++i) {
    all.push_back(
        printed(fmt::format("stretched: a_{}", i + 1), -closed(i, i), a[i], 5, kPublished));
  }
  Eigen::VectorXd diagonal = hessian(p).diagonal();
  std::sort(diagonal.begin(), diagonal.end());
  all.push_back(printed("stretched: largest curvature", diagonal[24], 2.43125, 12, kPublished));
  all.push_back(printed("stretched: median curvature", diagonal[12], .214063, 6, kPublished));
  all.push_back(printed("stretched: least curvature", diagonal[0], .00180664, 8, kPublished));
  add_minimum(all, "full covariance, noise", rotated_noisy_law());
  return all;
}

std::vector<Oracle> oracles_of_trajectories() {
  std::vector<Oracle> all;
  const char* const by = "simulated on the exact gradient; closed form";
  const char* const table = "simulated, by halving; recorded in the lab's tables";
  for (const TableLaw& row : table_laws()) {
    const Population p = population_of(row.law);
    const std::string name = row.name;
    const double v = p.query(0, 0), rate = 0.1 / (row.c * v);
    const double a = v / row.c * (1 - std::pow(1 - 2 * rate * p.gram(0, 0) * v, 20));
    all.push_back(
        {name + ": a after 20 steps", -descend(p, rate, 0, 20).q[20](0, 0), a, 1e-12 * a, by});
    for (const double momentum : {0.0, 0.9}) {
      const double closed = divergence_rate(p, momentum);
      const double found = simulated_threshold(p, momentum, closed);
      const std::string which = momentum > 0 ? ": SGDM(0.9) bursts above" : ": GD bursts above";
      all.push_back({name + which, found, closed, 1e-3 * closed, by});
      const double published = momentum > 0 ? row.momentum_bursts : row.descent_bursts;
      all.push_back({name + which, found, published, 1e-3 * published, table});
    }
  }
  const Population p = population_of(stretched_law());
  const double bursts = simulated_threshold(p, 0, divergence_rate(p));
  all.push_back({"stretched: GD bursts above", bursts, .82262, 1e-3 * .82262, table});
  const Matrix walked = descend(p, 0.1, 0, 50).q[50], closed = closed_descent(p, 0.1, 50);
  std::vector<Pair> entries;
  for (Eigen::Index i = 0; i < 5; ++i) entries.push_back({walked(i, i), closed(i, i)});
  all.push_back(furthest("stretched: Q after 50 steps", entries, 1e-12, by));
  return all;
}

std::vector<Oracle> oracles_of_relu() {
  const ReluMinimum m = relu_minimum(5, 20);
  const PromptLaw law;
  const reference::Draw draw(law, 3);
  const ModelShape shape{.layers = 1, .form = Form::gdpp, .scores = Scores::relu};
  // slot is linear in c: its moments give the least squares over the sample.
  const std::vector<double> theta = {0, -1};
  const reference::Model model = reference::model_of(shape, law.d, theta);
  double cross = 0, square = 0;
  const uint64_t samples = 20000;
  for (uint64_t i = 0; i < samples; ++i) {
    const reference::Prompt p = draw(i).prompt;
    const double one = reference::prediction(model, p);
    cross += one * p.label;
    square += one * one;
  }
  const double c = cross / square;
  const Estimate loss = estimate(samples, [&](uint64_t i) {
    const reference::Prompt p = draw(i).prompt;
    return std::pow(p.label - m.c * reference::prediction(model, p), 2);
  });
  return {printed("best c", m.c, 1.21212, 5, kPublished),
          printed("loss", m.loss, 1.96970, 5, kPublished),
          {"best c of a sample", c, m.c, 0.03, "least squares on drawn prompts; closed form"},
          sampled("loss of a sample", loss, m.loss, "the formulas on drawn prompts; closed form")};
}

std::vector<Oracle> oracles_of_softmax_heads() {
  const reference::Prompt p = reference::Draw(PromptLaw{}, 4)(0).prompt;
  const double linear = centred_linear_head(p, p.query);
  std::vector<Oracle> all;
  double before = 0;
  for (const double e : {.1, .01, .001}) {
    const double heads = two_softmax_heads(p, p.query, e);
    if (before != 0) {
      all.push_back({fmt::format("error at {} over error at {}", e * 10, e),
                     before / (heads - linear), 100, 1000 * e,
                     "two softmax heads; errors of order e^2, the next order e^2 smaller"});
    }
    before = heads - linear;
    if (e < .005) {
      all.push_back({"heads at 0.001", heads, linear, 1e-5 * (1 + std::abs(linear)),
                     "two softmax heads; a linear head on centred scores"});
    }
  }
  return all;
}

}  // namespace weft::icl
