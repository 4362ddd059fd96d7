#include "lab/icl/bayes.h"

#include "lab/icl/draw.h"
#include "lab/icl/population.h"

namespace weft::icl {
namespace {

/// tr(query C), C the covariance of w once the context is known: by blocks of Cov(w, y), so that it
/// also holds without noise and with fewer examples than dimensions.
double risk(const reference::DrawnPrompt& drawn, const Matrix& prior, const Matrix& query) {
  const Matrix& x = drawn.prompt.x;  // [d, n]
  const Matrix shared = prior * x;   // [d, n] Cov(w, y)
  Matrix labels = x.transpose() * shared;
  labels.diagonal().array() += drawn.sigma * drawn.sigma;
  // Without noise n > d labels depend on each other: the decomposition leaves out what is rounding.
  const Matrix explained =
      shared * labels.completeOrthogonalDecomposition().solve(Matrix(shared.transpose()));
  return std::max(0.0, (query * (prior - explained)).trace());
}

}  // namespace

Estimate bayes_floor(const PromptLaw& law, uint64_t samples, uint64_t seed) {
  const Population p = population_of(law);
  const Matrix prior = law.whitened_weights ? Matrix(covariance_of(law).inverse())
                                            : Matrix(Matrix::Identity(p.d(), p.d()));
  const reference::Draw draw(law, seed);
  return estimate(samples, [&](uint64_t i) { return risk(draw(i), prior, p.query); });
}

}  // namespace weft::icl
