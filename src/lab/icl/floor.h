// The loss that a trained model is held against.
#pragma once

#include <optional>
#include <string>

#include "lab/icl/setting.h"

namespace weft::icl {

struct Floor {
  double loss = 0;
  std::string kind;  ///< in words, for people: what it is the floor of, and how it is known
  /// True: no parameters of this form have a lower loss over all prompts (a batch can still read
  /// lower). False: the best that is known.
  bool proven = false;
  double error = 0;  ///< standard error of a sampled floor, 0 of an exact one
};

/// True where a change of coordinates that leaves the form what it is makes covariates and teacher
/// standard normal: x = Sigma^(1/2) u with w ~ N(0, Sigma^-1) turns Q into Sigma^-1 Q, which
/// multiples of I (`gdpp`, `diag4`) follow only where Sigma is one itself.
bool is_standard(const Setting& setting);

/// By form and law: one linear layer: the exact minimum; B = 0: exact for steps that are multiples
/// of I; GD++ to 3 layers: the best point that a search finds; label noise and more layers: the
/// Bayes risk, sampled. None where nothing is known (other scores of several layers, a perceptron,
/// deep models on covariates that are not Gaussian). Takes at most about a second.
std::optional<Floor> floor_of(const Setting& setting);

}  // namespace weft::icl
