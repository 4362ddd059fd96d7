#include "lab/icl/sampler.h"

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>

namespace weft::icl {
namespace {

PromptLaw small_law(int64_t d = 5, int64_t n = 20) {
  PromptLaw law;
  law.d = d;
  law.n = n;
  return law;
}

/// Prompts one after the other, [prompts, entries].
template <class T>
class Drawn {
 public:
  Drawn(const PromptLaw& law, int64_t packs, const Stream& stream = {3, Purpose::test, 0},
        Isa isa = best_isa())
      : layout{law.d, law.n}, count(packs * kPack) {
    const Sampler sampler(law, isa);
    std::vector<T> pack(static_cast<size_t>(layout.entries() * kPack));
    std::vector<float> scratch(static_cast<size_t>(sampler.scratch()), NAN);
    for (int64_t p = 0; p < packs; ++p) {
      std::fill(pack.begin(), pack.end(), static_cast<T>(NAN));
      sampler.fill(stream, p, pack.data(), scratch.data());
      for (int64_t lane = 0; lane < kPack; ++lane) {
        for (int64_t e = 0; e < layout.entries(); ++e) {
          numbers.push_back(pack[static_cast<size_t>(e * kPack + lane)]);
        }
      }
    }
  }
  double at(int64_t prompt, int64_t entry) const {
    return static_cast<double>(numbers[static_cast<size_t>(prompt * layout.entries() + entry)]);
  }
  Eigen::VectorXd x(int64_t prompt, int64_t i) const {  // i == n: the query
    Eigen::VectorXd out(layout.d);
    for (int64_t c = 0; c < layout.d; ++c) {
      out(c) = at(prompt, i == layout.n ? layout.query(c) : layout.x(i, c));
    }
    return out;
  }
  double y(int64_t prompt, int64_t i) const {
    return at(prompt, i == layout.n ? layout.label() : layout.y(i));
  }
  /// w by least squares from the examples, through what a teacher makes of x.
  template <class F>
  Eigen::VectorXd solve(int64_t prompt, F&& phi) const {
    Eigen::MatrixXd X(layout.n, layout.d);
    Eigen::VectorXd Y(layout.n);
    for (int64_t i = 0; i < layout.n; ++i) {
      X.row(i) = phi(x(prompt, i));
      Y(i) = y(prompt, i);
    }
    return X.householderQr().solve(Y);
  }

  PromptLayout layout;
  int64_t count;
  std::vector<T> numbers;
};

Eigen::VectorXd itself(const Eigen::VectorXd& x) {
  return x;
}

/// Largest distance between the empirical distribution and `cdf`, times sqrt(n): above 1.95 once in
/// a thousand draws, above 1.36 once in twenty.
template <class F>
double kolmogorov(std::vector<double> values, F&& cdf) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double p = cdf(values[i]), below = static_cast<double>(i) / n;
    worst = std::max({worst, p - below, below + 1 / n - p});
  }
  return worst * std::sqrt(n);
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}
double chi_square_5_cdf(double x) {
  return std::erf(std::sqrt(x / 2)) -
         std::sqrt(2 * x / std::numbers::pi) * std::exp(-x / 2) * (1 + x / 3);
}

std::vector<double> square_lengths(const Drawn<double>& drawn) {
  std::vector<double> out;
  for (int64_t p = 0; p < drawn.count; ++p) {
    for (int64_t i = 0; i <= drawn.layout.n; ++i) out.push_back(drawn.x(p, i).squaredNorm());
  }
  return out;
}

double mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

TEST(IclSampler, WordsAreThoseOfRandom123) {
  const Stream streams[] = {{0, Purpose::training, 0},
                            {0x123456789abcdef, Purpose::noise, (int64_t{1} << 40) + 77},
                            {99, Purpose::evaluation, 0xffffffff}};
  for (const Isa isa : isas_here()) {
    for (const Stream& s : streams) {
      for (const uint32_t block : {0u, 1u, 27u, 0x3000123u, 0xffffffffu}) {
        const int64_t pack = 1234567;
        uint32_t words[4 * kPack];
        sample_kernel(isa).words(sample_key(s, pack), block, words);
        for (uint32_t lane = 0; lane < kPack; ++lane) {
          const auto step = static_cast<uint64_t>(s.step);
          const r123::Philox4x32::ctr_type counter{
              {static_cast<uint32_t>(pack) * kPack + lane, block, static_cast<uint32_t>(step),
               static_cast<uint32_t>(s.purpose) << 16 | static_cast<uint32_t>(step >> 32)}};
          const auto seed = static_cast<uint64_t>(s.seed);
          const auto want = r123::Philox4x32()(
              counter, {{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}});
          for (uint32_t k = 0; k < 4; ++k) {
            ASSERT_EQ(words[k * kPack + lane], want[k]) << name_of(isa) << " block " << block;
          }
        }
      }
    }
  }
}

