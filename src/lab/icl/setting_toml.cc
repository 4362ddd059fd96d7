// The writing half of setting.h, and the spellings of its choices.
#include "lab/icl/setting.h"

namespace weft::icl {
namespace {

class Writer {
 public:
  template <class T>
  void add(std::string_view key, T x) {
    io::Value value;
    if constexpr (std::is_enum_v<T>) {
      value.data = std::string(name_of(x));
    } else {
      value.data = std::move(x);
    }
    table_.at(key) = std::move(value);
  }
  void add_list(std::string_view key, const std::vector<double>& numbers) {
    io::Value::Array array;
    for (const double x : numbers) array.push_back({x, 0});
    add(key, std::move(array));
  }
  std::string text() const { return io::to_toml(table_); }

 private:
  io::Value table_;
};

void write_law(Writer& out, const PromptLaw& law) {
  out.add("d", law.d);
  out.add("n", law.n);
  out.add("covariates", law.covariates);
  if (law.covariates == Covariates::gamma) out.add("gamma_shape", law.gamma_shape);
  if (law.covariates == Covariates::uniform) out.add("half_width", law.half_width);
  out.add_list("covariance", law.covariance);
  out.add("whitened_weights", law.whitened_weights);
  out.add("label_noise", law.label_noise);
  out.add("noise_max", law.noise_max);
  out.add_list("noise_levels", law.noise_levels);
  out.add("teacher", law.teacher);
}

void write_model(Writer& out, const ModelShape& m) {
  out.add("layers", m.layers);
  out.add("heads", m.heads);
  out.add("form", m.form);
  out.add("attention", m.scores);
  out.add("path", m.path);
  out.add("tied", m.tied);
  if (m.scores == Scores::softmax) out.add("divide_softmax", m.divide_softmax);
  out.add("hidden", m.hidden);
  out.add("init", m.init);
}

void write_training(Writer& out, const Training& t) {
  out.add("optimizer", t.optimizer);
  out.add("lr", t.lr);
  out.add("momentum", t.momentum);
  out.add("beta1", t.beta1);
  out.add("beta2", t.beta2);
  out.add("eps", t.eps);
  out.add("weight_decay", t.weight_decay);
  out.add("clip", t.clip);
  out.add("halve_every", t.halve_every);
  out.add("batch", t.batch);
  out.add("steps", t.steps);
  out.add("eval_every", t.eval_every);
  out.add("eval_batch", t.eval_batch);
  out.add("eval_seed", t.eval_seed);
  out.add("seed", t.seed);
  out.add("precision", t.precision);
}

}  // namespace

std::string_view name_of(Covariates covariates) {
  constexpr std::string_view kNames[] = {"gaussian", "sphere", "gamma", "uniform"};
  return kNames[static_cast<int>(covariates)];
}
std::string_view name_of(Teacher teacher) {
  return teacher == Teacher::mlp ? "mlp" : "linear";
}
std::string_view name_of(Form form) {
  constexpr std::string_view kNames[] = {"block", "full", "sparse", "gdpp", "diag4"};
  return kNames[static_cast<int>(form)];
}
std::string_view name_of(Scores scores) {
  constexpr std::string_view kNames[] = {"linear", "softmax", "relu"};
  return kNames[static_cast<int>(scores)];
}
std::string_view name_of(Path path) {
  return path == Path::literal ? "literal" : "gram";
}
std::string_view name_of(Optimizer optimizer) {
  constexpr std::string_view kNames[] = {"sgd", "adam", "adamw", "sign", "normalised"};
  return kNames[static_cast<int>(optimizer)];
}
std::string_view name_of(Precision precision) {
  return precision == Precision::f64 ? "f64" : "f32";
}

std::string to_toml(const Setting& setting) {
  Writer out;
  out.add("setting", setting.name);
  write_law(out, setting.law);
  write_model(out, setting.model);
  write_training(out, setting.training);
  return out.text();
}

}  // namespace weft::icl
