#include "lab/icl/sampler.h"

#include <Eigen/Eigenvalues>
#include <cmath>

#include "base/random.h"
#include "simd/isa.h"

#define WEFT_DECLARE(isa)                                \
  namespace weft::isa {                                  \
  const icl::SampleKernel& icl_sample_kernel() noexcept; \
  }
WEFT_FOR_EACH_ISA(WEFT_DECLARE)
#undef WEFT_DECLARE

namespace weft::icl {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Sigma^power: d numbers of a diagonal or d*d of the symmetric matrix; nothing for the identity.
std::vector<double> power_of(const PromptLaw& law, double power) {
  const auto d = static_cast<size_t>(law.d);
  std::vector<double> out = law.covariance;
  if (out.size() != d * d || d == 1) {
    for (double& x : out) x = std::pow(x, power);
    return out;
  }
  const Eigen::Map<const Matrix> sigma(law.covariance.data(), law.d, law.d);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(sigma);
  Eigen::Map<Matrix>(out.data(), law.d, law.d) =
      solver.eigenvectors() * solver.eigenvalues().array().pow(power).matrix().asDiagonal() *
      solver.eigenvectors().transpose();
  return out;
}

Root kind_of(const std::vector<double>& matrix, int64_t d) {
  if (matrix.empty()) return Root::identity;
  return static_cast<int64_t>(matrix.size()) == d ? Root::diagonal : Root::full;
}

/// Marsaglia and Tsang's constants of Gamma(shape), or of Gamma(shape + 1) below 1.
GammaLaw gamma_law(double shape) {
  const double raised = shape < 1 ? shape + 1 : shape;
  const double D = raised - 1.0 / 3;
  return {static_cast<float>(D), static_cast<float>(1 / std::sqrt(9 * D)),
          shape < 1 ? static_cast<float>(-0.5 / shape) : 0.f};
}

template <class T>
struct Plan {
  std::vector<T> x_root, w_root, levels, W1, b1, W2, b2;
  SamplePlan<T> plan;

  explicit Plan(const PromptLaw& law) {
    plan.d = law.d;
    plan.n = law.n;
    direct(law);
    const std::vector<double> root = power_of(law, 0.5), inverse = power_of(law, -0.5);
    plan.x_root = kind_of(root, law.d);
    plan.x_matrix = keep(root, x_root);
    if (law.whitened_weights) {
      plan.w_root = kind_of(inverse, law.d);
      plan.w_matrix = keep(inverse, w_root);
    }
    disturb(law);
    if (law.teacher == Teacher::mlp) teach(teacher_weights(law.d));
  }

 private:
  static const T* keep(const std::vector<double>& from, std::vector<T>& to) {
    to.assign(from.begin(), from.end());
    return to.data();
  }
  void direct(const PromptLaw& law) {
    switch (law.covariates) {
      case Covariates::gaussian:
        break;
      case Covariates::sphere:
        plan.direction = Direction::sphere;
        break;
      case Covariates::gamma:
        plan.direction = Direction::gamma;
        plan.gamma = gamma_law(law.gamma_shape);
        plan.scale = static_cast<T>(std::sqrt(10 / law.gamma_shape));  // Var |x|^2 = 10
        break;
      case Covariates::uniform:
        plan.direction = Direction::uniform;
        plan.scale = static_cast<T>(law.half_width);
        break;
    }
  }
  void disturb(const PromptLaw& law) {
    if (law.label_noise > 0) {
      plan.noise = Noise::fixed;
      plan.sigma = static_cast<T>(law.label_noise);
    } else if (law.noise_max > 0) {
      plan.noise = Noise::uniform;
      plan.sigma = static_cast<T>(law.noise_max);
    } else if (!law.noise_levels.empty()) {
      plan.noise = Noise::levels;
      plan.levels = keep(law.noise_levels, levels);
      plan.level_count = static_cast<int64_t>(law.noise_levels.size());
    }
  }
  void teach(const TeacherWeights& teacher) {
    plan.hidden = teacher.hidden;
    plan.W1 = keep(teacher.W1, W1);
    plan.b1 = keep(teacher.b1, b1);
    plan.W2 = keep(teacher.W2, W2);
    plan.b2 = keep(teacher.b2, b2);
  }
};

}  // namespace

struct Sampler::Plans {
  Plan<float> narrow;
  Plan<double> wide;
};

TeacherWeights teacher_weights(int64_t d) {
  TeacherWeights t;
  t.hidden = 2 * d;
  const auto draw = [](const char* name, int64_t count, int64_t inputs) {
    const Random random(0, name);
    std::vector<double> out;
    for (int64_t i = 0; i < count; ++i) {
      out.push_back((2 * random.uniform(static_cast<uint64_t>(i)) - 1) /
                    std::sqrt(static_cast<double>(inputs)));
    }
    return out;
  };
  t.W1 = draw("icl.teacher.W1", t.hidden * d, d);
  t.b1 = draw("icl.teacher.b1", t.hidden, d);
  t.W2 = draw("icl.teacher.W2", d * t.hidden, t.hidden);
  t.b2 = draw("icl.teacher.b2", d, t.hidden);
  return t;
}

const SampleKernel& sample_kernel(Isa isa) {
#define WEFT_ENTRY(set) \
  if (isa >= Isa::set) return set::icl_sample_kernel();
  WEFT_FOR_EACH_ISA(WEFT_ENTRY)
#undef WEFT_ENTRY
  static const SampleKernel kNone;
  return kNone;
}

SampleKey sample_key(const Stream& stream, int64_t pack) {
  return {static_cast<uint64_t>(stream.seed), static_cast<uint64_t>(stream.step),
          static_cast<uint32_t>(stream.purpose), static_cast<uint32_t>(pack)};
}

Sampler::Sampler(const PromptLaw& law, Isa isa)
    : layout_{law.d, law.n},
      kernel_(sample_kernel(isa)),
      plans_(new Plans{Plan<float>(law), Plan<double>(law)}) {}
Sampler::~Sampler() = default;
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;

void Sampler::fill(const Stream& stream, int64_t pack, float* prompts,
                   float* scratch) const noexcept {
  kernel_.fill_f32(plans_->narrow.plan, sample_key(stream, pack), prompts, scratch);
}
void Sampler::fill(const Stream& stream, int64_t pack, double* prompts,
                   float* scratch) const noexcept {
  kernel_.fill_f64(plans_->wide.plan, sample_key(stream, pack), prompts, scratch);
}

}  // namespace weft::icl
