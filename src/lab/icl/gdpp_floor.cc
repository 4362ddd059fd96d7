#include "lab/icl/gdpp_floor.h"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "lab/icl/wishart.h"

namespace weft::icl {
namespace {

/// A polynomial with its derivatives with respect to every parameter.
struct Tangent {
  Polynomial value;
  std::vector<Polynomial> slope;  ///< [parameters]

  explicit Tangent(Polynomial v, size_t parameters) : value(std::move(v)), slope(parameters) {}

  Tangent operator*(const Tangent& o) const {
    Tangent product(value * o.value, slope.size());
    for (size_t i = 0; i < slope.size(); ++i) {
      product.slope[i] = slope[i] * o.value + value * o.slope[i];
    }
    return product;
  }
};

/// 1 - f * lambda, f a number whose derivatives are given.
Tangent one_minus(Quad f, const std::vector<Quad>& df, const Tangent& lambda) {
  Tangent factor(Polynomial{1} + -f * lambda.value, df.size());
  for (size_t i = 0; i < df.size(); ++i) {
    factor.slope[i] = -df[i] * lambda.value + -f * lambda.slope[i];
  }
  return factor;
}

/// Parameters in one list: the a of all layers, then the b of all but the last.
Tangent residual_with_slopes(const Eigen::VectorXd& theta) {
  const size_t parameters = static_cast<size_t>(theta.size()), layers = (parameters + 1) / 2;
  Tangent p({1}, parameters), lambda({0, 1}, parameters);
  for (size_t l = 0; l < layers; ++l) {
    const Quad a = theta[static_cast<Eigen::Index>(l)];
    std::vector<Quad> da(parameters), dab(parameters);
    da[l] = 1;
    p = p * one_minus(a, da, lambda);
    if (l + 1 == layers) break;
    const Quad b = theta[static_cast<Eigen::Index>(layers + l)];
    dab[l] = b;
    dab[layers + l] = a;
    const Tangent shrink = one_minus(a * b, dab, lambda);
    lambda = lambda * shrink * shrink;
  }
  return p;
}

Eigen::VectorXd flat(const GdppParameters& g) {
  Eigen::VectorXd theta(static_cast<Eigen::Index>(g.a.size() + g.b.size()));
  Eigen::Index at = 0;
  for (const double a : g.a) theta[at++] = a;
  for (const double b : g.b) theta[at++] = b;
  return theta;
}

GdppParameters unflat(const Eigen::VectorXd& theta) {
  const auto layers = (theta.size() + 1) / 2;
  return {{theta.data(), theta.data() + layers},
          {theta.data() + layers, theta.data() + theta.size()}};
}

/// The loss with the gradient (half of it) and the Gauss-Newton matrix.
struct Model {
  double loss = 0;
  Eigen::VectorXd slope;
  Eigen::MatrixXd curvature;
};

/// With sum_i q_i of it, E tr (p q)(G) of every q with as many coefficients as p.
Polynomial weighted(const Polynomial& p, size_t size, const std::vector<Quad>& moments) {
  Polynomial w(size);
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < p.size(); ++j) w[i] += p[j] * moments[i + j];
  }
  return w;
}

double dot(const Polynomial& p, const Polynomial& w) {
  Quad sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += p[i] * w[i];
  return static_cast<double>(sum);
}

Model model_at(const Eigen::VectorXd& theta, const std::vector<Quad>& moments) {
  const Tangent p = residual_with_slopes(theta);
  const size_t size = p.value.size();
  const Polynomial error = weighted(p.value, size, moments);
  const Eigen::Index n = theta.size();
  Model m{dot(p.value, error), Eigen::VectorXd(n), Eigen::MatrixXd(n, n)};
  for (Eigen::Index i = 0; i < n; ++i) {
    const Polynomial& slope = p.slope[static_cast<size_t>(i)];
    const Polynomial w = weighted(slope, size, moments);
    m.slope[i] = dot(slope, error);
    for (Eigen::Index j = 0; j <= i; ++j) {
      m.curvature(i, j) = m.curvature(j, i) = dot(p.slope[static_cast<size_t>(j)], w);
    }
  }
  return m;
}

