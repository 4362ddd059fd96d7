#include "model/tap_pattern.h"

#include <charconv>

#include "base/error.h"
#include "io/utf8.h"

namespace weft {
namespace {

class Parser {
 public:
  Parser(std::string_view text, const std::string& where, const char* examples)
      : text_(text), where_(where), examples_(examples) {}

  TapPattern pattern() {
    TapPattern p;
    p.port = port();
    need("[");
    p.first = p.last = layer();
    p.range = take("..");
    p.open = p.range && (next() == ']' || next() == ':');
    if (p.range && !p.open) p.last = layer();
    if (p.range && take(":")) p.step = step();
    need("]");
    if (next() != 0) refuse("nothing after ]");
    return p;
  }

  [[noreturn]] void refuse(const std::string& expected) const {
    fail(ErrorCode::config,
         {where_, expected, io::in_quotes(text_), std::string("write it like ") + examples_});
  }

 private:
  // The next character that is no blank; 0 at the end.
  char next() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool take(std::string_view token) {
    if (next() == 0 || text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  void need(const char* token) {
    if (!take(token)) refuse(std::string("a ") + token + " in a tap");
  }

  Port port() {
    constexpr std::string_view ports = "xqkvoy";
    const size_t index = next() == 0 ? std::string_view::npos : ports.find(next());
    if (index == std::string_view::npos) refuse("a tap of port x, q, k, v, o or y");
    ++at_;
    return static_cast<Port>(index);
  }

  int number() {
    int value = 0;
    const char* const end = text_.data() + text_.size();
    const auto [rest, error] = std::from_chars(text_.data() + at_, end, value);
    constexpr int kMost = 1000000;  // far above any layer; sums of two stay in range
    if (error != std::errc() || value < -kMost || value > kMost)
      refuse("a layer: 3, l, l-1, L or L-1");
    at_ = static_cast<size_t>(rest - text_.data());
    return value;
  }

  LayerExpression layer() {
    using Base = LayerExpression::Base;
    const Base base = take("l") ? Base::destination : take("L") ? Base::depth : Base::number;
    if (base == Base::number) {
      next();
      return {base, number()};
    }
    if (!take("-")) return {base, 0};
    const char digit = next();
    if (digit < '0' || digit > '9') refuse("a layer: 3, l, l-1, L or L-1");
    return {base, -number()};
  }

  int step() {
    const char digit = next();
    if (digit < '1' || digit > '9') refuse("a step of 1 or more");
    return number();
  }

  std::string_view text_;
  const std::string& where_;
  const char* examples_;
  size_t at_ = 0;
};

bool names_destination(const LayerExpression& e) {
  return e.base == LayerExpression::Base::destination;
}

}  // namespace

int LayerExpression::at(int destination, int depth) const {
  switch (base) {
    case Base::destination:
      return destination + offset;
    case Base::depth:
      return depth + offset;
    default:
      return offset;
  }
}

TapPattern parse_destination(std::string_view text, const std::string& where) {
  Parser parser(text, where, "v[3], v[1..], v[2..5], x[L] or x[2..:2]");
  const TapPattern p = parser.pattern();
  if (names_destination(p.first) || names_destination(p.last)) {
    parser.refuse("layers without l, which is the destination itself");
  }
  return p;
}

TapPattern parse_source(std::string_view text, const std::string& where) {
  Parser parser(text, where, "v[0], v[l], v[l-1] or y[-1..l-1]");
  const TapPattern p = parser.pattern();
  if (p.open) parser.refuse("a range with both its ends");
  if (p.step != 1) parser.refuse("a range without a step");
  return p;
}

}  // namespace weft