std::vector<PromptLaw> many_laws() {
  std::vector<PromptLaw> laws(9, small_law(3, 7));
  laws[1].covariates = Covariates::sphere;
  laws[1].label_noise = 0.5;
  laws[2].covariates = Covariates::gamma;
  laws[3].covariates = Covariates::gamma;
  laws[3].gamma_shape = 2.5;
  laws[3].covariance = {1, 2, 0.5};
  laws[4].covariates = Covariates::uniform;
  laws[4].noise_max = 3;
  laws[5].covariance = {2, 0.5, 0, 0.5, 1, 0.3, 0, 0.3, 0.7};
  laws[5].whitened_weights = true;
  laws[6].teacher = Teacher::mlp;
  laws[7].noise_levels = {1, 3, 5};
  laws[8] = small_law(5, 20);
  return laws;
}

template <class T>
void expect_same_bits() {
  for (const PromptLaw& law : many_laws()) {
    const Drawn<T> best(law, 3);
    for (const T x : best.numbers) ASSERT_TRUE(std::isfinite(x));
    for (const Isa isa : isas_here()) {
      EXPECT_EQ(Drawn<T>(law, 3, {3, Purpose::test, 0}, isa).numbers, best.numbers)
          << name_of(isa) << " " << name_of(law.covariates);
    }
  }
}

TEST(IclSampler, SameBitsForEveryInstructionSet) {
  expect_same_bits<float>();
  expect_same_bits<double>();
}

TEST(IclSampler, FloatsAndDoublesSeeTheSamePrompts) {
  for (const PromptLaw& law : many_laws()) {
    const Drawn<float> narrow(law, 2);
    const Drawn<double> wide(law, 2);
    for (size_t i = 0; i < wide.numbers.size(); ++i) {
      ASSERT_NEAR(narrow.numbers[i], wide.numbers[i], 3e-6 * (1 + std::abs(wide.numbers[i])));
    }
  }
  const Drawn<float> narrow(small_law(), 1);
  const Drawn<double> wide(small_law(), 1);
  EXPECT_EQ(narrow.at(3, narrow.layout.x(7, 2)), wide.at(3, wide.layout.x(7, 2)));  // widened
}

TEST(IclSampler, StreamsDiffer) {
  const Stream base{3, Purpose::test, 0};
  const Drawn<float> first(small_law(), 1, base);
  for (const Stream& other :
       {Stream{4, Purpose::test, 0}, Stream{3, Purpose::noise, 0}, Stream{3, Purpose::test, 1},
        Stream{3, Purpose::test, int64_t{1} << 33}}) {
    EXPECT_NE(Drawn<float>(small_law(), 1, other).numbers, first.numbers);
  }
  EXPECT_EQ(Drawn<float>(small_law(), 1, base).numbers, first.numbers);
}

TEST(IclSampler, NormalsAreNormal) {
  const Drawn<float> drawn(small_law(), 400);  // 672,000 covariates
  std::vector<double> x;
  double fourth = 0, neighbours = 0, square = 0;
  int64_t far = 0;
  for (int64_t p = 0; p < drawn.count; ++p) {
    for (int64_t e = 0; e < drawn.layout.n * drawn.layout.d; ++e) {
      x.push_back(drawn.at(p, e));
      square += x.back() * x.back();
      fourth += std::pow(x.back(), 4);
      far += std::abs(x.back()) > 4;
      if (e % 2 == 1) neighbours += x.back() * x[x.size() - 2];
    }
  }
  const auto n = static_cast<double>(x.size());
  const double root = std::sqrt(n);
  EXPECT_LT(std::abs(mean(x)), 4 / root);
  EXPECT_LT(std::abs(square / n - 1), 4 * std::sqrt(2) / root);
  EXPECT_LT(std::abs(fourth / n - 3), 4 * std::sqrt(96) / root);
  EXPECT_LT(std::abs(neighbours / (n / 2)), 4 / std::sqrt(n / 2));  // the two of a pair
  EXPECT_NEAR(static_cast<double>(far), 6.334e-5 * n, 4 * std::sqrt(6.334e-5 * n));
  EXPECT_LT(kolmogorov(x, normal_cdf), 1.95);
}

