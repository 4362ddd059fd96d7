// Where each matrix of a model lies in the flat vector of its parameters, which coordinates cannot
// matter, and how a run begins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lab/icl/setting.h"

namespace weft::icl {

/// A named matrix, [rows, cols] row-major at `offset` of the flat vector.
struct ParameterBlock {
  std::string name;  ///< "layers.0.B"; with several heads "layers.0.heads.1.Q"; "front.W1"
  int64_t offset = 0, rows = 1, cols = 1;

  int64_t size() const { return rows * cols; }
  bool operator==(const ParameterBlock&) const = default;
};

/// All parameters in their order: the perceptron in front (W1, b1, W2, b2), then layer by layer
/// (one layer where they are tied) and head by head
///   block: B, Q [d, d]   full: P, Q [d+1, d+1]   sparse: Q [d, d]   gdpp: b, q   diag4: px, py,
///   qx, qy
struct ParameterLayout {
  std::vector<ParameterBlock> blocks;
  int64_t size = 0;
  /// [size] 1 where gradient and Hessian are 0 for every prompt: what the last layer writes besides
  /// the query's label, and, of a single layer, how it reads the query's label (which starts at 0).
  std::vector<uint8_t> dead;

  /// Throws Error(usage) where there is no block of that name.
  const ParameterBlock& at(std::string_view name) const;
  bool has(std::string_view name) const;
  /// Coordinates that are not dead, in order.
  std::vector<int64_t> live() const;
};

/// Throws Error(config) at sizes below 1.
ParameterLayout layout_of(const ModelShape& shape, int64_t d);

/// Parameters at the start of run `seed`: N(0, shape.init^2) each; those of a perceptron uniform in
/// +-1/sqrt(fan in), biases too (2310.01082, section 4). A value depends on (seed, name of the
/// block, index in it) alone.
std::vector<double> initial_parameters(const ModelShape& shape, int64_t d, int64_t seed);

}  // namespace weft::icl
