// What the checks are run on: a small model, what follows from it, and where it came from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/checks/runner.h"
#include "model/axes.h"
#include "model/config.h"
#include "model/layout.h"

namespace weft::checks {

/// A model small enough to be run some hundred times. Checks derive everything else from it.
struct Subject {
  /// Throws Error(config) where the configuration is refused.
  Subject(const ModelConfig& model, const Axes& known, std::string folder = {})
      : config(model),
        axes(known),
        layout(derive_layout(config, axes)),
        tokens(random_tokens(config, kBatch * kTime, "tokens")),
        scratch(std::move(folder)) {}

  Parameters weights(DType type) const {
    return random_parameters(config, layout, type, axes, draw);
  }
  /// `options.axes` and `options.isa` are filled in.
  Runner runner(Parameters& weights, RunnerOptions options) const {
    options.axes = axes;
    options.isa = isa;
    return {config, layout, weights, options};
  }

  /// Bytes that one sequence of `context` tokens keeps, in elements of this size.
  int64_t planned_cache(size_t element) const {
    return layout.cache.bytes(config.head_dim, element, config.context);
  }

  ModelConfig config;
  Axes axes;
  Layout layout;
  std::vector<int32_t> tokens;  ///< [kBatch, kTime]
  int draw = 0;                 ///< of the weights
  Isa isa = best_isa();         ///< the strongest that kernels may use
  std::string scratch;          ///< an existing folder for files; empty: none may be written
};

}  // namespace weft::checks
