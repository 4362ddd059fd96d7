#include "model/formula.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "model/head_rules.h"

namespace weft {
namespace {

constexpr size_t kMostTerms = 4;  // of a sum that is spelled out

bool is_own(const ResolvedMix& mix, const Term& term) {
  return term.source.port == mix.destination.port && term.source.layer == mix.destination.layer;
}

bool is_mixed(const Layout& layout, const Tap& tap) {
  return !layout.mixes_on(tap.port, tap.layer).empty();
}

std::string head_part(const ModelConfig& config, const ResolvedMix& mix) {
  const int all = head_count(config, mix.destination.port, mix.destination.layer);
  const auto [first, last] = mix.heads;
  if (last - first == all) return "";
  if (last - first == 1) return fmt::format(" head {}", first);
  return fmt::format(" heads {}-{}", first, last - 1);
}

// What a term reads where a mix is written on its source: the block's own value or the mix. `same`:
// there is no mix, so they are one.
enum class Stage : uint8_t { same, raw, mixed };

// How a term is multiplied. The values of learned coefficients may differ within a line.
struct Coefficient {
  std::string text;  // "+0.5 "; learned: what stands before the parentheses, "+" or "+0.5 "
  bool learned = false, complement = false;
  bool operator==(const Coefficient&) const = default;
};

// What two mixes must have in common to share a line, apart from where their sources lie.
struct Kind {
  Port port;
  std::string heads;
  std::vector<Coefficient> coefficients;  // empty: a long sum
  std::vector<std::string> sources;       // "v"
  std::string sum;                        // of a long one
  bool operator==(const Kind&) const = default;
};

// The least and greatest gain of a learned term of a line.
struct Span {
  double low = 0, high = 0;

  void join(const Span& other) {
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
};

bool is_gate(const Layout& layout, const Term& term) {
  return term.gain >= 0 && layout.gains[static_cast<size_t>(term.gain)].kind == GainKind::gate;
}

Coefficient coefficient(const Layout& layout, const Term& term) {
  if (is_gate(layout, term)) {
    return {std::string(term.scale < 0 ? "-" : "+") + (term.complement ? "(1-g) " : "g ")};
  }
  const bool learned = term.gain >= 0;
  const std::string sign = term.scale < 0 ? "-" : "+";
  const std::string number = fmt::format("{:.3g}", std::abs(term.scale));
  // Of a gain that is not complemented the constant factor is multiplied in.
  if (learned && !term.complement) return {"+", true, false};
  return {number == "1" ? sign : sign + number + " ", learned, term.complement};
}

Span gain_of(const Layout& layout, const Term& term) {
  if (term.gain < 0) return {};
  const double g = layout.first_gain(term.gain) * (term.complement ? 1 : term.scale);
  return {g, g};
}

std::vector<Span> gains_of(const Layout& layout, const ResolvedMix& mix) {
  std::vector<Span> spans;
  for (const Term& t : mix.terms) spans.push_back(gain_of(layout, t));
  return spans;
}

// The sign, then what follows it: "+", "(0.5) ". A gain in parentheses; where it differs from layer
// to layer from the least to the greatest.
std::pair<char, std::string> spelled(const Coefficient& c, const Span& gain) {
  if (!c.learned) return {c.text[0], c.text.substr(1)};
  if (c.complement) {
    const std::string value = gain.low == gain.high
                                  ? fmt::format("{:.3g}", gain.low)
                                  : fmt::format("{:.3g}..{:.3g}", gain.low, gain.high);
    return {c.text[0],
            c.text.substr(1) + (gain.low < 0 ? "(1-(" + value + ")) " : "(1-" + value + ") ")};
  }
  if (gain.low == gain.high) {
    return {gain.low < 0 ? '-' : '+', fmt::format("({:.3g}) ", std::abs(gain.low))};
  }
  return {'+', fmt::format("({:.3g} to {:.3g}) ", gain.low, gain.high)};
}

// Where some sum on a port is long, all sums on it are summarised: DenseFormer's have 2, 3, 4, ...
// terms.
bool is_long(const Layout& layout, const ResolvedMix& mix) {
  if (mix.terms.size() < 2) return false;
  return std::any_of(layout.mixes.begin(), layout.mixes.end(), [&](const ResolvedMix& m) {
    return m.destination.port == mix.destination.port && m.terms.size() > kMostTerms;
  });
}

Kind kind_of(const ModelConfig& config, const Layout& layout, const ResolvedMix& mix) {
  Kind kind{mix.destination.port, head_part(config, mix), {}, {}, {}};
  if (!is_long(layout, mix)) {
    for (const Term& t : mix.terms) {
      kind.coefficients.push_back(coefficient(layout, t));
      kind.sources.emplace_back(name_of(t.source.port));
    }
    return kind;
  }
  const bool learned =
      std::any_of(mix.terms.begin(), mix.terms.end(), [](const Term& t) { return t.gain >= 0; });
  kind.sum = fmt::format("{} sum of earlier {}", learned ? "learned" : "weighted",
                         name_of(mix.terms.front().source.port));
  return kind;
}

// Where the sources of a term lie in the layers of a line: all in one, or all equally far back.
struct Sources {
  std::optional<int> at, back;
  Stage stage = Stage::same;  // of all that joined

