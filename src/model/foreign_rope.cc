#include "model/foreign_rope.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "io/utf8.h"
#include "model/foreign_keys.h"

namespace weft {
namespace {

using nlohmann::json;

struct Scaling {
  std::string_view type, effect;
};
constexpr Scaling kScalings[] = {
    {"linear", "all angles would be divided by its factor"},
    {"dynamic", "the base would grow with texts longer than max_position_embeddings"},
    {"ntk", "the base would be another"},
    {"yarn", "slow angles would be divided by its factor, and scores scaled"},
    {"longrope", "every angle would have a factor of its own"},
    {"su", "every angle would have a factor of its own"},
    {"llama3", "slow angles would be divided by its factor"},
    {"mrope", "angles would depend on places in an image"},
    {"proportional", "a part of each head only would be rotated"},
};

[[noreturn]] void refuse(std::string_view where, std::string_view key, std::string expected,
                         std::string got, std::string hint = "") {
  fail(ErrorCode::config, {where.empty() ? std::string(key) : fmt::format("{}: {}", where, key),
                           std::move(expected), std::move(got), std::move(hint)});
}

double base(const json& value, std::string_view where, const std::string& key) {
  const bool right = value.is_number() && value.get<double>() >= 1 && value.get<double>() <= 1e300;
  if (!right) refuse(where, key, "a number from 1 to 1e+300", spelled(value));
  return value.get<double>();
}

// Under either of its names; "default" where there is none.
std::string type_of(const json& table, std::string_view where, const std::string& name) {
  std::string type;
  for (const char* key : {"rope_type", "type"}) {
    const auto it = table.find(key);
    if (it == table.end() || it->is_null()) continue;
    if (!it->is_string()) refuse(where, name + "." + key, "a string", spelled(*it));
    const std::string found = it->get<std::string>();
    if (!type.empty() && found != type) {
      refuse(where, name + ".type", "the rope_type beside it, " + io::in_quotes(type),
             io::in_quotes(found));
    }
    type = found;
  }
  return type.empty() ? "default" : type;
}

// The keys that an unscaled rotation may have, each with a value that scales nothing.
void check_default(const json& table, std::string_view where, const std::string& name) {
  for (const auto& [key, value] : table.items()) {
    if (key == "rope_type" || key == "type" || key == "rope_theta" || value.is_null()) continue;
    const bool whole = (key == "factor" || key == "partial_rotary_factor") && value == 1;
    if (whole) continue;
    refuse(where, name + "." + key,
           key == "partial_rotary_factor" ? "1" : "rope_type and rope_theta alone", spelled(value),
           key == "partial_rotary_factor" ? "a part of each head only would be rotated"
           : value.is_object()            ? "layers would have rotations of their own"
                                          : "it belongs to scaled rotary positions");
  }
}

std::optional<double> base_of_table(const json& table, std::string_view where,
                                    const std::string& name) {
  if (!table.is_object()) refuse(where, name, "a table", spelled(table));
  const std::string type = type_of(table, where, name);
  const bool whole = type == "linear" && table.value("factor", json()) == 1;
  if (type != "default" && !whole) {
    const auto* known = std::find_if(std::begin(kScalings), std::end(kScalings),
                                     [&](const Scaling& s) { return s.type == type; });
    refuse(
        where, name + ".rope_type", "\"default\"", io::in_quotes(type),
        known == std::end(kScalings) ? "the angles would be others" : std::string(known->effect));
  }
  check_default(table, where, name);
  const auto theta = table.find("rope_theta");
  if (theta == table.end() || theta->is_null()) return {};
  return base(*theta, where, name + ".rope_theta");
}

}  // namespace

std::optional<double> rope_base(const json& config, std::string_view where) {
  std::optional<double> found;
  std::string source;
  const auto take = [&](std::optional<double> theta, const std::string& key) {
    if (!theta) return;
    if (found && *found != *theta) {
      refuse(where, key, fmt::format("the {} of {}", *found, source), fmt::format("{}", *theta),
             "programs differ in which of the two they take");
    }
    found = theta;
    source = key;
  };
  for (const char* name : {"rope_parameters", "rope_scaling"}) {
    const auto table = config.find(name);
    if (table == config.end() || table->is_null()) continue;
    take(base_of_table(*table, where, name), std::string(name) + ".rope_theta");
  }
  const auto theta = config.find("rope_theta");
  if (theta != config.end()) take(base(*theta, where, "rope_theta"), "rope_theta");
  return found;
}

}  // namespace weft
