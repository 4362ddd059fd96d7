// The groups of oracles, one function each; oracles.h lists them.
#pragma once

#include "lab/icl/estimate.h"
#include "lab/icl/oracles.h"
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

/// The exact loss of a model over prompts of a law, sampled through the formulas of the papers.
Estimate sampled_loss(const reference::Model& model, const PromptLaw& law, uint64_t samples,
                      uint64_t seed = 1);

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
