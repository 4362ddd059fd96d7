// The engine as oracles run it: drawn prompts through the fastest kernel.
#include "lab/icl/objective.h"
#include "lab/icl/oracle_groups.h"

namespace weft::icl {
namespace {

PromptBatch drawn(const Setting& setting, int64_t count, Isa isa) {
  return PromptBatch(Sampler(setting.law, isa), Stream{0, Purpose::test, 0}, count);
}

std::vector<double> residuals(const Setting& setting, std::span<const double> theta,
                              const PromptBatch& batch, Isa isa) {
  std::vector<double> errors(static_cast<size_t>(batch.count()));
  Objective(setting, {.threads = 1, .isa = isa}).residuals(batch, theta, errors);
  return errors;
}

}  // namespace

Setting setting_of(const PromptLaw& law, Form form, int64_t layers) {
  Setting s;
  s.law = law;
  s.model.form = form;
  s.model.layers = layers;
  s.training.precision = Precision::f64;
  return s;
}

EngineRun engine_run(const Setting& setting, std::span<const double> theta, int64_t count) {
  const Isa isa = best_isa();
  const PromptBatch batch = drawn(setting, count, isa);
  EngineRun run;
  for (int64_t i = 0; i < count; ++i) {
    run.prompts.push_back(
        reference::prompt_of(batch.layout(), batch.pack(i / kPack), static_cast<int>(i % kPack)));
  }
  run.predictions = residuals(setting, theta, batch, isa);
  for (size_t i = 0; i < run.predictions.size(); ++i) {
    run.predictions[i] = run.prompts[i].label - run.predictions[i];
  }
  return run;
}

Estimate sampled_loss(const Setting& setting, std::span<const double> theta, int64_t count) {
  const Isa isa = best_isa();
  const PromptBatch batch = drawn(setting, count, isa);
  const std::vector<double> errors = residuals(setting, theta, batch, isa);
  return estimate(errors.size(), [&](uint64_t i) { return errors[i] * errors[i]; });
}

std::vector<double> block_parameters(std::span<const Matrix> q) {
  std::vector<double> theta;
  for (const Matrix& m : q) {
    theta.insert(theta.end(), static_cast<size_t>(m.size()), 0.0);
    for (Eigen::Index i = 0; i < m.rows(); ++i) {
      for (Eigen::Index j = 0; j < m.cols(); ++j) theta.push_back(m(i, j));
    }
  }
  return theta;
}

std::vector<double> gdpp_parameters(std::span<const double> a, std::span<const double> b) {
  std::vector<double> theta;
  for (size_t l = 0; l < a.size(); ++l) {
    theta.push_back(l < b.size() ? b[l] : 0);
    theta.push_back(-a[l]);
  }
  return theta;
}

}  // namespace weft::icl
