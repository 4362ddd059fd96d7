// The reading half of setting.h.
#include "lab/icl/setting.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/json.h"
#include "io/utf8.h"
#include "model/table_reader.h"

namespace weft::icl {
namespace {

constexpr int64_t kMost = int64_t{1} << 40;
constexpr double kAny = 1e300;
constexpr size_t kMostNumbers = 4096;  // of a covariance: d = 64

template <class Choice>
void read_choice(TableReader& table, std::string_view key, std::initializer_list<Choice> choices,
                 Choice& out) {
  std::string given(name_of(out));
  table.read(key, given);
  std::vector<std::string> names;
  for (const Choice choice : choices) {
    if (name_of(choice) == given) {
      out = choice;
      return;
    }
    names.emplace_back(name_of(choice));
  }
  table.refuse(key, fmt::format("one of {}", fmt::join(names, ", ")), io::in_quotes(given),
               suggestion(given, names));
}

/// Numbers between commas, blanks, brackets and line ends; false where there is anything else.
bool parse_numbers(std::string_view text, std::vector<double>& out) {
  out.clear();
  const auto is_blank = [](char c) {
    return std::string_view(" ,;[]\t\r\n").find(c) != std::string_view::npos;
  };
  for (size_t i = 0; i < text.size();) {
    if (is_blank(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && !is_blank(text[end])) ++end;
    double x = 0;
    const auto [stop, error] = std::from_chars(text.data() + i, text.data() + end, x);
    if (error != std::errc() || stop != text.data() + end) return false;
    out.push_back(x);
    i = end;
  }
  return !out.empty();
}

bool flatten(const io::Value& value, std::vector<double>& out) {
  if (const auto* x = value.as<double>()) {
    out.push_back(*x);
  } else if (const auto* i = value.as<int64_t>()) {
    out.push_back(static_cast<double>(*i));
  } else if (const auto* array = value.as<io::Value::Array>()) {
    return std::all_of(array->begin(), array->end(),
                       [&](const io::Value& v) { return flatten(v, out); });
  } else {
    return false;
  }
  return true;
}

/// A list (also of lists), one number, text with numbers, or the name of a file with numbers. JSON
/// of nothing but numbers is numbers between brackets and commas.
void read_numbers(TableReader& table, std::string_view key, std::vector<double>& out) {
  const io::Value* value = table.take(key);
  if (value == nullptr) return;
  const auto* text = value->as<std::string>();
  if (text == nullptr) {
    out.clear();
    if (!flatten(*value, out)) table.refuse(key, "numbers", std::string(value->kind()));
  } else if (!parse_numbers(*text, out)) {
    if (!std::filesystem::exists(*text)) {
      table.refuse(key, "numbers, or a file of numbers", io::in_quotes(*text));
    }
    if (!parse_numbers(io::read_text(*text, size_t{1} << 20), out)) {
      table.refuse(key, "a file of nothing but numbers", io::in_quotes(*text));
    }
  }
  if (out.size() > kMostNumbers) {
    table.refuse(key, fmt::format("at most {} numbers", kMostNumbers), std::to_string(out.size()));
  }
}

void read_law(TableReader& table, PromptLaw& law) {
  table.read("d", law.d, 1, 64);
  table.read("n", law.n, 1, 4096);
  read_choice(table, "covariates",
              {Covariates::gaussian, Covariates::sphere, Covariates::gamma, Covariates::uniform},
              law.covariates);
  table.read("gamma_shape", law.gamma_shape, 0.01, 100);
  table.read("half_width", law.half_width, 1e-6, 1e6);
  read_numbers(table, "covariance", law.covariance);
  table.read("whitened_weights", law.whitened_weights);
  table.read("label_noise", law.label_noise, 0, 1e6);
  table.read("noise_max", law.noise_max, 0, 1e6);
  read_numbers(table, "noise_levels", law.noise_levels);
  read_choice(table, "teacher", {Teacher::linear, Teacher::mlp}, law.teacher);
}

void read_model(TableReader& table, ModelShape& m) {
  table.read("layers", m.layers, 1, 64);
  table.read("heads", m.heads, 1, 64);
  read_choice(table, "form", {Form::block, Form::full, Form::sparse, Form::gdpp, Form::diag4},
              m.form);
  read_choice(table, "attention", {Scores::linear, Scores::softmax, Scores::relu}, m.scores);
  if (m.scores != Scores::linear && !table.has("path")) m.path = Path::literal;
  read_choice(table, "path", {Path::gram, Path::literal}, m.path);
  table.read("tied", m.tied);
  table.read("divide_softmax", m.divide_softmax);
  table.read("hidden", m.hidden, 0, 1024);
  table.read("init", m.init, 0, 1e6);
}

void read_training(TableReader& table, Training& t) {
  table.read("momentum", t.momentum, 0, 0.999999);
  table.read("beta1", t.beta1, 0, 0.999999);
  table.read("beta2", t.beta2, 0, 0.9999999);
  table.read("eps", t.eps, 0, 1);
  table.read("weight_decay", t.weight_decay, 0, kAny);
  table.read("lr", t.lr, 0, kAny);
  table.read("clip", t.clip, 0, kAny);
  table.read("halve_every", t.halve_every, 0, kMost);
  table.read("batch", t.batch, 1, 1 << 24);
  table.read("steps", t.steps, 0, kMost);
  table.read("eval_every", t.eval_every, 1, kMost);
  table.read("eval_batch", t.eval_batch, 1, 1 << 24);
  table.read("eval_seed", t.eval_seed, 0, std::numeric_limits<int64_t>::max());
  table.read("seed", t.seed, 0, std::numeric_limits<int64_t>::max());
  read_choice(table, "precision", {Precision::f32, Precision::f64}, t.precision);
}

Setting base_setting(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  for (const NamedSetting& named : named_settings()) {
    if (named.name == name) return named.make();
    names.emplace_back(named.name);
  }
  fail(ErrorCode::config,
       {where, "a setting or a file", io::in_quotes(name), suggestion(name, names)});
}

bool is_file(const std::string& name) {
  std::error_code error;
  return name.find_first_of("./") != std::string::npos ||
         std::filesystem::is_regular_file(name, error);
}

}  // namespace

Setting load_setting(const std::string& name_or_file, std::span<const io::Override> overrides) {
  const auto named = named_settings();
  const bool known = std::any_of(named.begin(), named.end(), [&](const NamedSetting& setting) {
    return setting.name == name_or_file;
  });
  io::Value tree;
  std::string base = name_or_file, file;
  if (!known && is_file(name_or_file)) {
    tree = io::read_toml(name_or_file);
    base = "default";
    file = name_or_file;
  }
  for (const io::Override& o : overrides) {
    if (o.path.size() > 1) {
      fail(ErrorCode::config, {io::to_string(o.path), "a key without dots", "one with dots",
                               "the keys of an experiment are flat: " + o.path.back()});
    }
    io::set_path(tree, o.path, o.value);
  }
  TableReader table(tree, file, "");
  table.read("setting", base);
  Setting s = base_setting(base, file.empty() ? "setting" : table.where("setting"));
  // The rates follow the optimiser, and most other keys come before it.
  read_choice(
      table, "optimizer",
      {Optimizer::sgd, Optimizer::adam, Optimizer::adamw, Optimizer::sign, Optimizer::normalised},
      s.training.optimizer);
  read_law(table, s.law);
  read_model(table, s.model);
  if (s.name == "gd-construction") {  // 0.002 / L, unless it is given
    if (!table.has("init")) s.model.init = 0.002 / static_cast<double>(s.model.layers);
  }
  const Rates rates = suggested_rates(s);
  s.training.lr = rates.lr;
  s.training.clip = rates.clip;
  read_training(table, s.training);
  table.finish();
  check_setting(s);
  return s;
}

}  // namespace weft::icl
