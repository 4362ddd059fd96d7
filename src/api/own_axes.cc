#include "api/own_axes.h"

#include <deque>
#include <string>

#include "api/guarded.h"
#include "attention/mechanisms/formula.h"
#include "base/error.h"

namespace weft::own {
namespace {

/// Strings, declarations and formulas that the registries point to.
struct Texts {
  std::deque<std::string> kept;
  std::deque<std::vector<ArgSpec>> specs;

  std::string_view keep(const std::string& text) { return kept.emplace_back(text); }
  std::span<const ArgSpec> keep(const std::vector<Argument>& arguments) {
    std::vector<ArgSpec>& list = specs.emplace_back();
    for (const Argument& a : arguments) {
      list.push_back({.name = keep(a.name),
                      .fallback = a.fallback,
                      .help = keep(a.help),
                      .least = a.least,
                      .most = a.most});
    }
    return list;
  }
};

constexpr size_t kMostArguments = std::size(MechanismSettings{}.numbers);

Port port_of(const std::string& wiring, char letter) {
  constexpr std::string_view letters = "xqkvoy";
  const size_t at = letters.find(letter);
  if (at == std::string_view::npos) {
    fail(ErrorCode::config,
         {"wiring " + wiring, "a port: x, q, k, v, o or y", std::string(1, letter), ""});
  }
  return static_cast<Port>(at);
}

weft::Tap tap_of(const std::string& wiring, const Tap& t) {
  return {port_of(wiring, t.port), t.layer, t.raw};
}

/// The gains are one parameter, model.wiring.<name>.gains.
weft::Wiring wiring_of(const std::string& name, const Wires& wires) {
  weft::Wiring w{name, {}, {}};
  for (const double init : wires.gains) {
    const int row = static_cast<int>(w.gains.size());
    w.gains.push_back({GainKind::scalar, name + ".gains", row, 0, init});
  }
  for (const Mix& m : wires.mixes) {
    weft::Mix mix{tap_of(name, m.to), {}, {m.first_head, m.last_head}};
    for (const Term& t : m.terms) {
      mix.terms.push_back({tap_of(name, t.from), t.scale, t.gain});
    }
    w.mixes.push_back(std::move(mix));
  }
  return w;
}

Model model_of(const ModelConfig& config) {
  Model m{static_cast<int>(config.layer.size()), static_cast<int>(config.heads), {}};
  for (const LayerConfig& l : config.layer) m.kv_heads.push_back(static_cast<int>(l.kv_heads));
  return m;
}

}  // namespace

struct Axes::Impl {
  weft::Axes axes;
  Texts texts;
  std::deque<MechanismInfo> mechanisms;
  std::deque<FormulaKernel> formulas;
  std::deque<Kernel<AttentionKernelOf>> kernels;
};

Axes::Axes() : impl_(std::make_shared<Impl>()) {}

const weft::Axes& Access::of(const Axes& axes) {
  return axes.impl("own::Axes").axes;
}

Axes::Impl& Axes::impl(const char* call) const {
  if (impl_ != nullptr) return *impl_;
  fail(ErrorCode::usage,
       {call, "axes that hold something", "axes that were moved to another object",
        "copy them, or use the object that they were moved to"});
}

void Axes::add_mechanism(const Mechanism& m, Formula<double> f64, Formula<float> f32) {
  guarded([&] {
    Impl& self = impl("own::Axes::add_mechanism");
    if (m.arguments.size() > kMostArguments) {
      fail(ErrorCode::usage,
           {"mechanism " + m.name, "at most " + std::to_string(kMostArguments) + " arguments",
            std::to_string(m.arguments.size()), ""});
    }
    const FormulaKernel& formula = self.formulas.emplace_back(
        RowFormula{{f64.weights, f64.gradient}, {f32.weights, f32.gradient}});
    const std::span<const ArgSpec> args = self.texts.keep(m.arguments);
    MechanismInfo info{};
    info.name = self.texts.keep(m.name);
    info.source = self.texts.keep(m.source);
    info.formula = self.texts.keep(m.formula);
    info.traits.ordered = m.ordered;
    info.args = args;
    info.parameters = [](const Args&, int64_t, int64_t) {
      return std::vector<MechanismParameter>{};
    };
    info.settings = [args, strict = m.strict, normalised = m.normalised](const Args& given) {
      MechanismSettings s;
      s.strict = strict;
      s.normalised = normalised;
      for (size_t i = 0; i < args.size(); ++i) s.numbers[i] = given.number(args[i].name);
      return s;
    };
    info.kernels = {&self.kernels.emplace_back(formula_kernel(formula)), 1};
    info.make = make_streaming;
    self.axes.mechanisms.add(self.mechanisms.emplace_back(std::move(info)));
  });
}

void Axes::add_wiring(const Wiring& w) {
  guarded([&] {
    Impl& self = impl("own::Axes::add_wiring");
    if (!w.make) fail(ErrorCode::usage, {"wiring " + w.name, "a function `make`", "none", ""});
    WiringInfo info;
    info.name = self.texts.keep(w.name);
    info.source = self.texts.keep(w.source);
    info.summary = self.texts.keep(w.summary);
    info.args = self.texts.keep(w.arguments);
    info.make = [w](const ModelConfig& config, const Args& args) {
      Arguments values;
      for (const Argument& a : w.arguments) values[a.name] = args.number(a.name);
      return wiring_of(w.name, w.make(model_of(config), values));
    };
    if (!w.neutral.empty()) {
      info.neutral = [w](const ModelConfig&) {
        std::map<std::string, Arg> args;
        for (const auto& [name, value] : w.neutral) args[name] = value;
        return std::vector<std::map<std::string, Arg>>{args};
      };
    }
    self.axes.wirings.add(info);
  });
}

}  // namespace weft::own
