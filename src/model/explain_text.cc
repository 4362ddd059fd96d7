#include <fmt/format.h>

#include <algorithm>

#include "model/explain.h"
#include "model/formula.h"
#include "model/head_rules.h"

namespace weft {
namespace {

// At most `width` columns, ending in an ellipsis where something was cut.
std::string fit(const std::string& s, size_t width) {
  return s.size() <= width ? s : s.substr(0, width - 2) + "..";
}

// Where the heads of a layer's keys or values come from: "own", "v[0]", "own,v[0]", "mix".
std::string origin(const Explanation& e, const LayerPlan& layer, const std::vector<int>& slots) {
  std::vector<std::string> names;
  for (const int index : slots) {
    const CacheSlot& slot = e.slots[static_cast<size_t>(index)];
    std::string from = slot.raw ? "own" : "mixed";
    if (slot.layer != layer.layer) {
      from = fmt::format("{}{}[{}]", slot.raw ? "" : "mixed ", name_of(slot.port), slot.layer);
    }
    if (std::find(names.begin(), names.end(), from) == names.end()) names.push_back(from);
  }
  return names.empty() ? "state" : fmt::format("{}", fmt::join(names, ", "));
}

void wrap(std::string& out, const std::string& text) {
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find(' ', at);
    if (end == std::string::npos) end = text.size();
    if (column > 2 && column + 1 + (end - at) > 80) {
      out += "\n";
      column = 0;
    }
    out += column == 0 ? "  " : " ";
    column += (column == 0 ? 2 : 1) + (end - at);
    out += text.substr(at, end - at);
    at = end + 1;
  }
  out += "\n";
}

// The names of what is composed; what that comes down to is drawn further down.
std::string wirings(const ModelConfig& c) {
  std::string line;
  for (const WiringConfig& w : c.wiring) line += (line.empty() ? "wiring: " : ", ") + w.name;
  if (!c.mixes.empty()) {
    line += fmt::format("{}{} own {}", line.empty() ? "wiring: " : ", ", c.mixes.size(),
                        c.mixes.size() == 1 ? "mix" : "mixes");
  }
  return line.empty() ? "" : line + "\n";
}

void numbers(std::string& out, const ModelConfig& c, const Explanation& e) {
  out += fmt::format("{}: {} layers, dim {}, {} heads of {}, ffn {}, vocab {}\n", c.design,
                     c.depth(), c.dim, c.heads, c.head_dim, c.ffn, c.vocab);
  if (c.loop.repeats > 1) {
    out += fmt::format("loop: {} blocks, {} to {} run {} times{}\n", c.layers, c.loop.first,
                       c.loop.last, c.loop.repeats,
                       c.loop.inject ? ", each time with the first input added" : "");
  }
  out += wirings(c) + "\n";
  out += fmt::format("parameters      {:>16}\n", grouped(e.parameters));
  for (int g = 0; g < kParameterGroups; ++g) {
    const int64_t n = e.by_group[static_cast<size_t>(g)];
    if (n > 0)
      out += fmt::format("  {:<14}{:>16}\n", name_of(static_cast<ParameterGroup>(g)), grouped(n));
  }
  out += fmt::format("\nFLOPs per token at {} tokens\n", grouped(e.context));
  out += fmt::format("  forward       {:>16.4g}\n", e.forward_flops);
  out += fmt::format("  training      {:>16.4g}\n", e.training_flops);
  out += fmt::format("  decoding      {:>16.4g}\n", e.decode_flops);
  const char* type = e.element == 2 ? "bf16" : e.element == 8 ? "f64" : "f32";
  out += fmt::format("\nKV cache in {}, {} bytes a number\n", type, e.element);
  out += fmt::format("  per token     {:>16}\n", in_bytes(e.cache_per_token));
  if (e.cache_fixed > 0) out += fmt::format("  fixed         {:>16}\n", in_bytes(e.cache_fixed));
  out += fmt::format("  {:<14}{:>16}\n", grouped(e.context) + " tokens", in_bytes(e.cache_total));

  out += fmt::format("\nread to decode a token at {} tokens\n", grouped(e.context));
  out += fmt::format("  weights       {:>16}\n", in_bytes(e.weights_read_per_token));
  out += fmt::format("  cache         {:>16}\n", in_bytes(e.cache_read_per_token));
}

// The row of a layer, without its number.
std::string columns(const Explanation& e, const LayerPlan& l) {
  return fmt::format("{:<15}{:<7}{:>7} {:>9} {:>9}  {:<11} {}", fit(l.mechanism, 14),
                     fit(l.position, 6), l.window == 0 ? "all" : fit(std::to_string(l.window), 7),
                     fit(ranges(l.k_heads), 9), fit(ranges(l.v_heads), 9),
                     fit(origin(e, l, l.k_slots), 11), fit(origin(e, l, l.v_slots), 10));
}

}  // namespace

std::string grouped(int64_t n) {
  std::string s = std::to_string(n);
  for (int i = static_cast<int>(s.size()) - 3; i > 0; i -= 3) s.insert(static_cast<size_t>(i), ",");
  return s;
}

std::string in_bytes(int64_t n) {
  if (n < 10 * 1024) return fmt::format("{} B", grouped(n));
  const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  double x = static_cast<double>(n) / 1024;
  size_t unit = 0;
  for (; x >= 1024 && unit < 3; ++unit) x /= 1024;
  return fmt::format("{:.1f} {}", x, units[unit]);
}

std::string explain_text(const ModelConfig& c, const Explanation& e) {
  std::string out;
  numbers(out, c, e);
  out += fmt::format("\n{:<6}{:<15}{:<7}{:>7} {:>9} {:>9}  {:<11} {}\n", "layer", "mechanism",
                     "order", "window", "k heads", "v heads", "reads k", "reads v");
  std::string row;
  for (size_t first = 0, l = 0; l < e.layers.size(); ++l) {
    if (l == first) row = columns(e, e.layers[l]);
    if (l + 1 < e.layers.size() && columns(e, e.layers[l + 1]) == row) continue;
    out += fmt::format("{:<6}{}\n",
                       l == first ? fmt::format("{}", l) : fmt::format("{}-{}", first, l), row);
    first = l + 1;
  }
  if (!e.notes.empty()) out += "\nnotes\n";
  for (const std::string& note : e.notes) wrap(out, note);
  return out;
}

}  // namespace weft
