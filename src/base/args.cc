#include "base/args.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace weft {
namespace {

std::string_view type_name(const Arg& a) {
  constexpr std::string_view names[] = {"true or false", "an integer", "a number", "a word",
                                        "a list of integers"};
  return names[a.index()];
}

// The value in the type of the declaration, or no value where the types do not meet.
bool coerce(const Arg& value, const Arg& wanted, Arg& out) {
  out = value;
  if (value.index() == wanted.index()) return true;
  if (std::holds_alternative<double>(wanted) && std::holds_alternative<int64_t>(value)) {
    out = static_cast<double>(std::get<int64_t>(value));
    return true;
  }
  if (std::holds_alternative<std::string>(wanted) &&
      !std::holds_alternative<std::vector<int64_t>>(value)) {
    out = to_string(value);
    return true;
  }
  return false;
}

void check_range(const std::string& where, const ArgSpec& spec, const Arg& value) {
  double x = 0;
  if (const auto* i = std::get_if<int64_t>(&value)) {
    x = static_cast<double>(*i);
  } else if (const auto* d = std::get_if<double>(&value)) {
    x = *d;
  } else if (const auto* s = std::get_if<std::string>(&value)) {
    if (spec.choices.empty() ||
        std::find(spec.choices.begin(), spec.choices.end(), *s) != spec.choices.end()) {
      return;
    }
    fail(ErrorCode::config,
         {where, fmt::format("one of {}", fmt::join(spec.choices, ", ")), "\"" + *s + "\"", ""});
  } else {
    return;
  }
  if (std::isfinite(x) && x >= spec.least && x <= spec.most) return;
  std::string range = fmt::format("at least {}", spec.least);
  if (spec.most < 1e300) range += fmt::format(" and at most {}", spec.most);
  if (spec.least <= -1e300) range = "a finite number";
  fail(ErrorCode::config, {where, range, to_string(value), ""});
}

}  // namespace

Args::Args(std::string_view where, std::span<const ArgSpec> specs,
           const std::map<std::string, Arg>& given) {
  std::vector<std::string> names;
  for (const ArgSpec& spec : specs) {
    names.emplace_back(spec.name);
    values_[std::string(spec.name)] = spec.fallback;
  }
  for (const auto& [name, value] : given) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&, &name = name](const ArgSpec& s) { return s.name == name; });
    const std::string key = std::string(where) + "." + name;
    if (spec == specs.end()) {
      fail(ErrorCode::config,
           {std::string(where), "a known argument", "\"" + name + "\"", suggestion(name, names)});
    }
    Arg typed;
    if (!coerce(value, spec->fallback, typed)) {
      fail(ErrorCode::config, {key, std::string(type_name(spec->fallback)), to_string(value), ""});
    }
    check_range(key, *spec, typed);
    values_[name] = typed;
    given_[name] = true;
  }
}

namespace {
template <class T>
const T& fetch(const std::map<std::string, Arg, std::less<>>& values, std::string_view name) {
  const auto it = values.find(name);
  if (it == values.end() || !std::holds_alternative<T>(it->second)) {
    fail(ErrorCode::usage, {"args", "a declared argument", std::string(name), ""});
  }
  return std::get<T>(it->second);
}
}  // namespace

bool Args::flag(std::string_view name) const {
  return fetch<bool>(values_, name);
}
int64_t Args::integer(std::string_view name) const {
  return fetch<int64_t>(values_, name);
}
double Args::number(std::string_view name) const {
  return fetch<double>(values_, name);
}
const std::string& Args::text(std::string_view name) const {
  return fetch<std::string>(values_, name);
}
const std::vector<int64_t>& Args::list(std::string_view name) const {
  return fetch<std::vector<int64_t>>(values_, name);
}
bool Args::given(std::string_view name) const {
  return given_.find(name) != given_.end();
}

std::string to_string(const Arg& value) {
  struct Visitor {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(int64_t i) const { return std::to_string(i); }
    std::string operator()(double d) const {
      const std::string s = fmt::format("{}", d);
      return s.find_first_not_of("-0123456789") == std::string::npos ? s + ".0" : s;
    }
    std::string operator()(const std::string& s) const { return s; }
    std::string operator()(const std::vector<int64_t>& v) const {
      return fmt::format("[{}]", fmt::join(v, ", "));
    }
  };
  return std::visit(Visitor{}, value);
}

namespace {
size_t edits(std::string_view a, std::string_view b) {
  // Insertions, deletions, changes, and two neighbours swapped.
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}
}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  size_t fewest = std::max<size_t>(1, (word.size() + 2) / 3) + 1;
  for (const std::string& c : candidates) {
    const size_t n = edits(word, c);
    if (n < fewest) fewest = n, best = c;
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string> candidates) {
  const std::string near = nearest(word, candidates);
  if (!near.empty()) return "did you mean \"" + near + "\"?";
  if (candidates.empty()) return "there are none";
  return fmt::format("there are {}", fmt::join(candidates, ", "));
}

}  // namespace weft
