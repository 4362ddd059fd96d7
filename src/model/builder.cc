#include "model/builder.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <tuple>
#include <unordered_map>

#include "attention/cache_append.h"
#include "base/error.h"
#include "model/builder_taps.h"
#include "model/head_rules.h"
#include "model/parameters.h"
#include "ops/add/add.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/gate/gate.h"
#include "ops/last_row/last_row.h"
#include "ops/linear/linear.h"
#include "ops/mix/mix.h"
#include "ops/rmsnorm/rmsnorm.h"
#include "ops/rope/rope.h"
#include "ops/softmax_gain/softmax_gain.h"
#include "ops/swiglu/swiglu.h"

namespace weft {

int64_t slot_capacity(const CacheSlot& slot, int64_t context) {
  return slot.window == 0 ? context : std::min(slot.window, context);
}

namespace {

std::string layer_name(int l) {
  return "model.layers." + std::to_string(l);
}

class Builder {
 public:
  Builder(const ModelConfig& config, const Layout& layout, const BuildOptions& options,
          const Axes& axes)
      : axes_(axes),
        config_(config),
        layout_(layout),
        options_(options),
        specs_(parameter_list(config, layout, axes)),
        parameter_values_(specs_.size(), -1),
        graph_(PlanContext{options.runtime, options.batch, options.time, options.context,
                           options.mode == Mode::train}) {
    for (size_t i = 0; i < specs_.size(); ++i) index_of_[specs_[i].name] = i;
  }

  BuiltProgram run();

 private:
  ValueId parameter(const std::string& name);
  ValueId weight_part(const std::string& name, WeightPart part);
  ValueId gain_tensor(int tensor);
  /// Steps are named by the executed layer, parameters by its block.
  ValueId linear(int l, const std::string& part, ValueId x, int64_t in, int64_t out);
  /// A product with the matrix of each part: [rows, its out].
  struct Part {
    std::string name;  // ".mlp.up_proj"
    int64_t out;
  };
  std::vector<ValueId> linears(int l, const std::vector<Part>& parts, ValueId x, int64_t in);
  std::vector<ValueId> projection(const std::string& name, const std::vector<std::string>& weights,
                                  ValueId x, ProjectionSpec spec);
  ValueId norm(int l, const std::string& part, ValueId x);
  std::string block_name(int l) const { return layer_name(static_cast<int>(config_.block_of(l))); }
  const LayerConfig& layer(int l) const { return config_.layer[static_cast<size_t>(l)]; }
  int heads_of(Port port, int l) const;
  int64_t width_of(Port port) const;

  std::shared_ptr<RopeTable> rope_table(double theta);
  void declare_caches();
  ValueId block(int l, ValueId x);
  void project(int l, ValueId n);
  void place_heads(int l, Port port, ValueId value, const std::vector<int>& heads);
  ValueId attention(int l);
  ValueId feed_forward(int l, ValueId h);
  void append_caches();
  void finish(ValueId x);

  /// Makes the final heads of a tap from its raw ones and the mixes written on it.
  void apply_mixes(Tap tap);
  std::vector<HeadPlace> mixed(const ResolvedMix& mix);
  HeadPlace gain_place(const ResolvedMix& mix, const GainRef& gain);
  ValueId gate(const ResolvedMix& mix, const GainRef& gain);
  void add_softmax_groups();
  HeadPlace source_head(const Term& term, const ResolvedMix& mix, int head);
  /// A tap as one value: its heads side by side.
  ValueId joined(Tap tap, const std::string& name);

