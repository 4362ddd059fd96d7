// Value residual (ResFormer): v[l] = a * v[0] + b * v[l] for layers after the first, with constant,
// learned or gated coefficients; and the forms that the paper measures it against.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "model/wirings/builtin.h"

namespace weft::wirings {
namespace {

constexpr std::string_view kName = "value-residual";

int64_t layers_of(const ModelConfig& config) {
  return static_cast<int64_t>(config.layer.size());
}

std::string key(std::string_view argument) {
  return "model.wiring_args.value-residual." + std::string(argument);
}

// The arguments in the wiring's own terms.
struct Scheme {
  std::string variant, source;
  Port port = Port::v;
  double lambda = 0;
  int layers = 0;
  int first = 1;            // layer that may mix
  std::vector<int> mixing;  // layers that do

  Tap other(int layer) const {
    if (source == "previous") return {port, layer - 1, true};
    return {port, source == "second" ? 1 : 0};
  }
  int row(int layer) const { return layer - first; }
};

int first_reader(const Args& args) {
  return args.text("source") == "second" ? 2 : 1;
}

// Constant: every layer after the source. Sparse: the last third, rounded up.
std::vector<int64_t> default_layers(const Args& args, int64_t layers) {
  int64_t first = first_reader(args);
  if (args.text("variant") == "sparse") first = std::max(first, layers - (layers + 2) / 3);
  std::vector<int64_t> list(static_cast<size_t>(std::max<int64_t>(0, layers - first)));
  std::iota(list.begin(), list.end(), first);
  return list;
}

std::map<std::string, Arg> settle(const ModelConfig& config, const Args& args) {
  const std::string& variant = args.text("variant");
  if (variant != "sparse" && variant != "constant") return {};
  std::map<std::string, Arg> out = {{"layers", default_layers(args, layers_of(config))}};
  if (variant == "sparse") out["lambda"] = 5.0;
  return out;
}

Port port_of(const std::string& what) {
  if (what == "q") return Port::q;
  if (what == "k") return Port::k;
  return what == "o" ? Port::o : Port::v;
}

// Forms that say themselves what they read and write.
void check_combination(const Scheme& s, const Args& args) {
  const bool whole = s.variant == "dense" || s.variant == "identity-mapping";
  if (s.source != "first" && whole) {
    fail(ErrorCode::config, {key("source"), "first with variant " + s.variant, s.source,
                             "it reads all layers before"});
  }
  if (s.source == "all" && s.variant != "identity") {
    fail(ErrorCode::config,
         {key("source"), "first, second or previous with variant " + s.variant, "all", ""});
  }
  if (s.variant == "identity-mapping" && s.port != Port::v) {
    fail(ErrorCode::config, {key("what"), "v with variant identity-mapping", args.text("what"),
                             "it adds values to the attention output"});
  }
}

std::vector<int> mixing_layers(const Scheme& s, const Args& args) {
  std::vector<int> list;
  if (s.variant != "constant" && s.variant != "sparse") {
    if (!args.list("layers").empty()) {
      fail(ErrorCode::config,
           {key("layers"), "no list with variant " + s.variant, to_string(args.list("layers")),
            "it belongs to the variants constant and sparse"});
    }
    for (int l = s.first; l < s.layers; ++l) list.push_back(l);
    return list;
  }
  for (const int64_t l : args.list("layers")) {
    if (l < s.first || l >= s.layers) {
      fail(ErrorCode::config,
           {key("layers"),
            "layers from " + std::to_string(s.first) + " to " + std::to_string(s.layers - 1),
            std::to_string(l), "they come after the source"});
    }
    list.push_back(static_cast<int>(l));
  }
  return list;
}

Scheme scheme_of(const ModelConfig& config, const Args& args) {
  Scheme s;
  s.variant = args.text("variant");
  s.source = args.text("source");
  s.port = port_of(args.text("what"));
  s.lambda = args.number("lambda");
  s.layers = static_cast<int>(layers_of(config));
  s.first = first_reader(args);
  check_combination(s, args);
  s.mixing = mixing_layers(s, args);
  return s;
}

int add(Wiring& w, Gain gain) {
  gain.tensor = std::string(kName) + "." + gain.tensor;
  w.gains.push_back(std::move(gain));
  return static_cast<int>(w.gains.size()) - 1;
}

Mix blend(const Scheme& s, int l, Wiring& w) {
  Term other{s.other(l)}, own{{s.port, l}};
  const int row = s.row(l);
  if (s.variant == "identity") {
    other.scale = own.scale = 0.5;
  } else if (s.variant == "constant" || s.variant == "sparse") {
    other.scale = s.lambda;
  } else if (s.variant == "learnable") {
    other.gain = add(w, {GainKind::scalar, "gains", row, 0, 0.5});
    own.gain = add(w, {GainKind::scalar, "gains", row, 1, 0.5});
  } else if (s.variant == "learnable-plus") {
    const double factor = s.layers;
    other.gain = add(w, {GainKind::softmax_member, "first", row, 0, 0, factor});
    own.gain = add(w, {GainKind::scalar, "own", row, 0, 0.5});
  } else {  // gated
    other.gain = own.gain = add(w, {GainKind::gate, "gate", row});
    other.complement = true;
  }
  return {{s.port, l}, {other, own}, {}};
}

// Equation 5: the mean of the raw values of all layers up to this one.
Mix mean(const Scheme& s, int l, Wiring&) {
  Mix mix{{s.port, l}, {}, {}};
  for (int i = 0; i <= l; ++i) mix.terms.push_back({{s.port, i, i < l}, 1.0 / (l + 1)});
  return mix;
}

// Equation 6: o[l] + the mean of the raw values of all layers before.
Mix identity_mapping(const Scheme&, int l, Wiring&) {
  Mix mix{{Port::o, l}, {{{Port::o, l}}}, {}};
  for (int i = 0; i < l; ++i) mix.terms.push_back({{Port::v, i, true}, 1.0 / l});
  return mix;
}

// A gain for every earlier layer, one vector a layer: 1/2 on the first and its own at the start.
Mix dense(const Scheme& s, int l, Wiring& w) {
  Mix mix{{s.port, l}, {}, {}};
  for (int i = 0; i <= l; ++i) {
    const double init = i == 0 || i == l ? 0.5 : 0;
    const int gain = add(w, {GainKind::scalar, "gains." + std::to_string(l), i, 0, init});
    mix.terms.push_back({{s.port, i}, 1, gain});
  }
  return mix;
}

Wiring make(const ModelConfig& config, const Args& args) {
  const Scheme s = scheme_of(config, args);
  const auto form = s.variant == "dense"              ? dense
                    : s.variant == "identity-mapping" ? identity_mapping
                    : s.source == "all"               ? mean
                                                      : blend;
  Wiring w{std::string(kName)};
  for (const int l : s.mixing) w.mixes.push_back(form(s, l, w));
  return w;
}

std::vector<std::map<std::string, Arg>> neutral(const ModelConfig&) {
  return {{{"variant", std::string("constant")}, {"lambda", 0.0}}};
}

}  // namespace

WiringInfo value_residual() {
  static const ArgSpec args[] = {
      {"variant",
       "identity",
       "identity: 1/2, 1/2; constant and sparse: lambda, 1; learnable: two gains a layer; "
       "learnable-plus: a softmax over layers, a gain; dense: a gain for every earlier layer; "
       "gated: "
       "1 - c, c by token and head; identity-mapping: the mean of all earlier values added to o",
       {"identity", "constant", "sparse", "learnable", "learnable-plus", "dense", "gated",
        "identity-mapping"}},
      {"lambda", 2.0, "weight of the first value (constant: 2, sparse: 5)", {}, -1e6, 1e6},
      {"layers", std::vector<int64_t>{},
       "layers that mix (constant: all but 0, sparse: the last third)"},
      {"what",
       "v",
       "what is mixed: values, keys, queries or the attention output",
       {"v", "k", "q", "o"}},
      {"source",
       "first",
       "the layer that is mixed in; all: the mean of all layers up to this one",
       {"first", "second", "previous", "all"}},
  };
  return {kName,  "2410.17897", "every later layer adds the first layer's values to its own",
          args,   make,         settle,
          neutral};
}

}  // namespace weft::wirings
