// O1, O2, O10 and 2212.07677: networks that are something else, exactly.
#include <cmath>

#include "lab/icl/construction.h"
#include "lab/icl/draw.h"
#include "lab/icl/layout.h"
#include "lab/icl/oracle_groups.h"
#include "lab/icl/population.h"
#include "lab/icl/population_minimum.h"

namespace weft::icl {
namespace {

using reference::Draw;
using reference::Model;
using reference::Prompt;

constexpr int64_t kPrompts = 20;

PromptLaw noisy_law() {
  PromptLaw law;
  law.label_noise = 0.3;
  return law;
}

std::vector<Prompt> prompts() {
  const Draw draw(noisy_law(), 2);
  std::vector<Prompt> all;
  for (int64_t i = 0; i < kPrompts; ++i) all.push_back(draw(static_cast<uint64_t>(i)).prompt);
  return all;
}

Matrix random_matrix(const char* name, double scale, Eigen::Index d = 5) {
  const Random random(2, name);
  Matrix m(d, d);
  for (Eigen::Index i = 0; i < m.size(); ++i) {
    m.data()[i] = scale * random.normal(static_cast<uint64_t>(i));
  }
  return m;
}

std::vector<double> random_parameters(Form form, int64_t layers, double scale) {
  return initial_parameters({.layers = layers, .form = form, .init = scale}, 5, 2);
}
Model random_model(Form form, int64_t layers, double scale) {
  return reference::model_of({.layers = layers, .form = form}, 5,
                             random_parameters(form, layers, scale));
}

/// A model and prompts in other coordinates: x -> T x, B -> T B T^-1, Q -> T^-T Q T^-1.
Prompt turned(const Prompt& p, const Matrix& t) {
  return {t * p.x, p.y, t * p.query, p.label};
}
Model turned(const Model& model, const Matrix& t) {
  Model other = model;
  const Matrix inverse = t.inverse();
  for (reference::Layer& layer : other.layers) {
    for (reference::Head& h : layer) {
      h.P.topLeftCorner(5, 5) = t * h.P.topLeftCorner(5, 5) * inverse;
      h.Q.topLeftCorner(5, 5) = inverse.transpose() * h.Q.topLeftCorner(5, 5) * inverse;
    }
  }
  return other;
}

double mean_loss(const Model& model, std::span<const Prompt> prompts) {
  double sum = 0;
  for (const Prompt& p : prompts) sum += std::pow(reference::residual(model, p), 2);
  return sum / static_cast<double>(prompts.size());
}

/// The metrics of 2212.07677, of a constructed network against the step that it is.
void add_agreement(std::vector<Oracle>& all, const Model& step, double rate,
                   const Eigen::VectorXd& w0) {
  const char* const by = "implied weights beside a step on weights; equal ones";
  const std::vector<Prompt> drawn = prompts();
  const Agreement same =
      agreement([&](const Prompt& p) { return implied_weights(step, p); },
                [&](const Prompt& p) { return descent_step(p, rate, w0); }, drawn);
  all.push_back({"prediction difference", same.prediction_difference, 0, 1e-14, by});
  all.push_back({"model difference", same.model_difference, 0, 1e-14, by});
  // 1e-8 is added to each norm, so the cosine of equal weights lies below 1.
  all.push_back({"cosine", same.cosine, 1, 1e-6, by});
  const Agreement twice =
      agreement([&](const Prompt& p) { return implied_weights(step, p); },
                [&](const Prompt& p) { return descent_step(p, 2 * rate, w0); }, drawn);
  double norm = 0;
  for (const Prompt& p : drawn) norm += descent_step(p, rate, w0).norm() / kPrompts;
  all.push_back({"model difference from twice the step", twice.model_difference, norm, 1e-13,
                 "implied weights; mean norm of the step"});
}

/// Half way between two parameterisations of one model lies that model: the scale that P and Q
/// share is undone first.
void add_interpolation(std::vector<Oracle>& all) {
  const Model constructed = random_model(Form::block, 2, 0.2);
  Model other = constructed;
  for (reference::Layer& layer : other.layers) {
    layer[0].P *= -2.5;
    layer[0].Q /= -2.5;
  }
  const std::vector<Prompt> drawn = prompts();
  const double loss = mean_loss(constructed, drawn);
  all.push_back({"other scales: loss", mean_loss(other, drawn), loss, 1e-12 * (1 + loss),
                 "P times -2.5, Q by -2.5; as constructed"});
  all.push_back({"half way between them: loss", mean_loss(interpolate(other, constructed), drawn),
                 loss, 1e-12 * (1 + loss), "interpolated matrices; as constructed"});
}

/// Blocks written as GD++ in stretched coordinates, read back.
void add_reading(std::vector<Oracle>& all) {
  const std::vector<double> a = {.33830, 2.09084, 8.56806}, b = {.87758, .57816, 0};
  const Matrix sigma = covariance_of(stretched_law()), inverse = sigma.inverse();
  Model model;
  for (size_t l = 0; l < a.size(); ++l) {
    reference::Head h{Matrix::Zero(6, 6), Matrix::Zero(6, 6)};
    h.P.topLeftCorner(5, 5) = b[l] * Matrix::Identity(5, 5);
    h.P(5, 5) = 1;
    h.Q.topLeftCorner(5, 5) = -a[l] * inverse;
    model.layers.push_back({h});
  }
  const GdppReading read = read_as_gdpp(model, sigma);
  const char* const by = "reading of B = b I, Q = -a Sigma^-1; as written";
  double distance = 0;
  for (size_t l = 0; l < a.size(); ++l) {
    const std::string layer = "GD++ reading, layer " + std::to_string(l + 1);
    all.push_back({layer + ": a", read.a[l], a[l], 1e-14 * a[l], by});
    if (l < 2) all.push_back({layer + ": b", read.b[l], b[l], 1e-14, by});
    distance = std::max({distance, read.distance_q[l], read.distance_b[l]});
  }
  all.push_back({"GD++ reading: distance from multiples of I", distance, 0, 1e-14, by});
}

}  // namespace

std::vector<Oracle> oracles_of_descent_layers() {
  std::vector<Matrix> a;
  for (const char* name : {"a1", "a2", "a3", "a4"}) a.push_back(random_matrix(name, 0.2));
  const Model model = preconditioned_descent(a);
  std::vector<Pair> literal, gram;
  for (const Prompt& p : prompts()) {
    const double descended = descent_weights(p, a).dot(p.query);
    literal.push_back({reference::prediction(model, p), descended});
    gram.push_back({p.label - reference::gram_residual(model, p), descended});
  }
  const char* const by = "the formulas; descent on the weights with A^T";
  std::vector<Matrix> q = a;
  for (Matrix& m : q) m = -m;
  const EngineRun run =
      engine_run(setting_of(noisy_law(), Form::block, 4), block_parameters(q), kPrompts);
  std::vector<Pair> engine;
  for (size_t i = 0; i < run.prompts.size(); ++i) {
    const Prompt& p = run.prompts[i];
    engine.push_back({run.predictions[i], descent_weights(p, a).dot(p.query)});
  }
  return {furthest("4 layers, asymmetric A, by the engine", engine, 1e-13,
                   "the engine; descent on the weights with A^T"),
          furthest("4 layers, asymmetric A", literal, 1e-14, by),
          furthest("4 layers, asymmetric A, by Gram matrices", gram, 1e-14, by)};
}

std::vector<Oracle> oracles_of_implied_weights() {
  std::vector<Oracle> all;
  for (const Form form : {Form::block, Form::full}) {
    const Model model = random_model(form, 3, 0.2);
    std::vector<Pair> pairs;
    for (const Prompt& p : prompts()) {
      pairs.push_back({implied_weights(model, p).dot(p.query), reference::prediction(model, p)});
    }
    const std::string name = form == Form::block ? "block, 3 layers" : "full, 3 layers";
    all.push_back(furthest(name, pairs, 1e-13, "weights from Gram matrices; n^2 scores"));
    const EngineRun run =
        engine_run(setting_of(noisy_law(), form, 3), random_parameters(form, 3, 0.2), kPrompts);
    std::vector<Pair> engine;
    for (size_t i = 0; i < run.prompts.size(); ++i) {
      const Prompt& p = run.prompts[i];
      engine.push_back({run.predictions[i], implied_weights(model, p).dot(p.query)});
    }
    all.push_back(furthest(name + ", by the engine", engine, 1e-13,
                           "the engine; weights from Gram matrices"));
  }
  return all;
}

std::vector<Oracle> oracles_of_symmetries() {
  const Matrix t = Matrix::Identity(5, 5) + random_matrix("coordinates", 0.3);
  const Model block = random_model(Form::block, 3, 0.2), full = random_model(Form::full, 3, 0.2);
  const Model block_turned = turned(block, t);
  std::vector<Pair> coordinates, labels, order, broken;
  for (const Prompt& p : prompts()) {
    const double plain = reference::prediction(block, p);
    coordinates.push_back({reference::prediction(block_turned, turned(p, t)), plain});
    Prompt larger = p;
    larger.y *= 3;
    labels.push_back({reference::prediction(block, larger), 3 * plain});
    broken.push_back({reference::prediction(full, larger), 3 * reference::prediction(full, p)});
    const Prompt reversed{p.x.rowwise().reverse(), p.y.reverse(), p.query, p.label};
    order.push_back({reference::prediction(block, reversed), plain});
  }
  std::vector<Oracle> all = {
      furthest("invertible change of coordinates", coordinates, 1e-13,
               "model and prompts in other coordinates; as they were"),
      furthest("labels times 3", labels, 1e-13, "prediction; 3 times that of the labels"),
      furthest("context in reverse", order, 1e-13, "prediction; that of the other order")};
  // Where P and Q mix labels and covariates it does not hold; a checker that cannot fail is none.
  const Oracle not_full = furthest("", broken, 1e-3, "");
  all.push_back({"labels times 3 must show in a full model", not_full.holds() ? 0.0 : 1.0, 1, 0,
                 "1 where predictions differ by more than 0.001; 1"});
  return all;
}

std::vector<Oracle> oracles_of_construction() {
  std::vector<Oracle> all;
  const Eigen::VectorXd w0 = random_matrix("w0", 0.5).col(0);
  const Model step = step_construction(0.7, w0);
  std::vector<Pair> labels;
  for (const Prompt& p : prompts()) {
    const Matrix z = reference::forward(step, p).back();
    const Eigen::VectorXd delta = descent_step(p, 0.7, w0);
    for (Eigen::Index j = 0; j < p.x.cols(); ++j) {
      labels.push_back({z(5, j), p.y[j] - delta.dot(p.x.col(j))});
    }
    labels.push_back({z(5, p.x.cols()), -delta.dot(p.query)});
  }
  all.push_back(
      furthest("labels after one layer", labels, 1e-14, "the formulas; a step on weights"));
  add_agreement(all, step, 0.7, w0);
  add_interpolation(all);
  add_reading(all);
  const char* const by = "conjugate gradients; recorded in the lab's tables";
  PromptLaw law;
  law.d = law.n = 10;
  law.covariates = Covariates::uniform;
  law.half_width = 0.5;
  const PopulationMinimum half = minimise(population_of(law), Family::scalar);
  all.push_back(printed("best rate, x in (-0.5, 0.5)", -half.q(0, 0), 6.06061, 5, by));
  all.push_back(printed("half the loss, x in (-0.5, 0.5)", half.loss / 2, .206229, 6, by));
  law.half_width = 1;
  const PopulationMinimum one = minimise(population_of(law), Family::scalar);
  all.push_back(printed("best rate, x in (-1, 1)", -one.q(0, 0), 1.51515, 5, by));
  all.push_back(printed("half the loss, x in (-1, 1)", one.loss / 2, .824916, 6, by));
  const std::vector<double> rate = {1.51515};
  all.push_back(
      sampled("loss, x in (-1, 1), sampled",
              sampled_loss(setting_of(law, Form::gdpp, 1), gdpp_parameters(rate, {}), 100000),
              one.loss, "the engine on drawn prompts; minimum"));
  return all;
}

}  // namespace weft::icl