  const Axes& axes_;
  const ModelConfig& config_;
  const Layout& layout_;
  const BuildOptions& options_;
  std::vector<ParameterSpec> specs_;
  std::unordered_map<std::string_view, size_t> index_of_;  // parameters by name
  std::vector<ValueId> parameter_values_;
  std::map<std::pair<size_t, WeightPart>, ValueId> weight_parts_;  // of int8 weights
  std::map<int, ValueId> softmax_groups_;  // by gain tensor: factor * softmax of its logits [1, n]
  std::map<std::tuple<int, int64_t, int>, ValueId> gates_;  // of this layer: tensor, weight, head
  ValueId normed_ = -1;  // input of this layer's projections [rows, dim]
  Graph graph_;
  BuiltProgram built_{Program(Graph(PlanContext{}), {}), {}, {}};
  std::vector<ValueId> caches_;    // by slot of the layout
  std::map<int, ValueId> states_;  // by recurrent layer
  Taps taps_;
  std::map<double, std::shared_ptr<RopeTable>> rope_tables_;
};

ValueId Builder::parameter(const std::string& name) {
  const auto it = index_of_.find(name);
  if (it == index_of_.end()) {
    fail(ErrorCode::config, {"model", "a parameter " + name, "none in the layout", ""});
  }
  const ParameterSpec& spec = specs_[it->second];
  ValueId& value = parameter_values_[it->second];
  if (value >= 0) return value;
  const DType exact = options_.dtype == DType::f64 ? DType::f64 : DType::f32;
  const DType read = Parameters::is_matrix(spec) ? options_.dtype : exact;
  built_.parameters.push_back({static_cast<int>(it->second), read});
  return value = graph_.parameter(name, {read, spec.shape}, exact);
}

ValueId Builder::gain_tensor(int tensor) {
  return parameter("model.wiring." + layout_.gain_tensors[static_cast<size_t>(tensor)].name);
}

// The integers or the scales of an int8 matrix.
ValueId Builder::weight_part(const std::string& name, WeightPart part) {
  const size_t index = index_of_.at(name);
  const auto [at, fresh] = weight_parts_.try_emplace({index, part}, -1);
  if (!fresh) return at->second;
  const Shape& shape = specs_[index].shape;
  const bool scales = part == WeightPart::scales;
  const TensorDesc desc{scales ? DType::f32 : DType::u8, scales ? Shape{shape[0]} : shape};
  built_.parameters.push_back({static_cast<int>(index), desc.dtype, part});
  return at->second = graph_.parameter(name + (scales ? ".scales" : ".integers"), desc, DType::f32);
}

std::vector<ValueId> Builder::projection(const std::string& name,
                                         const std::vector<std::string>& weights, ValueId x,
                                         ProjectionSpec spec) {
  spec.weights = options_.weights;
  std::vector<Use> inputs = {x};
  for (const std::string& weight : weights) {
    if (spec.weights == WeightType::int8) {
      inputs.emplace_back(weight_part(weight, WeightPart::integers));
      inputs.emplace_back(weight_part(weight, WeightPart::scales));
    } else {
      inputs.emplace_back(parameter(weight));
    }
  }
  return graph_.add(name, make_projection(std::move(spec)), std::move(inputs));
}

// One step where nothing is trained: its weights are read in one go.
std::vector<ValueId> Builder::linears(int l, const std::vector<Part>& parts, ValueId x,
                                      int64_t in) {
  std::vector<ValueId> values;
  if (options_.mode != Mode::generate) {
    for (const Part& part : parts) {
      values.push_back(graph_.add1(layer_name(l) + part.name, make_linear(in, part.out),
                                   {x, parameter(block_name(l) + part.name + ".weight")}));
    }
    return values;
  }
  if (parts.empty()) return {};
  ProjectionSpec spec{.in = in, .out = {}};
  std::vector<std::string> weights;
  std::string name = layer_name(l);
  for (const Part& part : parts) {
    spec.out.push_back(part.out);
    weights.push_back(block_name(l) + part.name + ".weight");
    name += part.name;
  }
  return projection(name, weights, x, std::move(spec));
}

ValueId Builder::linear(int l, const std::string& part, ValueId x, int64_t in, int64_t out) {
  return linears(l, {{part, out}}, x, in).at(0);
}

ValueId Builder::norm(int l, const std::string& part, ValueId x) {
  return graph_.add1(layer_name(l) + part, make_rmsnorm(config_.dim, config_.norm_eps),
                     {x, parameter(block_name(l) + part + ".weight")});
}

int Builder::heads_of(Port port, int l) const {
  switch (port) {
    case Port::k:
    case Port::v:
      return static_cast<int>(layer(l).kv_heads);
    case Port::q:
    case Port::o:
      return static_cast<int>(config_.heads);
    default:
      return 1;
  }
}

int64_t Builder::width_of(Port port) const {
  return port == Port::x || port == Port::y ? config_.dim : config_.head_dim;
}

// One source head of a term for one destination head. Values feed o by group.
HeadPlace Builder::source_head(const Term& term, const ResolvedMix& mix, int head) {
  const Port from = term.source.port, to = mix.destination.port;
  if (to == Port::o && from == Port::v) {
    head /= static_cast<int>(layer(mix.destination.layer).group(config_.heads));
  }
  Tap tap = term.source;
  const bool self = tap.port == to && tap.layer == mix.destination.layer;
  tap.raw = tap.raw || self;
  return taps_.at(tap)[static_cast<size_t>(head)];
}

// Every softmax over gains, once for all layers.
void Builder::add_softmax_groups() {
  for (const GainRef& gain : layout_.gains) {
    if (gain.kind != GainKind::softmax_member || softmax_groups_.contains(gain.tensor)) continue;
    const ValueId logits = gain_tensor(gain.tensor), factor = gain_tensor(gain.companion);
    softmax_groups_[gain.tensor] =
        graph_.add1(graph_.value(logits).name + ".softmax", make_softmax_gain(), {logits, factor});
  }
}

// Where the coefficient of a term is: an element of a value, or a gate of its own.
HeadPlace Builder::gain_place(const ResolvedMix& mix, const GainRef& gain) {
  switch (gain.kind) {
    case GainKind::softmax_member:
      return {softmax_groups_.at(gain.tensor), gain.element};
    case GainKind::gate:
      return {gate(mix, gain), 0};
    case GainKind::scalar:
      break;
  }
  return {gain_tensor(gain.tensor), gain.element};
}

// The gate of the mix's heads, [rows, heads]; terms of one mix share it.
ValueId Builder::gate(const ResolvedMix& mix, const GainRef& gain) {
  const auto [at, fresh] = gates_.try_emplace({gain.tensor, gain.element, mix.heads.first}, -1);
  if (!fresh) return at->second;
  const int64_t heads = mix.heads.last - mix.heads.first, dim = config_.dim;
  const int64_t weight = gain.element + mix.heads.first * dim;
  const int64_t bias = gain.element / dim + mix.heads.first;
  std::vector<Use> inputs = {normed_};
  inputs.emplace_back(gain_tensor(gain.tensor),
                      std::vector<Columns>{{weight, weight + heads * dim}});
  inputs.emplace_back(gain_tensor(gain.companion), std::vector<Columns>{{bias, bias + heads}});
  const std::string name =
      layer_name(mix.destination.layer) + ".gate." + weft::name_of(mix.destination.port);
  const GateSpec spec{.dim = dim, .heads = heads, .weight = weight, .bias = bias};
  return at->second = graph_.add1(name, make_gate(spec), std::move(inputs));
}

std::vector<HeadPlace> Builder::mixed(const ResolvedMix& mix) {
  const Tap to = mix.destination;
  const int64_t width = width_of(to.port);
  InputList inputs;
  MixSpec spec{.heads = mix.heads.last - mix.heads.first, .width = width, .terms = {}};
  for (const Term& term : mix.terms) {
    MixTerm t;
    t.scale = term.scale;
    t.complement = term.complement;
    for (int h = mix.heads.first; h < mix.heads.last; ++h) {
      t.heads.push_back(inputs.head(source_head(term, mix, h), width));
    }
    if (term.gain >= 0) {
      const GainRef& gain = layout_.gains[static_cast<size_t>(term.gain)];
      const HeadPlace place = gain_place(mix, gain);
      t.kind = gain.kind == GainKind::gate ? MixTerm::Gain::gate : MixTerm::Gain::scalar;
      t.gain =
          t.kind == MixTerm::Gain::gate ? inputs.whole(place.value) : inputs.head(place, 1).input;
      t.gain_element = place.column;
    }
    spec.terms.push_back(std::move(t));
  }
  const std::string name = layer_name(to.layer) + ".mix." + weft::name_of(to.port);
  const ValueId value = graph_.add1(name, make_mix(spec), inputs.uses(graph_));
  return Taps::of(value, static_cast<int>(spec.heads), width);
}

void Builder::apply_mixes(Tap tap) {
  std::vector<HeadPlace> heads = taps_.at({tap.port, tap.layer, true});
  for (const ResolvedMix& mix : layout_.mixes_on(tap.port, tap.layer)) {
    std::vector<HeadPlace> made;
    if (mix.alias) {
      for (int h = mix.heads.first; h < mix.heads.last; ++h) {
        made.push_back(source_head(mix.terms[0], mix, h));
      }
    } else {
      made = mixed(mix);
    }
    std::copy(made.begin(), made.end(), heads.begin() + mix.heads.first);
  }
  taps_[{tap.port, tap.layer, false}] = std::move(heads);
}

ValueId Builder::joined(Tap tap, const std::string& name) {
  const std::vector<HeadPlace>& heads = taps_.at(tap);
  const int64_t width = width_of(tap.port);
  bool one = true;
  for (size_t h = 0; h < heads.size(); ++h) {
    one = one && heads[h].value == heads[0].value &&
          heads[h].column == static_cast<int64_t>(h) * width;
  }
  if (one &&
      graph_.value(heads[0].value).desc.shape[1] == width * static_cast<int64_t>(heads.size())) {
    return heads[0].value;
  }
  InputList inputs;
  MixTerm copy;
  for (const HeadPlace& h : heads) copy.heads.push_back(inputs.head(h, width));
  MixSpec spec{.heads = static_cast<int64_t>(heads.size()), .width = width, .terms = {copy}};
  return graph_.add1(name, make_mix(spec), inputs.uses(graph_));
}

void Builder::declare_caches() {
  for (const CacheSlot& slot : layout_.cache.slots) {
    const TensorDesc desc{options_.dtype,
                          {options_.batch, static_cast<int64_t>(slot.heads.size()),
                           slot_capacity(slot, options_.context), config_.head_dim}};
    built_.states.push_back(desc);
    const std::string name =
        std::string(slot.port == Port::k ? "k" : "v") + "_cache." + std::to_string(slot.layer);
    caches_.push_back(graph_.state(name, desc));
  }
  const DType exact = options_.dtype == DType::f64 ? DType::f64 : DType::f32;
  for (const RecurrentState& state : layout_.cache.states) {
    std::vector<int64_t> dims = {options_.batch};
    for (int i = 0; i < state.shape.rank(); ++i) dims.push_back(state.shape[i]);
    const TensorDesc desc{exact, Shape(dims)};
    built_.states.push_back(desc);
    states_[state.layer] = graph_.state("state." + std::to_string(state.layer), desc);
  }
}

// One table serves all layers of a theta.
std::shared_ptr<RopeTable> Builder::rope_table(double theta) {
  std::shared_ptr<RopeTable>& table = rope_tables_[theta];
  if (table == nullptr) table = std::make_shared<RopeTable>(config_.head_dim, theta);
  return table;
}

// Queries, keys and values of the heads that are projected. n: what keys and values read.
void Builder::project(int l, ValueId n) {
  std::vector<int> all(static_cast<size_t>(config_.heads));
  std::iota(all.begin(), all.end(), 0);
  const auto layer_index = static_cast<size_t>(l);
  const std::pair<Port, const std::vector<int>*> ports[] = {
      {Port::q, &all},
      {Port::k, &layout_.k_heads[layer_index]},
      {Port::v, &layout_.v_heads[layer_index]}};
  std::vector<Part> of_normed, of_n;
  const auto parts_of = [&](Port port) -> std::vector<Part>& {
    return port == Port::q || n == normed_ ? of_normed : of_n;
  };
  for (const auto& [port, heads] : ports) {
    if (heads->empty()) continue;
    const char* letter = port == Port::q ? "q" : port == Port::k ? "k" : "v";
    parts_of(port).push_back({std::string(".self_attn.") + letter + "_proj",
                              static_cast<int64_t>(heads->size()) * config_.head_dim});
  }
  std::vector<ValueId> values = linears(l, of_normed, normed_, config_.dim);
  for (const ValueId v : linears(l, of_n, n, config_.dim)) values.push_back(v);
  size_t next = 0;
  for (const auto& [port, heads] : ports) {
    place_heads(l, port, heads->empty() ? -1 : values[next++], *heads);
  }
}

// The heads of a projected value, keys and queries turned where the position asks for it.
void Builder::place_heads(int l, Port port, ValueId value, const std::vector<int>& heads) {
  std::vector<HeadPlace>& places = taps_[{port, l, true}];
  places.assign(static_cast<size_t>(heads_of(port, l)), {});
  if (heads.empty()) return;
  const auto count = static_cast<int64_t>(heads.size());
  const PositionInfo& position = axes_.positions.find(layer(l).position);
  if (port != Port::v && position.rotates) {
    const auto table = rope_table(layer(l).position_args.number("theta"));
    value = graph_.add1(layer_name(l) + ".self_attn.rope_" + (port == Port::q ? "q" : "k"),
                        make_rope(count, config_.head_dim, table->theta(), table), {value});
  }
  for (size_t i = 0; i < heads.size(); ++i) {
    places[static_cast<size_t>(heads[i])] = {value, static_cast<int64_t>(i) * config_.head_dim};
  }
}

ValueId Builder::attention(int l) {
  const LayerConfig& c = layer(l);
  const int64_t dim = config_.head_dim;
  const std::string name = layer_name(l) + ".self_attn", weights = block_name(l) + ".self_attn";
  InputList inputs;
  AttentionSpec spec;
  spec.heads = config_.heads;
  spec.kv_heads = c.kv_heads;
  spec.head_dim = dim;
  spec.window = c.window;
  spec.mechanism = c.mechanism;
  spec.args = c.mechanism_args;
  const PositionInfo& position = axes_.positions.find(c.position);
  if (position.slopes != nullptr) spec.slopes = position.slopes(c.position_args, config_.heads);
  std::vector<int> sources = {l};  // key sets: its own, then those of other layers
  const std::vector<int>& extra = layout_.extra_kv[static_cast<size_t>(l)];
  sources.insert(sources.end(), extra.begin(), extra.end());
  const auto refs = [&](Port port, std::span<const int> layers) {
    std::vector<HeadRef> out;
    for (const int from : layers) {
      for (const HeadPlace& h : taps_.at({port, from, false})) out.push_back(inputs.head(h, dim));
    }
    return out;
  };
  spec.q = refs(Port::q, {{l}});
  spec.k = refs(Port::k, sources);
  spec.v = refs(Port::v, sources);
  if (states_.contains(l)) {
    spec.state = inputs.whole(states_.at(l));
  } else if (options_.mode == Mode::generate) {
    const auto past = [&](const std::vector<CacheRef>& heads) {
      std::vector<HeadRef> out;
      for (const CacheRef& h : heads) {
        out.push_back({inputs.whole(caches_[static_cast<size_t>(h.slot)]), h.head});
      }
      return out;
    };
    spec.k_past = past(layout_.cache.k[static_cast<size_t>(l)]);
    spec.v_past = past(layout_.cache.v[static_cast<size_t>(l)]);
  }
  const MechanismInfo& mechanism = axes_.mechanisms.find(c.mechanism);
  std::vector<MechanismParameter> parameters;
  if (mechanism.parameters != nullptr) {
    parameters = mechanism.parameters(c.mechanism_args, config_.heads, dim);
  }
  std::vector<Use> output;  // what the op on the attention's output reads beside it
  for (const MechanismParameter& p : parameters) {
    const ValueId value = parameter(weights + "." + p.name);
    if (p.reader == MechanismParameter::Reader::output) {
      output.emplace_back(value);
    } else {
      spec.parameters.push_back(inputs.whole(value));
    }
  }
  const ValueId o = graph_.add1(name, make_attention(spec, axes_.mechanisms), inputs.uses(graph_));
  if (mechanism.output_op == nullptr) return o;
  auto op = mechanism.output_op(c.mechanism_args, config_.heads, dim);
  if (op == nullptr) return o;
  output.insert(output.begin(), o);
  return graph_.add1(name + ".output", std::move(op), std::move(output));
}

ValueId Builder::feed_forward(int l, ValueId h) {
  const ValueId m = norm(l, ".post_attention_layernorm", h);
  const std::vector<ValueId> gate_and_up =
      linears(l, {{".mlp.gate_proj", config_.ffn}, {".mlp.up_proj", config_.ffn}}, m, config_.dim);
  const ValueId act = graph_.add1(layer_name(l) + ".mlp.swiglu", make_swiglu(),
                                  {gate_and_up.at(0), gate_and_up.at(1)});
  return linear(l, ".mlp.down_proj", act, config_.ffn, config_.dim);
}

ValueId Builder::block(int l, ValueId x) {
  graph_.set_block(l);
  const std::string name = layer_name(l);
  taps_[{Port::x, l, true}] = Taps::of(x, 1, config_.dim);
  apply_mixes({Port::x, l});
  x = joined({Port::x, l}, name + ".x");
  gates_.clear();
  normed_ = norm(l, ".input_layernorm", x);
  const bool split = layout_.kv_norm[static_cast<size_t>(l)];
  const ValueId n = split ? norm(l, ".self_attn.kv_norm", x) : normed_;
  project(l, n);
  for (const Port port : {Port::q, Port::k, Port::v}) apply_mixes({port, l});
  taps_[{Port::o, l, true}] =
      Taps::of(attention(l), static_cast<int>(config_.heads), config_.head_dim);
  apply_mixes({Port::o, l});
  const ValueId o = linear(l, ".self_attn.o_proj", joined({Port::o, l}, name + ".o"),
                           config_.q_width(), config_.dim);
  const ValueId h = graph_.add1(name + ".self_attn.residual", make_add(), {x, o});
  const ValueId y = graph_.add1(name + ".mlp.residual", make_add(), {h, feed_forward(l, h)});
  taps_[{Port::y, l, true}] = Taps::of(y, 1, config_.dim);
  apply_mixes({Port::y, l});
  return joined({Port::y, l}, name + ".y");
}

// After every reader of this step: the cache takes in the new keys and values.
void Builder::append_caches() {
  for (size_t s = 0; s < layout_.cache.slots.size(); ++s) {
    const CacheSlot& slot = layout_.cache.slots[s];
    InputList inputs;
    CacheAppendSpec spec{.head_dim = config_.head_dim, .heads = {}};
    const auto& tap = taps_.at({slot.port, slot.layer, slot.raw});
    for (const int h : slot.heads) {
      spec.heads.push_back(inputs.head(tap[static_cast<size_t>(h)], config_.head_dim));
    }
    inputs.whole(caches_[s]);
    const std::string name = layer_name(slot.layer) + ".cache_append";
    graph_.add(name, make_cache_append(spec), inputs.uses(graph_));
  }
}

void Builder::finish(ValueId x) {
  const int last = static_cast<int>(config_.depth());
  graph_.set_block(-1);
  taps_[{Port::x, last, true}] = Taps::of(x, 1, config_.dim);
  apply_mixes({Port::x, last});
  x = joined({Port::x, last}, "model.x");
  const bool generate = options_.mode == Mode::generate;
  if (generate) {
    append_caches();
    x = graph_.add1("last_row", make_last_row(), {x});
    graph_.set_last_rows(true);
  }
  const ValueId n = graph_.add1("model.norm", make_rmsnorm(config_.dim, config_.norm_eps),
                                {x, parameter("model.norm.weight")});
  const std::string head = config_.tie_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  if (generate || options_.mode == Mode::logits) {
    const auto output = options_.dtype == DType::bf16 ? LinearOutput::f32 : LinearOutput::same;
    const ProjectionSpec spec{.in = config_.dim, .out = {config_.vocab}, .output = output};
    built_.logits = generate
                        ? projection("lm_head", {head}, n, spec).at(0)
                        : graph_.add1("lm_head", make_linear(config_.dim, config_.vocab, output),
                                      {n, parameter(head)});
    graph_.keep(built_.logits);
    return;
  }
  const auto losses =
      graph_.add("loss", make_cross_entropy(config_.dim, config_.vocab), {n, parameter(head)});
  built_.loss = losses.at(0);
  built_.count = losses.at(1);
  built_.row_losses = losses.at(2);
  built_.right = losses.at(3);
  for (const ValueId v : losses) graph_.keep(v);
}

BuiltProgram Builder::run() {
  const int64_t rows = options_.batch * options_.time;
  const ValueId tokens = graph_.input("tokens", {DType::i32, {rows, 1}});
  if (options_.mode == Mode::generate) declare_caches();
  ValueId x =
      graph_.add1("model.embed_tokens", make_embedding(config_.vocab, config_.dim, options_.dtype),
                  {tokens, parameter("model.embed_tokens.weight")});
  taps_[{Port::y, -1, true}] = taps_[{Port::y, -1, false}] = Taps::of(x, 1, config_.dim);
  add_softmax_groups();
  for (int l = 0; l < static_cast<int>(config_.depth()); ++l) x = block(l, x);
  finish(x);
  built_.kept = taps_.keep(options_.keep, graph_);
  const PlanOptions plan{.training = options_.mode == Mode::train, .recompute = options_.recompute};
  built_.program = Program(std::move(graph_), plan);
  return std::move(built_);
}

}  // namespace

std::vector<void*> parameter_pointers(const BuiltProgram& built, const Parameters& parameters) {
  std::vector<void*> out;
  for (const ParameterSlot& slot : built.parameters) {
    if (slot.part != WeightPart::whole && parameters.has_int8(slot.parameter)) {
      const Int8Matrix& matrix = parameters.int8(slot.parameter);
      out.push_back(slot.part == WeightPart::integers ? matrix.integers.data()
                                                      : matrix.scales.data());
      continue;
    }
    const bool copy = slot.dtype == DType::bf16;
    const bool exists =
        slot.part == WeightPart::whole &&
        (copy ? parameters.has_bf16(slot.parameter)
              : parameters.has_master(slot.parameter) && parameters.master_dtype() == slot.dtype);
    if (!exists) {
      fail(ErrorCode::usage,
           {"program",
            parameters.spec(slot.parameter).name + " in " + std::string(name_of(slot.dtype)),
            "weights without that copy", "load the model in that precision"});
    }
    out.push_back(copy ? parameters.bf16_copy(slot.parameter).data
                       : parameters.master(slot.parameter).data);
  }
  return out;
}

BuiltProgram build(const ModelConfig& config, const Layout& layout, const BuildOptions& options,
                   const Axes& axes) {
  if (options.weights == WeightType::int8 && options.mode != Mode::generate) {
    fail(ErrorCode::usage, {"program", "int8 weights in a program that generates",
                            "one that does not", "evaluate the dequantised model"});
  }
  return Builder(config, layout, options, axes).run();
}

}  // namespace weft
