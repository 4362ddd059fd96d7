#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cli/op_attention.h"
#include "io/toml.h"
#include "io/utf8.h"

namespace weft::cli {
namespace {

Arg to_arg(const std::string& key, const io::Value& value) {
  if (const auto* b = value.as<bool>()) return *b;
  if (const auto whole = value.whole()) return *whole;
  if (const auto* d = value.as<double>()) return *d;
  if (const auto* s = value.as<std::string>()) return *s;
  fail(ErrorCode::usage,
       {"op attention: " + key, "a boolean, a number or a word", std::string(value.kind())});
}

/// The settings that belong to the op itself, with their types and ranges.
const ArgSpec kOwn[] = {
    {.name = "mechanism", .fallback = std::string("softmax"), .help = "how scores become weights"},
    {.name = "position", .fallback = std::string("none"), .help = "applied to q and k first"},
    {.name = "scale", .fallback = 0.0, .help = "of q.k; 0: 1/sqrt(D)"},
    {.name = "window", .fallback = int64_t{0}, .help = "visible keys; 0: all", .least = 0},
};

bool declares(std::span<const ArgSpec> specs, const std::string& name) {
  return std::any_of(specs.begin(), specs.end(), [&](const ArgSpec& s) { return s.name == name; });
}

using Given = std::map<std::string, Arg>;

/// Moves what `specs` declares out of `given`.
Given take(Given& given, std::span<const ArgSpec> specs) {
  Given taken;
  for (auto it = given.begin(); it != given.end();) {
    if (declares(specs, it->first)) {
      taken.insert(given.extract(it++));
    } else {
      ++it;
    }
  }
  return taken;
}

}  // namespace

AttentionSettings read_attention_settings(std::span<const std::string> settings) {
  Given given;
  for (const std::string& text : settings) {
    const io::Override set = io::parse_override(text);
    const std::string key = io::to_string(set.path);
    given.insert_or_assign(key, to_arg(key, set.value));
  }
  const Args own("op attention", kOwn, take(given, kOwn));
  AttentionSettings s;
  s.mechanism = own.text("mechanism");
  s.position = own.text("position");
  s.scale = own.number("scale");
  s.window = own.integer("window");
  const MechanismInfo& mechanism = MechanismRegistry().find(s.mechanism);
  const PositionInfo& position = PositionRegistry().find(s.position);
  s.mechanism_args = Args(s.mechanism, mechanism.args, take(given, mechanism.args));
  s.position_args = Args(s.position, position.args, take(given, position.args));
  if (given.empty()) return s;
  std::vector<std::string> names;
  for (const std::span<const ArgSpec> specs :
       {std::span<const ArgSpec>(kOwn), mechanism.args, position.args}) {
    for (const ArgSpec& spec : specs) names.emplace_back(spec.name);
  }
  fail(ErrorCode::usage,
       {"op attention",
        fmt::format("a setting of mechanism {} and position {}", s.mechanism, s.position),
        io::in_quotes(given.begin()->first), suggestion(given.begin()->first, names)});
}

}  // namespace weft::cli
