#include "model/parameter_list.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft {
namespace {

class List {
 public:
  List(const ModelConfig& config, const Layout& layout, const Axes& axes)
      : config_(config), layout_(layout), axes_(axes) {}

  std::vector<ParameterSpec> make() {
    linear("model.embed_tokens.weight", config_.vocab, config_.dim, ParameterGroup::embedding)
        .decay = false;
    std::vector<std::vector<size_t>> executions(static_cast<size_t>(config_.layers));
    for (size_t l = 0; l < config_.layer.size(); ++l) {
      executions[static_cast<size_t>(config_.block_of(static_cast<int64_t>(l)))].push_back(l);
    }
    for (size_t b = 0; b < executions.size(); ++b) block(b, executions[b]);
    for (const GainTensor& gain : layout_.gain_tensors) {
      ParameterSpec& p =
          vector("model.wiring." + gain.name, gain.shape, Init::values, ParameterGroup::gains);
      p.values = gain.init;
      if (gain.init.empty()) p.init = Init::zeros;
      p.gain = true;
    }
    vector("model.norm.weight", {config_.dim}, Init::ones, ParameterGroup::norms);
    if (!config_.tie_embeddings) {
      linear("lm_head.weight", config_.vocab, config_.dim, ParameterGroup::head);
    }
    return std::move(list_);
  }

 private:
  // `layers`: the executed layers that run the block.
  void block(size_t number, const std::vector<size_t>& layers) {
    executions_ = static_cast<int64_t>(layers.size());
    const std::string prefix = fmt::format("model.layers.{}.", number);
    const std::string attn = prefix + "self_attn.", mlp = prefix + "mlp.";
    const int64_t dim = config_.dim, width = config_.q_width();
    vector(prefix + "input_layernorm.weight", {dim}, Init::ones, ParameterGroup::norms);
    const auto splits =
        std::count_if(layers.begin(), layers.end(), [&](size_t l) { return layout_.kv_norm[l]; });
    if (splits > 0) {
      vector(attn + "kv_norm.weight", {dim}, Init::ones, ParameterGroup::norms).uses = splits;
    }
    linear(attn + "q_proj.weight", width, dim, ParameterGroup::attention);
    heads(attn + "k_proj.weight", layout_.k_heads, layers);
    heads(attn + "v_proj.weight", layout_.v_heads, layers);
    linear(attn + "o_proj.weight", dim, width, ParameterGroup::attention);
    mechanism(attn, config_.layer[layers.front()]);
    vector(prefix + "post_attention_layernorm.weight", {dim}, Init::ones, ParameterGroup::norms);
    linear(mlp + "gate_proj.weight", config_.ffn, dim, ParameterGroup::ffn);
    linear(mlp + "up_proj.weight", config_.ffn, dim, ParameterGroup::ffn);
    linear(mlp + "down_proj.weight", dim, config_.ffn, ParameterGroup::ffn);
    executions_ = 1;
  }

  ParameterSpec& add(std::string name, Shape shape, ParameterGroup group, Init init) {
    ParameterSpec& p = list_.emplace_back();
    p.name = std::move(name);
    p.shape = shape;
    p.group = group;
    p.init = init;
    p.uses = executions_;
    return p;
  }

  ParameterSpec& linear(std::string name, int64_t out, int64_t in, ParameterGroup group) {
    return add(std::move(name), {out, in}, group, Init::normal);
  }

  ParameterSpec& vector(std::string name, Shape shape, Init init, ParameterGroup group) {
    ParameterSpec& p = add(std::move(name), shape, group, init);
    p.decay = false;
    return p;
  }

  // The rows of k_proj or v_proj that exist; no tensor where there are none. Every layer of a block
  // that projects at all projects the same heads.
  void heads(std::string name, const std::vector<std::vector<int>>& projected,
             const std::vector<size_t>& layers) {
    std::vector<int> kept;
    int64_t uses = 0;
    for (const size_t l : layers) {
      if (projected[l].empty()) continue;
      kept = projected[l];
      ++uses;
    }
    if (kept.empty()) return;
    const int64_t rows = static_cast<int64_t>(kept.size()) * config_.head_dim;
    ParameterSpec& p = linear(std::move(name), rows, config_.dim, ParameterGroup::attention);
    p.rows_from = kept;
    p.uses = uses;
    p.head_rows = config_.head_dim;
  }

  void mechanism(const std::string& prefix, const LayerConfig& layer) {
    const MechanismInfo& info = axes_.mechanisms.find(layer.mechanism);
    if (info.parameters == nullptr) return;
    const Args args = info.settled(layer.mechanism_args);
    for (const MechanismParameter& m : info.parameters(args, config_.heads, config_.head_dim)) {
      ParameterSpec& p = vector(prefix + m.name, m.shape, Init::values, ParameterGroup::attention);
      if (m.init == 0) p.init = Init::zeros;
      if (m.init == 1) p.init = Init::ones;
      if (p.init == Init::values) p.values.assign(static_cast<size_t>(m.shape.numel()), m.init);
    }
  }

  const ModelConfig& config_;
  const Layout& layout_;
  const Axes& axes_;
  int64_t executions_ = 1;  // of the block whose parameters are being listed
  std::vector<ParameterSpec> list_;
};

}  // namespace

const char* name_of(ParameterGroup group) {
  constexpr const char* names[kParameterGroups] = {"embedding", "attention", "ffn",
                                                   "norms",     "gains",     "head"};
  return names[static_cast<size_t>(group)];
}

int64_t ParameterSpec::full_element(int64_t i) const {
  if (rows_from.empty()) return i;
  const int64_t head = head_rows * shape[1];  // elements of one head
  return rows_from[static_cast<size_t>(i / head)] * head + i % head;
}

std::vector<ParameterSpec> parameter_list(const ModelConfig& config, const Layout& layout,
                                          const Axes& axes) {
  return List(config, layout, axes).make();
}

}  // namespace weft
