// weft icl minimum: one layer's population loss minimised numerically, beside the closed form.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/icl.h"
#include "io/json.h"
#include "lab/icl/population.h"
#include "lab/icl/population_minimum.h"

namespace weft::cli {
namespace {

struct Result {
  icl::PopulationMinimum found;
  icl::Matrix closed;
  double closed_loss = 0;
  bool scalar = false;

  double loss_difference() const { return found.loss - closed_loss; }
  double matrix_difference() const { return (found.q - closed).cwiseAbs().maxCoeff(); }
};

/// Other models have no population loss in closed form. Throws Error(config).
void require_one_linear_layer(const icl::Setting& s) {
  const auto refuse = [](const char* key, std::string got, std::string hint = "") {
    fail(ErrorCode::config, {key,
                             "one layer with linear scores on linear labels, whose population "
                             "loss has a closed form",
                             std::move(got), std::move(hint)});
  };
  if (s.model.layers != 1) {
    refuse("layers", fmt::format("{} layers", s.model.layers), "weft icl train trains them");
  }
  if (s.model.scores != icl::Scores::linear) {
    refuse("attention", std::string(icl::name_of(s.model.scores)), "weft icl train trains it");
  }
  if (s.model.hidden > 0) refuse("hidden", "a perceptron in front");
  if (s.law.teacher != icl::Teacher::linear) refuse("teacher", "labels of a perceptron");
}

/// The named settings have several layers: the verb means one, unless the user says otherwise.
icl::Setting one_layer_setting(const IclArguments& arguments) {
  setting_of(arguments);  // what is wrong with it is known before anything is added
  IclArguments one = arguments;
  const auto gives_layers = [](const std::string& text) {
    return io::parse_override(text).path == io::KeyPath{"layers"};
  };
  const std::span<const icl::NamedSetting> named = icl::named_settings();
  const bool is_named = std::any_of(named.begin(), named.end(), [&](const icl::NamedSetting& s) {
    return s.name == arguments.setting;
  });
  const bool given = std::any_of(one.set.begin(), one.set.end(), gives_layers);
  if (!given && (is_named || io::read_toml(arguments.setting).find("layers") == nullptr)) {
    one.set.push_back("layers=1");
  }
  return setting_of(one);
}

Result minimise(const icl::Setting& s) {
  const icl::Population p = icl::population_of(s.law);
  Result r;
  r.scalar = s.model.form == icl::Form::gdpp || s.model.form == icl::Form::diag4;
  r.found = icl::minimise(p, r.scalar ? icl::Family::scalar : icl::Family::any);
  r.closed = r.scalar ? icl::closed_minimiser_scalar(p) : icl::closed_minimiser(p);
  r.closed_loss = icl::loss(p, r.closed);
  return r;
}

nlohmann::json rows(const icl::Matrix& m) {
  nlohmann::json all = nlohmann::json::array();
  for (Eigen::Index i = 0; i < m.rows(); ++i) {
    const Eigen::VectorXd row = m.row(i);
    all.push_back(std::vector<double>(row.begin(), row.end()));
  }
  return all;
}

std::string to_json(const icl::Setting& s, const Result& r) {
  return io::to_json_text({{"loss", r.found.loss},
                           {"matrix", rows(r.found.q)},
                           {"closed_form", {{"loss", r.closed_loss}, {"matrix", rows(r.closed)}}},
                           {"loss_difference", r.loss_difference()},
                           {"matrix_difference", r.matrix_difference()},
                           {"gradient_norm", r.found.gradient_norm},
                           {"iterations", r.found.iterations},
                           {"zero_loss", icl::population_of(s.law).zero_loss},
                           {"family", r.scalar ? "multiples of the identity" : "any matrix"},
                           {"form", icl::name_of(s.model.form)},
                           {"d", s.law.d},
                           {"n", s.law.n}});
}

std::string to_text(const icl::Setting& s, const Result& r) {
  std::string text = fmt::format(
      "loss            {:.12g}\nclosed form     {:.12g}   difference {:.1e}\n"
      "zero predictor  {:.12g}\nfound by {} iterations of conjugate gradients; gradient {:.1e}, "
      "largest difference of an entry {:.1e}\n\n{}:\n",
      r.found.loss, r.closed_loss, r.loss_difference(), icl::population_of(s.law).zero_loss,
      r.found.iterations, r.found.gradient_norm, r.matrix_difference(),
      r.scalar ? "Q, the best multiple of the identity" : "Q");
  for (Eigen::Index i = 0; i < r.found.q.rows(); ++i) {
    for (const double entry : r.found.q.row(i)) text += fmt::format("{:12.6f}", entry + 0.0);
    text += "\n";
  }
  return text;
}

}  // namespace

int icl_minimum(const IclArguments& arguments, const Invocation& invocation) {
  const icl::Setting s = one_layer_setting(arguments);
  require_one_linear_layer(s);
  const Result r = minimise(s);
  invocation.console.result(invocation.json ? to_json(s, r) : to_text(s, r));
  return 0;
}

}  // namespace weft::cli
