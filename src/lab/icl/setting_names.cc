// The settings of the papers, and the learning rates that go with them.
#include <array>

#include "lab/icl/setting.h"

namespace weft::icl {
namespace {

Setting settle(Setting s, std::string_view name) {
  s.name = name;
  const Rates rates = suggested_rates(s);
  s.training.lr = rates.lr;
  s.training.clip = rates.clip;
  return s;
}

Setting make_default() {
  return settle({}, "default");
}

Setting make_few() {
  Setting s;
  s.law.n = 5;
  return settle(s, "few");
}

Setting make_heavy() {
  Setting s;
  s.law.covariates = Covariates::gamma;
  return settle(s, "heavy");
}

Setting make_sphere() {
  Setting s;
  s.law.covariates = Covariates::sphere;
  return settle(s, "sphere");
}

Setting make_deep() {
  Setting s;
  s.law.d = 20;
  s.law.n = 60;
  s.model.layers = 8;
  return settle(s, "deep");
}

Setting make_nonlinear() {
  Setting s;
  s.law.teacher = Teacher::mlp;
  s.model.form = Form::full;
  s.model.hidden = 30;
  s.model.init = 0.1;
  s.training.batch = 2000;
  return settle(s, "nonlinear");
}

Setting make_mixed_noise() {
  Setting s;
  s.law.d = 10;
  s.law.noise_max = 5;
  s.model.form = Form::diag4;
  s.model.layers = 4;
  s.training.batch = 2048;
  s.training.steps = 200000;
  s.training.eval_batch = 10000;
  return settle(s, "mixed-noise");
}

Setting make_gd_construction() {
  Setting s;
  s.law.d = s.law.n = 10;
  s.law.covariates = Covariates::uniform;
  s.law.half_width = 0.5;
  s.model.form = Form::full;
  s.model.layers = 1;
  s.model.init = 0.002;
  s.training.beta2 = 0.98;
  s.training.batch = 2048;
  s.training.steps = 5000;
  s.training.eval_batch = 10000;
  return settle(s, "gd-construction");
}

Setting make_preconditioned() {
  Setting s;
  s.law.covariance = {1, 1, 0.25, 0.0625, 1};
  s.law.whitened_weights = true;
  s.model.form = Form::sparse;
  s.training.beta1 = 0.99;
  s.training.halve_every = 2000;
  return settle(s, "preconditioned");
}

constexpr NamedSetting kSettings[] = {
    {"default", "setting 1 of 2310.01082: d 5, n 20, x ~ N(0, I)", make_default},
    {"few", "setting 2: five examples", make_few},
    {"heavy", "setting 3: heavy-tailed covariates, |x|^2 ~ Gamma(0.1, 10)", make_heavy},
    {"sphere", "covariates on the unit sphere", make_sphere},
    {"deep", "8 layers, d 20, n 60", make_deep},
    {"nonlinear", "labels through a fixed perceptron, a trained one before the model",
     make_nonlinear},
    {"mixed-noise", "2402.14180: a noise level for each prompt, U(0, 5); four diagonal layers",
     make_mixed_noise},
    {"gd-construction", "2212.07677: d 10, n 10, uniform covariates, one full layer",
     make_gd_construction},
    {"preconditioned", "2306.00297: anisotropic covariates, B = 0", make_preconditioned},
};

bool is_sgd(const Setting& s) {
  return s.training.optimizer == Optimizer::sgd || s.training.optimizer == Optimizer::normalised;
}

}  // namespace

std::span<const NamedSetting> named_settings() {
  return kSettings;
}

// Best of the papers' grids for SGD and Adam; normalised SGD takes that of SGD, whose gradient of
// clipped norm it has early on, and the sign takes a tenth of Adam's, which it never slows down.
Rates suggested_rates(const Setting& s) {
  const bool sgd = is_sgd(s);
  Rates r{0.02, 1};
  if (s.name == "gd-construction") {
    r = {s.model.layers > 3 ? 5e-4 : 1e-3, s.model.layers > 2 ? 10 : 0.001};
  } else if (s.name == "mixed-noise") {
    r.lr = sgd ? 1e-3 : 1e-4;
  } else if (s.name == "preconditioned") {
    r.clip = 0.01;
  } else if (s.law.teacher == Teacher::mlp) {
    r.lr = sgd ? 0.05 : 0.01;
  } else if (s.law.covariates == Covariates::sphere) {
    r = {sgd ? 5.0 : 0.1, 0.1};
  } else if (s.law.covariates == Covariates::gaussian && s.law.n <= s.law.d) {
    r.lr = sgd ? 0.01 : 0.005;
  }
  if (s.training.optimizer == Optimizer::sign) r.lr /= 10;
  return r;
}

}  // namespace weft::icl
