// The groups of oracles, one function each; oracles.h lists them.
#pragma once

#include "lab/icl/estimate.h"
#include "lab/icl/oracles.h"
#include "lab/icl/population.h"
#include "lab/icl/reference.h"

namespace weft::icl {

std::vector<Oracle> oracles_of_descent_layers();   // O1
std::vector<Oracle> oracles_of_implied_weights();  // O2
std::vector<Oracle> oracles_of_one_layer();        // O3
std::vector<Oracle> oracles_of_trajectories();     // O4
std::vector<Oracle> oracles_of_relu();             // O5
std::vector<Oracle> oracles_of_softmax_heads();    // O6
std::vector<Oracle> oracles_of_moments();          // O7
std::vector<Oracle> oracles_of_descent_floors();   // O8
std::vector<Oracle> oracles_of_gdpp();             // O9
std::vector<Oracle> oracles_of_symmetries();       // O10
std::vector<Oracle> oracles_of_bayes();            // O11
std::vector<Oracle> oracles_of_construction();     // 2212.07677

/// A value against one printed with so many digits after the point.
Oracle printed(std::string name, double value, double published, int digits, std::string by);
/// A sampled mean against an exact value, four standard errors.
Oracle sampled(std::string name, const Estimate& estimate, double exact, std::string by);
/// Of all pairs the one that lies furthest apart, each difference relative to 1 + |prediction|; the
/// pair is scaled so too.
struct Pair {
  double value = 0, prediction = 0;
};
Oracle furthest(std::string name, std::span<const Pair> pairs, double limit, std::string by);

/// A law with a model of this form and depth.
Setting setting_of(const PromptLaw& law, Form form, int64_t layers);

/// What the engine, its sampler and its fastest kernel on this machine in float64, makes of `count`
/// prompts.
struct EngineRun {
  std::vector<reference::Prompt> prompts;  // [count]
  std::vector<double> predictions;         // [count]
};
EngineRun engine_run(const Setting& setting, std::span<const double> theta, int64_t count);
/// Mean of its squared errors.
Estimate sampled_loss(const Setting& setting, std::span<const double> theta, int64_t count);

/// Parameters of the block form with B = 0, and of gdpp (b is 0 where none is given).
std::vector<double> block_parameters(std::span<const Matrix> q);
std::vector<double> gdpp_parameters(std::span<const double> a, std::span<const double> b);

/// The laws of the published tables.
struct TableLaw {
  const char* name;
  PromptLaw law;
  double c, a, loss, zero;                 ///< O3, [O] of six digits
  double descent_bursts, momentum_bursts;  ///< above these rates; momentum 0.9
};
std::vector<TableLaw> table_laws();
PromptLaw stretched_law();  ///< eigenvalues 1, 1, 1/4, 1/16, 1

}  // namespace weft::icl