// The Box-Muller of random_lanes.h beside the same in double: 3e-7 of the radius.
TEST(IclSampler, NormalsAreAccurate) {
  const Stream stream{8, Purpose::test, 2};
  const Drawn<float> drawn(small_law(), 1, stream);
  double worst = 0;
  for (uint32_t block = 0; block < 25; ++block) {
    uint32_t words[4 * kPack];
    sample_kernel(best_isa()).words(sample_key(stream, 0), block, words);
    for (int64_t lane = 0; lane < kPack; ++lane) {
      for (int64_t pair = 0; pair < 2; ++pair) {
        const uint32_t a = words[2 * pair * kPack + lane], b = words[(2 * pair + 1) * kPack + lane];
        const double u = (static_cast<double>(a >> 1) + 0.5) * 0x1p-31;
        const double r = std::sqrt(-2 * std::log(u)) * ((b & 1) != 0 ? -1 : 1);
        const double angle = static_cast<int32_t>(b) * std::numbers::pi / 2 * 0x1p-31;
        const int64_t first = 4 * static_cast<int64_t>(block) + 2 * pair;
        const double scale = 1 + std::abs(r);
        worst = std::max({worst, std::abs(drawn.at(lane, first) - r * std::cos(angle)) / scale,
                          std::abs(drawn.at(lane, first + 1) - r * std::sin(angle)) / scale});
      }
    }
  }
  EXPECT_LT(worst, 3e-7);
  EXPECT_GT(worst, 0);
}

TEST(IclSampler, GammaOfShapeFiveHalvesIsChiSquare) {
  PromptLaw law = small_law();
  law.covariates = Covariates::gamma;
  law.gamma_shape = 2.5;
  const std::vector<double> lengths = square_lengths(Drawn<double>(law, 150));  // 50,400
  EXPECT_LT(kolmogorov(lengths, chi_square_5_cdf), 1.95);
  EXPECT_GT(kolmogorov(lengths, [](double x) { return chi_square_5_cdf(1.02 * x); }), 1.95);
}

TEST(IclSampler, HeavyGammaHasItsMoments) {
  PromptLaw law = small_law();
  law.covariates = Covariates::gamma;
  law.gamma_shape = 0.1;
  std::vector<double> lengths = square_lengths(Drawn<double>(law, 1200));  // 403,200
  const auto n = static_cast<double>(lengths.size());
  std::vector<double> squares;
  for (const double r : lengths) squares.push_back(r * r);
  // E r^8 of Gamma(0.1, 10): 0.1 * 1.1 * 2.1 * 3.1 * 10^4.
  EXPECT_NEAR(mean(lengths), 1, 4 * std::sqrt(10 / n));
  EXPECT_NEAR(mean(squares), 11, 4 * std::sqrt((7161 - 121) / n));
  std::sort(lengths.begin(), lengths.end());
  EXPECT_NEAR(lengths[lengths.size() / 2], 0.0059, 0.0003);
  const auto below = [&](double x) {
    return static_cast<double>(std::lower_bound(lengths.begin(), lengths.end(), x) -
                               lengths.begin()) /
           n;
  };
  EXPECT_NEAR(below(1e-6), 0.21, 0.005);
  EXPECT_NEAR(1 - below(1), 0.17, 0.005);
}

TEST(IclSampler, SphereHasLengthOneAndNoDirection) {
  PromptLaw law = small_law();
  law.covariates = Covariates::sphere;
  const Drawn<double> drawn(law, 150);
  for (const double square : square_lengths(drawn)) ASSERT_NEAR(square, 1, 1e-14);
  Eigen::MatrixXd second = Eigen::MatrixXd::Zero(5, 5);
  for (int64_t p = 0; p < drawn.count; ++p) {
    for (int64_t i = 0; i <= 20; ++i) second += drawn.x(p, i) * drawn.x(p, i).transpose();
  }
  second /= static_cast<double>(drawn.count * 21);
  EXPECT_LT((second - Eigen::MatrixXd::Identity(5, 5) / 5).cwiseAbs().maxCoeff(), 0.005);
}

TEST(IclSampler, UniformComponents) {
  PromptLaw law = small_law();
  law.covariates = Covariates::uniform;
  law.half_width = 0.5;
  const Drawn<double> drawn(law, 60);
  std::vector<double> x;
  for (int64_t p = 0; p < drawn.count; ++p) {
    for (int64_t i = 0; i < 100; ++i) x.push_back(drawn.at(p, i));
  }
  EXPECT_LT(kolmogorov(x, [](double v) { return v + 0.5; }), 1.95);
}

// Moments of the Gram matrix (Wishart): E tr G = 5, E tr G^2 = 6.5, E tr G^3 = 10.05.
TEST(IclSampler, GramMatricesAreWishart) {
  const Drawn<double> drawn(small_law(), 400);
  std::vector<double> traces[3];
  for (int64_t p = 0; p < drawn.count; ++p) {
    Eigen::MatrixXd G = Eigen::MatrixXd::Zero(5, 5);
    for (int64_t i = 0; i < 20; ++i) G += drawn.x(p, i) * drawn.x(p, i).transpose() / 20;
    traces[0].push_back(G.trace());
    traces[1].push_back((G * G).trace());
    traces[2].push_back((G * G * G).trace());
  }
  const double want[] = {5, 6.5, 10.05};
  for (int k = 0; k < 3; ++k) {
    double variance = 0;
    for (const double t : traces[k]) variance += std::pow(t - want[k], 2);
    variance /= static_cast<double>(traces[k].size());
    EXPECT_NEAR(mean(traces[k]), want[k],
                4 * std::sqrt(variance / static_cast<double>(traces[k].size())));
  }
}