  bool join(const Sources& other) {
    if (at != other.at) at.reset();
    if (back != other.back) back.reset();
    if (stage == Stage::same) stage = other.stage;
    return (at || back) && (other.stage == Stage::same || other.stage == stage);
  }
  std::string str() const {
    if (at) return fmt::format("[{}]", *at);
    return *back == 0 ? "[l]" : fmt::format("[l{:+}]", -*back);
  }
};

std::vector<Sources> sources_of(const Layout& layout, const ResolvedMix& mix) {
  std::vector<Sources> list;
  for (const Term& t : mix.terms) {
    const bool plain = is_own(mix, t) || !is_mixed(layout, t.source);
    list.push_back({t.source.layer, mix.destination.layer - t.source.layer,
                    plain          ? Stage::same
                    : t.source.raw ? Stage::raw
                                   : Stage::mixed});
  }
  return list;
}

// A line that grows as long as the sources of further layers follow its pattern.
struct Draft {
  Kind kind;
  std::vector<int> layers;
  std::vector<Sources> sources;
  std::vector<Span> gains;
  size_t least_terms, most_terms;
};

Draft begin(const Layout& layout, const ResolvedMix& mix, Kind kind) {
  return {std::move(kind),       {mix.destination.layer}, sources_of(layout, mix),
          gains_of(layout, mix), mix.terms.size(),        mix.terms.size()};
}

bool extend(Draft& d, const Layout& layout, const ResolvedMix& mix, const Kind& kind) {
  if (!(d.kind == kind)) return false;
  if (kind.sum.empty()) {
    std::vector<Sources> joined = d.sources;
    const std::vector<Sources> more = sources_of(layout, mix);
    for (size_t i = 0; i < more.size(); ++i) {
      if (!joined[i].join(more[i])) return false;
    }
    d.sources = std::move(joined);
    const std::vector<Span> gains = gains_of(layout, mix);
    for (size_t i = 0; i < gains.size(); ++i) d.gains[i].join(gains[i]);
  }
  d.layers.push_back(mix.destination.layer);
  d.least_terms = std::min(d.least_terms, mix.terms.size());
  d.most_terms = std::max(d.most_terms, mix.terms.size());
  return true;
}

std::string text_of(const Draft& d) {
  const bool one = d.layers.size() == 1;
  std::string s = one ? fmt::format("{}[{}]{} =", name_of(d.kind.port), d.layers[0], d.kind.heads)
                      : fmt::format("{}[l]{} =", name_of(d.kind.port), d.kind.heads);
  if (!d.kind.sum.empty()) {
    return s + fmt::format(" {}, {}{} terms", d.kind.sum, d.least_terms,
                           d.most_terms > d.least_terms ? fmt::format(" to {}", d.most_terms) : "");
  }
  for (size_t i = 0; i < d.sources.size(); ++i) {
    const auto [sign, factor] = spelled(d.kind.coefficients[i], d.gains[i]);
    const bool minus = sign == '-';
    s += i == 0 ? (minus ? " -" : " ") : (minus ? " - " : " + ");
    s += factor + (d.sources[i].stage == Stage::raw ? "raw " : "") + d.kind.sources[i] +
         d.sources[i].str();
  }
  return s;
}

// "attends to k[l], v[l] and k[0], v[0]".
std::vector<FormulaLine> key_set_lines(const Layout& layout) {
  std::vector<std::vector<Sources>> drafts;
  std::vector<FormulaLine> lines;
  for (size_t l = 0; l < layout.extra_kv.size(); ++l) {
    if (layout.extra_kv[l].empty()) continue;
    std::vector<Sources> sources;
    for (const int s : layout.extra_kv[l]) sources.push_back({s, static_cast<int>(l) - s});
    std::vector<Sources> joined = drafts.empty() ? sources : drafts.back();
    bool joins = !drafts.empty() && joined.size() == sources.size();
    for (size_t i = 0; joins && i < sources.size(); ++i) joins = joined[i].join(sources[i]);
    if (!joins) {
      lines.emplace_back();
      drafts.emplace_back();
      joined = sources;
    }
    drafts.back() = joined;
    lines.back().layers.push_back(static_cast<int>(l));
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string own =
        lines[i].layers.size() == 1 ? fmt::format("[{}]", lines[i].layers.front()) : "[l]";
    lines[i].text = fmt::format("attends to k{0}, v{0}", own);
    for (const Sources& s : drafts[i]) lines[i].text += fmt::format(" and k{0}, v{0}", s.str());
  }
  return lines;
}

}  // namespace

double first_coefficient(const Layout& layout, const Term& term) {
  if (term.gain < 0) return term.scale;
  const double g = layout.first_gain(term.gain);
  return term.scale * (term.complement ? 1 - g : g);
}

std::string spelled(const Tap& tap) {
  return fmt::format("{}[{}]", name_of(tap.port), tap.layer);
}

std::string ranges(const std::vector<int>& numbers) {
  std::string s;
  for (size_t i = 0; i < numbers.size();) {
    size_t j = i;
    while (j + 1 < numbers.size() && numbers[j + 1] == numbers[j] + 1) ++j;
    if (!s.empty()) s += ",";
    s += i == j ? std::to_string(numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[j]);
    i = j + 1;
  }
  return s.empty() ? "-" : s;
}

std::string formula(const ModelConfig& config, const Layout& layout, const ResolvedMix& mix) {
  return text_of(begin(layout, mix, kind_of(config, layout, mix)));
}

std::vector<FormulaLine> formulas(const ModelConfig& config, const Layout& layout) {
  std::vector<Draft> drafts;
  for (const ResolvedMix& mix : layout.mixes) {
    const Kind kind = kind_of(config, layout, mix);
    if (std::none_of(drafts.begin(), drafts.end(),
                     [&](Draft& d) { return extend(d, layout, mix, kind); })) {
      drafts.push_back(begin(layout, mix, kind));
    }
  }
  std::stable_sort(drafts.begin(), drafts.end(),
                   [](const Draft& a, const Draft& b) { return a.kind.port < b.kind.port; });
  std::vector<FormulaLine> lines;
  for (const Draft& d : drafts) lines.push_back({text_of(d), d.layers});
  for (FormulaLine& line : key_set_lines(layout)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace weft
