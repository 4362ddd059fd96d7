// Which parts of a setting go together.
#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "lab/icl/setting.h"

namespace weft::icl {
namespace {

[[noreturn]] void refuse(const char* key, std::string expected, std::string got,
                         std::string hint = "") {
  fail(ErrorCode::config, {key, std::move(expected), std::move(got), std::move(hint)});
}

// Beyond these the products of a few layers leave the doubles, and the oracles their digits.
constexpr double kLeastVariance = 1e-6, kMostVariance = 1e6;

void check_variance(double eigenvalue) {
  if (eigenvalue >= kLeastVariance && eigenvalue <= kMostVariance) return;
  refuse("covariance", fmt::format("eigenvalues in {:g} .. {:g}", kLeastVariance, kMostVariance),
         fmt::format("{:g}", eigenvalue), "scale the covariates");
}

void check_covariance(const PromptLaw& law) {
  const std::vector<double>& c = law.covariance;
  if (c.empty()) return;
  const auto d = static_cast<size_t>(law.d);
  if (c.size() != d && c.size() != d * d) {
    refuse("covariance", fmt::format("{} eigenvalues or a {} x {} matrix", d, d, d),
           fmt::format("{} numbers", c.size()));
  }
  if (!std::all_of(c.begin(), c.end(), [](double x) { return std::isfinite(x); })) {
    refuse("covariance", "finite numbers", "others");
  }
  if (c.size() == d) {
    for (const double eigenvalue : c) {
      if (!(eigenvalue > 0)) {
        refuse("covariance", "positive eigenvalues", fmt::format("{}", eigenvalue));
      }
      check_variance(eigenvalue);
    }
    return;
  }
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> sigma(c.data(), law.d, law.d);
  const double asymmetry = (sigma - sigma.transpose()).cwiseAbs().maxCoeff();
  if (asymmetry > 1e-9 * sigma.cwiseAbs().maxCoeff()) {
    refuse("covariance", "a symmetric matrix",
           fmt::format("one that differs from its transpose by {}", asymmetry));
  }
  if (Eigen::LLT<Matrix>(sigma).info() != Eigen::Success) {
    refuse("covariance", "a positive definite matrix", "one with an eigenvalue of 0 or less");
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(sigma, Eigen::EigenvaluesOnly);
  check_variance(solver.eigenvalues().minCoeff());
  check_variance(solver.eigenvalues().maxCoeff());
}

void check_law(const PromptLaw& law) {
  check_covariance(law);
  if (law.covariates != Covariates::gamma && law.gamma_shape != PromptLaw{}.gamma_shape) {
    refuse("gamma_shape", "covariates = gamma beside it", std::string(name_of(law.covariates)));
  }
  if (law.covariates != Covariates::uniform && law.half_width != PromptLaw{}.half_width) {
    refuse("half_width", "covariates = uniform beside it", std::string(name_of(law.covariates)));
  }
  const int kinds = (law.label_noise > 0) + (law.noise_max > 0) + !law.noise_levels.empty();
  if (kinds > 1) {
    refuse("label_noise", "one of label_noise, noise_max and noise_levels",
           fmt::format("{} of them", kinds), "set the others to 0 or []");
  }
  for (const double level : law.noise_levels) {
    if (!(level >= 0 && std::isfinite(level))) {
      refuse("noise_levels", "standard deviations of at least 0", fmt::format("{}", level));
    }
  }
}

void check_model(const ModelShape& m) {
  if (m.path == Path::gram && m.scores != Scores::linear) {
    refuse("path", fmt::format("literal with attention = {}", name_of(m.scores)), "gram",
           "only linear scores depend on the context through its Gram matrix alone");
  }
  if (m.heads > 1 && m.form != Form::full) {
    refuse("heads", fmt::format("1 with form = {}", name_of(m.form)), std::to_string(m.heads),
           "with form = full each head has a P and a Q of its own");
  }
  if (!m.divide_softmax && m.scores != Scores::softmax) {
    refuse("divide_softmax", "true without softmax", "false", "attention = softmax");
  }
  if (m.hidden > 0 && m.form != Form::full) {
    refuse("hidden", fmt::format("0 with form = {}", name_of(m.form)), std::to_string(m.hidden),
           "the trained perceptron stands before form = full (2310.01082, section 4)");
  }
}

/// What is kept in memory: the evaluation batch, and the matrices with their gradients by lane.
void check_memory(const Setting& s) {
  constexpr int64_t kMostNumbers = 1'000'000'000;  // 8 GB of doubles
  const int64_t prompt = s.law.d * (s.law.n + 1);
  if (prompt > kMostNumbers / s.training.eval_batch) {
    refuse("eval_batch",
           fmt::format("at most {} prompts of {} numbers", kMostNumbers / prompt, prompt),
           std::to_string(s.training.eval_batch), "or a smaller d or n");
  }
  constexpr int64_t kMostParameters = 10'000'000;
  const int64_t parameters = s.model.layers * s.model.heads * (s.law.d + 1) * (s.law.d + 1);
  if (parameters > kMostParameters) {
    refuse("layers", fmt::format("layers * heads * (d + 1)^2 of at most {}", kMostParameters),
           std::to_string(parameters), "fewer layers or heads, or a smaller d");
  }
}

}  // namespace

void check_setting(const Setting& s) {
  check_law(s.law);
  check_model(s.model);
  check_memory(s);
}

}  // namespace weft::icl