TEST(IclSampler, CovarianceAndWhitenedWeights) {
  PromptLaw law = small_law(3, 7);
  law.covariance = {2, 0.5, 0, 0.5, 1, 0.3, 0, 0.3, 0.7};
  law.whitened_weights = true;
  const Drawn<double> drawn(law, 1000);
  Eigen::MatrixXd second = Eigen::MatrixXd::Zero(3, 3), weights = second;
  for (int64_t p = 0; p < drawn.count; ++p) {
    for (int64_t i = 0; i <= 7; ++i) second += drawn.x(p, i) * drawn.x(p, i).transpose();
    const Eigen::VectorXd w = drawn.solve(p, itself);
    weights += w * w.transpose();
  }
  second /= static_cast<double>(drawn.count * 8);
  weights /= static_cast<double>(drawn.count);
  const Eigen::Map<const Eigen::MatrixXd> sigma(law.covariance.data(), 3, 3);
  EXPECT_LT((second - sigma).cwiseAbs().maxCoeff(), 0.05);
  EXPECT_LT((weights * sigma - Eigen::MatrixXd::Identity(3, 3)).cwiseAbs().maxCoeff(), 0.1);
}

TEST(IclSampler, LabelsAreExact) {
  const Drawn<double> drawn(small_law(), 5);
  for (int64_t p = 0; p < drawn.count; ++p) {
    ASSERT_NEAR(drawn.solve(p, itself).dot(drawn.x(p, 20)), drawn.y(p, 20), 1e-11);
  }
}

TEST(IclSampler, TeacherIsThePerceptron) {
  PromptLaw law = small_law();
  law.teacher = Teacher::mlp;
  const TeacherWeights t = teacher_weights(5);
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto phi = [&](const Eigen::VectorXd& x) -> Eigen::VectorXd {
    const Eigen::VectorXd h = Eigen::Map<const Matrix>(t.W1.data(), 10, 5) * x +
                              Eigen::Map<const Eigen::VectorXd>(t.b1.data(), 10);
    return Eigen::Map<const Matrix>(t.W2.data(), 5, 10) * h.cwiseMax(0) +
           Eigen::Map<const Eigen::VectorXd>(t.b2.data(), 5);
  };
  const Drawn<double> drawn(law, 3);
  double size = 0;
  for (int64_t p = 0; p < drawn.count; ++p) {
    const Eigen::VectorXd w = drawn.solve(p, phi);
    ASSERT_NEAR(w.dot(phi(drawn.x(p, 20))), drawn.y(p, 20), 1e-9);
    size += w.squaredNorm() / static_cast<double>(drawn.count);
  }
  EXPECT_NEAR(size, 5, 2);  // w ~ N(0, I): no other scale would fit
}

TEST(IclSampler, LabelNoiseHasItsDeviation) {
  const auto residual_squares = [](const PromptLaw& law) {
    // sum of squares behind a least-squares fit: sigma^2 (n - d) on average
    const Drawn<double> drawn(law, 200);
    std::vector<double> out;
    for (int64_t p = 0; p < drawn.count; ++p) {
      const Eigen::VectorXd w = drawn.solve(p, itself);
      double sum = 0;
      for (int64_t i = 0; i < law.n; ++i) {
        sum += std::pow(drawn.y(p, i) - w.dot(drawn.x(p, i)), 2);
      }
      out.push_back(sum / static_cast<double>(law.n - law.d));
    }
    return out;
  };
  PromptLaw law = small_law(3, 43);
  law.label_noise = 0.5;
  EXPECT_NEAR(mean(residual_squares(law)), 0.25, 0.01);
  law.label_noise = 0;
  law.noise_max = 3;
  EXPECT_NEAR(mean(residual_squares(law)), 3, 0.25);  // E sigma^2 = 3^2 / 3
  law.noise_max = 0;
  law.noise_levels = {0, 10, 100};
  const std::vector<double> squares = residual_squares(law);
  int64_t of_level[3] = {};
  for (const double s : squares) ++of_level[s < 1 ? 0 : s < 1000 ? 1 : 2];
  for (const int64_t count : of_level) {
    EXPECT_NEAR(static_cast<double>(count), static_cast<double>(squares.size()) / 3, 110);
  }
}

}  // namespace
}  // namespace weft::icl
