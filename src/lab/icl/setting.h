// What an experiment of the in-context-learning lab is: the law of its prompts, the model, and how
// it is trained (arXiv 2310.01082, sections 2 and 3). Plain data; named settings are the paper's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/toml.h"

namespace weft::icl {

enum class Covariates : uint8_t {
  gaussian,  ///< N(0, I)
  sphere,    ///< uniform on the unit sphere
  gamma,     ///< r u, u on the sphere, r^2 ~ Gamma(gamma_shape, scale sqrt(10 / gamma_shape))
  uniform    ///< components uniform in (-half_width, half_width)
};
enum class Teacher : uint8_t {
  linear,  ///< y = w.x
  mlp      ///< y = w.phi(x), phi a fixed random two-layer perceptron (2310.01082, section 4)
};

/// The law of one prompt: n examples (x_i, y_i) and a query x_q with hidden label y_q.
struct PromptLaw {
  int64_t d = 5, n = 20;
  Covariates covariates = Covariates::gaussian;
  double gamma_shape = 0.1, half_width = 1;
  /// x = Sigma^(1/2) u. Empty: I; d numbers: the eigenvalues, on the axes; d*d: Sigma, row-major.
  std::vector<double> covariance;
  bool whitened_weights = false;  ///< w ~ N(0, Sigma^-1) instead of N(0, I)
  double label_noise = 0;         ///< standard deviation on the labels of the context
  /// The deviation drawn for each prompt instead: uniform in (0, noise_max), or one of
  /// noise_levels.
  double noise_max = 0;
  std::vector<double> noise_levels;
  Teacher teacher = Teacher::linear;

  bool operator==(const PromptLaw&) const = default;
};

enum class Form : uint8_t {
  block,   ///< P = [[B, 0], [0, 1]], Q = [[Q, 0], [0, 0]]: what the paper trains
  full,    ///< P, Q any (d+1) x (d+1)
  sparse,  ///< block with B = 0: gradient descent
  gdpp,    ///< block with B = b I, Q = q I
  diag4    ///< P = diag(p_x I, p_y), Q = diag(q_x I, q_y) (2402.14180)
};
enum class Scores : uint8_t { linear, softmax, relu };
enum class Path : uint8_t {
  gram,    ///< all that the query sees of its context is their Gram matrix; linear scores only
  literal  ///< every token attends, n^2 scores a layer
};

struct ModelShape {
  int64_t layers = 3, heads = 1;
  Form form = Form::block;
  Scores scores = Scores::linear;
  Path path = Path::gram;
  bool tied = false;           ///< one layer, looped `layers` times
  bool divide_softmax = true;  ///< softmax weights are divided by n once more, as the paper does
  int64_t hidden = 0;          ///< of a trained perceptron before the first layer; 0: none
  double init = 0.05;          ///< standard deviation of every parameter at the start

  bool operator==(const ModelShape&) const = default;
};

enum class Optimizer : uint8_t { sgd, adam, adamw, sign, normalised };
enum class Precision : uint8_t { f32, f64 };

struct Training {
  Optimizer optimizer = Optimizer::adam;
  double lr = 0.02, momentum = 0.9, beta1 = 0.9, beta2 = 0.9, eps = 1e-8, weight_decay = 0;
  double clip = 1;          ///< on the global norm, before the optimiser; 0: off
  int64_t halve_every = 0;  ///< steps after which the rate halves; 0: never
  int64_t batch = 1000, steps = 10000, eval_every = 50, eval_batch = 1000, eval_seed = 99;
  int64_t seed = 0;
  Precision precision = Precision::f32;

  bool operator==(const Training&) const = default;
};

struct Setting {
  std::string name = "default";
  PromptLaw law;
  ModelShape model;
  Training training;

  bool operator==(const Setting&) const = default;
};

/// The spellings of the keys: "gaussian", "block", "softmax", "gram", "sgd", "f32".
std::string_view name_of(Covariates covariates);
std::string_view name_of(Teacher teacher);
std::string_view name_of(Form form);
std::string_view name_of(Scores scores);
std::string_view name_of(Path path);
std::string_view name_of(Optimizer optimizer);
std::string_view name_of(Precision precision);

/// The settings of the papers, by name: "default", "few", "heavy", "sphere", "nonlinear", ...
struct NamedSetting {
  std::string_view name, what;
  Setting (*make)();
};
std::span<const NamedSetting> named_settings();

/// Learning rate and clipping that suit the law, the model and the optimiser: the published ones
/// where there are any (arXiv 2310.01082, section 3).
struct Rates {
  double lr = 0, clip = 0;
};
Rates suggested_rates(const Setting& setting);

/// A named setting or a TOML file of flat keys (`setting = NAME` in it names the one to start
/// from), then the overrides: d, n, covariates, covariance, label_noise, layers, heads, attention,
/// optimizer, lr, ... `covariance` and `noise_levels` are lists of numbers ("1,0.5" will do), or,
/// for a full matrix, the name of a file of numbers (JSON or plain). Learning rate and clipping
/// that are not given are the suggested ones; `path` is literal where scores are not linear. Throws
/// Error(config) at an unknown key or name (with the nearest), a value out of range, and a
/// combination that makes no sense, with the reason; Error(input) where a file cannot be read.
Setting load_setting(const std::string& name_or_file, std::span<const io::Override> overrides);
/// Throws Error(config) where the parts of a setting do not go together. load_setting() does it.
void check_setting(const Setting& setting);
/// Every key that means something in this setting; load_setting() of it gives the setting back.
std::string to_toml(const Setting& setting);

}  // namespace weft::icl