/// Where a search of 150 random starts ended at d = 5, n = 5, 10 and 20: other sizes begin there.
std::vector<GdppParameters> known_starts(int layers) {
  if (layers == 1) return {{{0.8}, {}}};
  if (layers == 2) return {{{.52, 3.47}, {.87}}, {{.46, 2.15}, {.37}}, {{.77, 2.64}, {.35}}};
  return {{{.34, 2.1, 8.6}, {.88, .58}},    {{.054, 1.05, 9.5}, {2.1, .99}},
          {{.54, 1.57, 11.8}, {.30, .95}},  {{.77, .62, 9.1}, {.12, 1.56}},
          {{.30, .976, 8.8}, {.318, .964}}, {{.72, 1.86, 8.3}, {.34, .62}}};
}

/// Anywhere: early layers may shrink eigenvalues with hardly a step, and late ones then step far.
GdppParameters random_start(int layers, const Random& random, uint64_t& at) {
  GdppParameters start;
  for (int l = 0; l < layers; ++l) {
    start.a.push_back(0.1 * std::pow(100, random.uniform(at++)));
    if (l + 1 < layers) start.b.push_back(-0.2 + 1.6 * random.uniform(at++));
  }
  return start;
}

int power_of_three(int layers) {
  int power = 1;
  for (int l = 0; l < layers; ++l) power *= 3;
  return power;
}

}  // namespace

GdppLoss::GdppLoss(int64_t d, int64_t n, int layers) : layers_(layers) {
  if (layers < 1 || layers > kMaxGdppLayers) {
    fail(ErrorCode::config,
         {"loss of GD++", fmt::format("1 to {} layers", kMaxGdppLayers), std::to_string(layers)});
  }
  moments_ = wishart_moments(d, n, power_of_three(layers) - 1);
}

double GdppLoss::operator()(const GdppParameters& g) const {
  const Polynomial p = residual(g);
  return static_cast<double>(mean_product(p, p, moments_));
}

Polynomial GdppLoss::residual(const GdppParameters& g) {
  Polynomial p = {1}, lambda = {0, 1};
  for (size_t l = 0; l < g.a.size(); ++l) {
    const Quad a = g.a[l];
    p = p * (Polynomial{1} + -a * lambda);
    if (l + 1 == g.a.size()) break;
    const Polynomial shrink = Polynomial{1} + -a * static_cast<Quad>(g.b[l]) * lambda;
    lambda = lambda * shrink * shrink;
  }
  return p;
}

GdppLoss::Found GdppLoss::descend(const GdppParameters& start) const {
  if (start.a.size() != static_cast<size_t>(layers_) || start.b.size() + 1 != start.a.size()) {
    fail(ErrorCode::config, {"loss of GD++", fmt::format("{} a and one b fewer", layers_),
                             fmt::format("{} and {}", start.a.size(), start.b.size())});
  }
  Eigen::VectorXd theta = flat(start);
  Model here = model_at(theta, moments_);
  double damping = 1e-2;
  int iteration = 0, idle = 0;
  for (; iteration < 500 && idle < 4 && damping < 1e12; ++iteration) {
    Eigen::MatrixXd damped = here.curvature;
    damped.diagonal() *= 1 + damping;
    const Eigen::VectorXd next = theta - damped.ldlt().solve(here.slope);
    const Model there = model_at(next, moments_);
    if (!(there.loss < here.loss)) {
      damping *= 4;
      continue;
    }
    idle = here.loss - there.loss < 1e-12 * here.loss ? idle + 1 : 0;
    damping = std::max(damping / 3, 1e-12);
    theta = next;
    here = there;
  }
  return {unflat(theta), here.loss, iteration};
}

GdppLoss::Found gdpp_floor(int64_t d, int64_t n, int layers, int starts) {
  const GdppLoss loss(d, n, layers);
  std::vector<GdppParameters> all = known_starts(layers);
  const Random random(0, "gdpp_floor");
  uint64_t at = 0;
  for (int s = 0; s < starts; ++s) all.push_back(random_start(layers, random, at));
  GdppLoss::Found best{{}, std::numeric_limits<double>::infinity(), 0};
  for (const GdppParameters& start : all) {
    const GdppLoss::Found found = loss.descend(start);
    if (found.loss < best.loss) best = found;
  }
  return best;
}

}  // namespace weft::icl
