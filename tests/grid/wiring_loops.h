// The wirings a second time, as loops over keys and values: what the engine is held against.
#pragma once

#include <string>
#include <vector>

#include "grid/plain_model.h"
#include "model/axes.h"

namespace weft::grid {

/// A composition of wirings and what it means.
struct Definition {
  std::string name;
  ModelConfig config;
  Rewire rewire;
};
inline void PrintTo(const Definition& d, std::ostream* out) {
  *out << d.name;
}

/// Registered wirings with their variants, compositions, and the test's own cross-layer attention.
std::vector<Definition> all_definitions();

/// The library's axes and "test-cla2": keys and values shared by pairs of layers (2405.12981).
Axes axes_with_cla2();

/// The rows a * x + b * y.
Rows blend(double a, const Rows& x, double b, const Rows& y);

}  // namespace weft::grid
