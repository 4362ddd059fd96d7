#include "cli/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/args.h"
#include "base/error.h"
#include "io/utf8.h"
#include "train/config_keys.h"

namespace weft::cli {
namespace {

bool is_flag(const std::string& name) {
  return name.rfind("--", 0) == 0;
}

std::string spelled(IntegerRange range) {
  const IntegerRange all;
  if (range.least == all.least && range.most == all.most) return "an integer";
  if (range.most == all.most) return fmt::format("an integer, {} or more", range.least);
  return fmt::format("an integer from {} to {}", range.least, range.most);
}

template <class T>
std::optional<T> number_in(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end ? std::optional<T>(value) : std::nullopt;
}

// "1000" and "1e3", but no "1000.0": whoever writes a point may mean something else.
std::optional<int64_t> whole_number(const std::string& text) {
  if (const std::optional<int64_t> integer = number_in<int64_t>(text)) return integer;
  const std::optional<double> real = number_in<double>(text);
  if (!real || text.find_first_of("eE") == std::string::npos) return {};
  constexpr double kMost = 0x1p53;  // beyond it doubles leave integers out
  if (std::trunc(*real) != *real || std::fabs(*real) > kMost) return {};
  return static_cast<int64_t>(*real);
}

// The override that a word is likely to have meant, which names a key but no flag; "" where it
// names none. `value`: what stood behind it, "" where nothing did.
std::string instead_of(const std::string& word, const std::string& value) {
  const std::string key = key_called(is_flag(word) ? word.substr(2) : word);
  if (key.empty()) return {};
  return fmt::format("did you mean --set {}={}?", key,
                     value.empty() ? "..." : io::without_controls(io::to_utf8(value)));
}

bool is_value(const std::string& text) {
  return text == "true" || text == "false" || number_in<double>(text).has_value();
}

}  // namespace

int64_t parse_integer(const std::string& flag, const std::string& text, IntegerRange range) {
  const std::optional<int64_t> value = whole_number(text);
  if (!value || *value < range.least || *value > range.most) {
    fail(ErrorCode::usage, {flag, spelled(range), io::in_quotes(text)});
  }
  return *value;
}

double parse_number(const std::string& flag, const std::string& text) {
  const std::optional<double> value = number_in<double>(text);
  if (!value || !std::isfinite(*value)) {
    fail(ErrorCode::usage, {flag, "a number", io::in_quotes(text)});
  }
  return *value;
}

Flags& Flags::declare(CLI::Option* option, const std::string& name, const std::string& help,
                      const std::string& type) {
  last_ = option;
  declared_.push_back({name, is_flag(name) ? type : "", help});
  return *this;
}

Flags& Flags::value(const std::string& name, const std::string& help, const std::string& type,
                    std::function<void(const std::string&)> take) {
  CLI::Option* option = app_.add_option(
      name,
      [take = std::move(take)](const CLI::results_t& given) {
        take(given.back());
        return true;
      },
      help);
  option->expected(1);
  return declare(option, name, help, type);
}

Flags& Flags::text(const std::string& name, std::string& to, const std::string& help) {
  return value(name, help, "TEXT", [&to](const std::string& s) { to = s; });
}

Flags& Flags::text(const std::string& name, std::optional<std::string>& to,
                   const std::string& help) {
  return value(name, help, "TEXT", [&to](const std::string& s) { to = s; });
}

Flags& Flags::word(const std::string& name, std::string& to, const std::string& help) {
  return value(name, help, "NAME", [&to, name](const std::string& s) {
    if (s.empty()) fail(ErrorCode::usage, {name, "a name", "an empty one"});
    to = s;
  });
}

Flags& Flags::choice(const std::string& name, std::string& to, std::vector<std::string> choices,
                     const std::string& help) {
  const auto take = [&to, name, choices](const std::string& s) {
    to = s;
    if (std::find(choices.begin(), choices.end(), s) != choices.end()) return;
    const std::string near = nearest(s, choices);
    fail(ErrorCode::usage,
         {name, fmt::format("one of {}", fmt::join(choices, ", ")), io::in_quotes(s),
          near.empty() ? "" : "did you mean \"" + near + "\"?"});
  };
  value(name, help, "NAME", take).such_as(std::move(choices));
  declared_.back().only_words = true;
  return *this;
}

Flags& Flags::repeated(const std::string& name, std::vector<std::string>& to,
                       const std::string& help) {
  return declare(app_.add_option(name, to, help)->allow_extra_args(false), name, help, "TEXT");
}

Flags& Flags::settings(std::vector<std::string>& to) {
  const std::string help = "key=value, overrides the configuration; may be repeated";
  declare(app_.add_option("--set", to, help)->allow_extra_args(false), "--set", help, "KEY=VALUE");
  declared_.back().configures = true;
  return *this;
}

Flags& Flags::several(const std::string& name, std::vector<std::string>& to,
                      const std::string& help) {
  return declare(app_.add_option(name, to, help), name, help, "FILE...");
}

Flags& Flags::integer(const std::string& name, int64_t& to, IntegerRange range,
                      const std::string& help) {
  return value(name, help, "N",
               [&to, name, range](const std::string& s) { to = parse_integer(name, s, range); });
}

Flags& Flags::integers(const std::string& name, std::vector<int64_t>& to, IntegerRange range,
                       const std::string& help) {
  return value(name, help, "N,N,...", [&to, name, range](const std::string& s) {
    to.clear();
    for (size_t begin = 0; begin <= s.size();) {
      const size_t end = std::min(s.find(',', begin), s.size());
      to.push_back(parse_integer(name, s.substr(begin, end - begin), range));
      begin = end + 1;
    }
  });
}

Flags& Flags::number(const std::string& name, double& to, const std::string& help) {
  return value(name, help, "X", [&to, name](const std::string& s) { to = parse_number(name, s); });
}

Flags& Flags::flag(const std::string& name, bool& to, const std::string& help) {
  return declare(app_.add_flag(name, to, help), name, help, "");
}

Flags& Flags::required() {
  required_.push_back(last_);
  declared_.back().required = true;
  return *this;
}

Flags& Flags::such_as(std::vector<std::string> words) {
  declared_.back().words = std::move(words);
  return *this;
}

void Flags::refuse(const std::vector<std::string>& extra) const {
  const std::string verb = "weft " + app_.get_name();
  const std::string &first = extra.front(), word = first.substr(0, first.find('='));
  const bool flag = is_flag(word), assigns = word.size() < first.size();
  std::string hint;
  if (std::any_of(declared_.begin(), declared_.end(), [](const auto& d) { return d.configures; })) {
    std::string value = assigns ? first.substr(word.size() + 1) : "";
    if (flag && !assigns && extra.size() > 1 && is_value(extra[1])) value = extra[1];
    if (flag || assigns) hint = instead_of(word, value);
  }
  if (hint.empty() && flag) {
    std::vector<std::string> known;
    for (const Declared& d : declared_) {
      if (!d.positional()) known.push_back(d.name);
    }
    hint = suggestion(word, known);
  }
  fail(ErrorCode::usage,
       {verb, flag ? "a known flag" : "no further argument", io::in_quotes(flag ? word : first),
        hint.empty() ? "see " + verb + " --help" : hint});
}

void Flags::check() const {
  const std::vector<std::string> extra = app_.remaining();
  if (!extra.empty()) refuse(extra);
  const std::string verb = "weft " + app_.get_name();
  for (const CLI::Option* o : required_) {
    if (o->count() == 0)
      fail(ErrorCode::usage, {verb, o->get_name(), "none", "see " + verb + " --help"});
  }
}

}  // namespace weft::cli
