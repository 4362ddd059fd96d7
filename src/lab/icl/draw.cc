#include "lab/icl/draw.h"

#include <cmath>

#include "base/error.h"
#include "lab/icl/population.h"

namespace weft::icl::reference {
namespace {

/// Random numbers of one prompt, one after another.
class Stream {
 public:
  Stream(uint64_t seed, uint64_t index)
      : random_(seed, "icl.draw"), at_(index << 20) {}  // a prompt draws far fewer than 2^20

  double uniform() { return random_.uniform(at_++); }
  double normal() { return random_.normal(at_++); }
  /// Gamma(shape, 1) by Marsaglia and Tsang; shapes below 1 from the next one up.
  double gamma(double shape) {
    if (shape < 1) {
      const double above = gamma(shape + 1);
      return above * std::pow(uniform(), 1 / shape);
    }
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    while (true) {
      const double x = normal(), t = std::pow(1 + c * x, 3);
      if (t > 0 && std::log(uniform()) < x * x / 2 + d - d * t + d * std::log(t)) return d * t;
    }
  }

 private:
  Random random_;
  uint64_t at_;
};

Eigen::VectorXd covariate(const PromptLaw& law, Stream& stream) {
  Eigen::VectorXd u(law.d);
  if (law.covariates == Covariates::uniform) {
    for (double& e : u) e = law.half_width * (2 * stream.uniform() - 1);
    return u;
  }
  for (double& e : u) e = stream.normal();
  if (law.covariates == Covariates::gaussian) return u;
  u.normalize();
  if (law.covariates == Covariates::sphere) return u;
  const double squared = std::sqrt(10 / law.gamma_shape) * stream.gamma(law.gamma_shape);
  return std::sqrt(squared) * u;
}

double deviation(const PromptLaw& law, Stream& stream) {
  if (!law.noise_levels.empty()) {
    const auto levels = static_cast<double>(law.noise_levels.size());
    return law.noise_levels[static_cast<size_t>(stream.uniform() * levels)];
  }
  return law.noise_max > 0 ? law.noise_max * stream.uniform() : law.label_noise;
}

}  // namespace

Draw::Draw(const PromptLaw& law, uint64_t seed) : law_(law), seed_(seed) {
  if (law.teacher != Teacher::linear) {
    fail(ErrorCode::config, {"prompts", "labels linear in the covariates", "teacher = \"mlp\""});
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> sigma(covariance_of(law));
  root_ = sigma.operatorSqrt();
  whitener_ = law.whitened_weights ? Matrix(sigma.operatorInverseSqrt())
                                   : Matrix(Matrix::Identity(law.d, law.d));
}

DrawnPrompt Draw::operator()(uint64_t index) const {
  Stream stream(seed_, index);
  DrawnPrompt drawn{{Eigen::MatrixXd(law_.d, law_.n), Eigen::VectorXd(law_.n), {}, 0},
                    Eigen::VectorXd(law_.d),
                    deviation(law_, stream)};
  for (double& e : drawn.w) e = stream.normal();
  drawn.w = whitener_ * drawn.w;
  Prompt& p = drawn.prompt;
  for (int64_t i = 0; i < law_.n; ++i) {
    p.x.col(i) = root_ * covariate(law_, stream);
    p.y[i] = drawn.w.dot(p.x.col(i)) + drawn.sigma * stream.normal();
  }
  p.query = root_ * covariate(law_, stream);
  p.label = drawn.w.dot(p.query);
  return drawn;
}

}  // namespace weft::icl::reference
