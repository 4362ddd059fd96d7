// The wirings a second time, as loops over keys and values: what the engine is held against.
#pragma once

#include <string>
#include <vector>

#include "grid/plain_model.h"

namespace weft::grid {

/// A composition of wirings and what it means.
struct Definition {
  std::string name;
  ModelConfig config;
  Loops loops;
};
inline void PrintTo(const Definition& d, std::ostream* out) {
  *out << d.name;
}

/// Registered wirings with their variants, and compositions; those without learned gains.
std::vector<Definition> all_definitions();

/// The rows a * x + b * y.
Rows blend(double a, const Rows& x, double b, const Rows& y);

}  // namespace weft::grid
