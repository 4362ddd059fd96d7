#include "cli/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/args.h"
#include "base/error.h"
#include "io/utf8.h"

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

}  // namespace

int64_t parse_integer(const std::string& flag, const std::string& text, IntegerRange range) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || value < range.least || value > range.most) {
    fail(ErrorCode::usage, {flag, spelled(range), io::in_quotes(text)});
  }
  return value;
}

double parse_number(const std::string& flag, const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || !std::isfinite(value)) {
    fail(ErrorCode::usage, {flag, "a number", io::in_quotes(text)});
  }
  return value;
}

Flags& Flags::value(const std::string& name, const std::string& help, const std::string& type,
                    std::function<void(const std::string&)> take) {
  last_ = app_.add_option(
      name,
      [take = std::move(take)](const CLI::results_t& given) {
        take(given.back());
        return true;
      },
      help);
  last_->expected(1)->type_name(is_flag(name) ? type : "");
  return *this;
}

Flags& Flags::text(const std::string& name, std::string& to, const std::string& help) {
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
  return value(name, help, "NAME", [&to, name, choices = std::move(choices)](const std::string& s) {
    to = s;
    if (std::find(choices.begin(), choices.end(), s) != choices.end()) return;
    const std::string near = nearest(s, choices);
    fail(ErrorCode::usage,
         {name, fmt::format("one of {}", fmt::join(choices, ", ")), io::in_quotes(s),
          near.empty() ? "" : "did you mean \"" + near + "\"?"});
  });
}

Flags& Flags::repeated(const std::string& name, std::vector<std::string>& to,
                       const std::string& help) {
  last_ = app_.add_option(name, to, help)->allow_extra_args(false)->type_name("TEXT");
  return *this;
}

Flags& Flags::several(const std::string& name, std::vector<std::string>& to,
                      const std::string& help) {
  last_ = app_.add_option(name, to, help)->type_name("FILE...");
  return *this;
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
  last_ = app_.add_flag(name, to, help);
  return *this;
}

Flags& Flags::required() {
  required_.push_back(last_);
  return *this;
}

void Flags::check() const {
  const std::string verb = "weft " + app_.get_name();
  const std::vector<std::string> extra = app_.remaining();
  if (!extra.empty()) {
    std::vector<std::string> known;
    for (const CLI::Option* o : app_.get_options()) {
      if (!o->get_lnames().empty()) known.push_back("--" + o->get_lnames().front());
    }
    const std::string word = extra.front().substr(0, extra.front().find('='));
    const bool flag = is_flag(word);
    fail(ErrorCode::usage, {verb, flag ? "a known flag" : "no further argument",
                            io::in_quotes(flag ? word : extra.front()),
                            flag ? suggestion(word, known) : "see " + verb + " --help"});
  }
  for (const CLI::Option* o : required_) {
    if (o->count() == 0)
      fail(ErrorCode::usage, {verb, o->get_name(), "none", "see " + verb + " --help"});
  }
}

}  // namespace weft::cli
