#include "model/config_check.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/error.h"

namespace weft {
namespace {

[[noreturn]] void refuse(std::string key, std::string expected, std::string got,
                         std::string hint = "") {
  fail(ErrorCode::config, {std::move(key), std::move(expected), std::move(got), std::move(hint)});
}

void within(const std::string& key, int64_t value, SizeBounds bounds) {
  if (value >= bounds.least && value <= bounds.most) return;
  refuse(key, fmt::format("an integer from {} to {}", bounds.least, bounds.most),
         std::to_string(value));
}

void check_loop(const ModelConfig& c) {
  within("model.loop.first", c.loop.first, {0, c.layers - 1});
  within("model.loop.last", c.loop.last, {c.loop.first, c.layers - 1});
  within("model.loop.repeats", c.loop.repeats, size_bounds::layers);
  if (c.depth() <= size_bounds::layers.most) return;
  refuse("model.loop.repeats", fmt::format("at most {} executed layers", size_bounds::layers.most),
         fmt::format("{} of {} blocks", c.depth(), c.layers));
}

void check_sizes(const ModelConfig& c) {
  within("model.vocab", c.vocab, size_bounds::vocab);
  within("model.dim", c.dim, size_bounds::dim);
  within("model.layers", c.layers, size_bounds::layers);
  within("model.heads", c.heads, size_bounds::heads);
  within("model.head_dim", c.head_dim, size_bounds::head_dim);
  within("model.ffn", c.ffn, size_bounds::ffn);
  within("model.context", c.context, size_bounds::context);
  check_loop(c);
  if (c.depth() * c.heads > 65536) {
    refuse("model.heads", fmt::format("at most {} with {} layers", 65536 / c.depth(), c.depth()),
           std::to_string(c.heads));
  }
  if (!(c.norm_eps > 0 && c.norm_eps <= 1)) {
    refuse("model.norm_eps", "a number above 0 and at most 1", fmt::format("{}", c.norm_eps));
  }
}

void check_layer(const ModelConfig& c, size_t index, const Axes& axes) {
  const LayerConfig& layer = c.layer[index];
  const std::string where = fmt::format(" (layer {})", index);
  if (layer.kv_heads < 1 || layer.kv_heads > c.heads || c.heads % layer.kv_heads != 0) {
    refuse("model.kv_heads" + where, fmt::format("a divisor of model.heads = {}", c.heads),
           std::to_string(layer.kv_heads));
  }
  within("model.window" + where, layer.window, size_bounds::window);
  const MechanismInfo& mechanism = axes.mechanisms.find(layer.mechanism);
  const PositionInfo& position = axes.positions.find(layer.position);
  if (position.rotates && c.head_dim % 2 != 0) {
    refuse("model.head_dim", "an even number under position " + layer.position,
           std::to_string(c.head_dim),
           c.q_width() == c.dim ? fmt::format("model.dim / model.heads is {} / {}", c.dim, c.heads)
                                : "");
  }
  if (!mechanism.traits.recurrent) return;
  if (position.slopes != nullptr) {
    refuse("model.position" + where, "a position without slopes under mechanism " + layer.mechanism,
           layer.position, "it has no scores that slopes could be added to");
  }
  if (layer.window != 0) {
    refuse("model.window" + where, "0 under mechanism " + layer.mechanism,
           std::to_string(layer.window), "a recurrent state has no window");
  }
}

}  // namespace

void check_config(const ModelConfig& config, const Axes& axes) {
  check_sizes(config);
  if (static_cast<int64_t>(config.layer.size()) != config.depth()) {
    refuse("model.layer", fmt::format("one entry for each of {} layers", config.depth()),
           std::to_string(config.layer.size()));
  }
  std::map<int64_t, size_t> first;  // execution of each block
  for (size_t l = 0; l < config.layer.size(); ++l) {
    check_layer(config, l, axes);
    const int64_t block = config.block_of(static_cast<int64_t>(l));
    const size_t other = first.try_emplace(block, l).first->second;
    if (config.layer[l] == config.layer[other]) continue;
    refuse("model.layer",
           fmt::format("layers {} and {} alike, as both run block {}", other, l, block),
           "different settings");
  }
  if (config.composition != kAliasWins && config.composition != kBlendFollower) {
    refuse("model.composition", fmt::format("{} or {}", kAliasWins, kBlendFollower),
           "\"" + config.composition + "\"");
  }
  std::set<std::string> names;
  for (const WiringConfig& w : config.wiring) {
    if (!names.insert(w.name).second) {
      refuse("model.wiring", "every wiring once", "\"" + w.name + "\" twice");
    }
  }
}

}  // namespace weft
