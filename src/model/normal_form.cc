#include "model/normal_form.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace weft {
namespace {

// The input of a block is the output of the one before (the embedding is y of layer -1).
HeadTensor own_value(const HeadRules& rules, const HeadTap& tap) {
  if (tap.port == Port::x) return follow(rules, {tap.layer - 1, Port::y, 0}, false);
  return {tap.port, tap.layer, tap.head, true};
}

// As spelled: final and raw of one tap are different tensors until every wiring is known.
HeadTensor spelled(const HeadIntervals& heads, const HeadTap& destination, const Term& term) {
  const Tap& s = term.source;
  const bool raw = s.raw || same_place(destination, s);
  if (s.port == Port::x && raw) return {Port::y, s.layer - 1, 0, false};
  return {s.port, s.layer, heads.source_head(destination, s), raw};
}

// Drops and merges the constant terms of one rule; reads(term) names the tensor behind it. Learned
// ones stay as they are.
template <class Reads>
void merge(const HeadTap& destination, std::vector<Term>& terms, Reads reads) {
  std::vector<Term> kept;
  std::map<HeadTensor, size_t> constants;
  for (const Term& term : terms) {
    if (term.gain >= 0) {
      kept.push_back(term);
      continue;
    }
    const auto [twin, fresh] = constants.try_emplace(reads(term), kept.size());
    if (fresh) {
      kept.push_back(term);
      continue;
    }
    Term& first = kept[twin->second];
    if (same_place(destination, term.source)) first.source = term.source;
    first.scale += term.scale;
  }
  std::erase_if(kept, [](const Term& t) { return t.scale == 0; });
  terms = std::move(kept);
}

template <class Reads>
bool is_neutral(const HeadTap& destination, const std::vector<Term>& terms, Reads reads) {
  if (terms.size() != 1 || terms.front().gain >= 0 || terms.front().scale != 1) return false;
  return reads(terms.front()) == reads(Term{{destination.port, destination.layer}});
}

void check_not_empty(const HeadTap& tap, const HeadRule& rule, const std::string& name) {
  if (!rule.terms.empty()) return;
  fail(ErrorCode::config, {"wiring " + name + ", " + describe(tap), "a term that does not vanish",
                           "coefficients that add up to 0", ""});
}

}  // namespace

HeadTensor follow(const HeadRules& rules, const HeadTap& tap, bool raw) {
  if (raw) return own_value(rules, tap);
  const auto rule = rules.find(tap);
  if (rule == rules.end()) return own_value(rules, tap);
  if (!is_alias(tap, rule->second)) return {tap.port, tap.layer, tap.head, false};
  const Tap& source = rule->second.terms.front().source;
  return follow(rules, {source.layer, source.port, tap.head}, source.raw);
}

HeadTensor source_of(const HeadIntervals& heads, const HeadRules& rules, const HeadTap& destination,
                     const Term& term) {
  const Tap& s = term.source;
  const int head = heads.source_head(destination, s);
  return follow(rules, {s.layer, s.port, head}, s.raw || same_place(destination, s));
}

void normalise_alone(const HeadIntervals& heads, HeadRules& rules, const std::string& name) {
  for (auto it = rules.begin(); it != rules.end();) {
    auto& [tap, rule] = *it;
    const auto reads = [&, &to = tap](const Term& t) { return spelled(heads, to, t); };
    merge(tap, rule.terms, reads);
    check_not_empty(tap, rule, name);
    it = is_neutral(tap, rule.terms, reads) ? rules.erase(it) : std::next(it);
  }
}

std::vector<int> normalise_together(const HeadIntervals& heads, HeadRules& rules,
                                    const std::vector<std::string>& names) {
  std::vector<int> vanished(names.size(), 0);
  // In order of evaluation: what a rule reads has its final form already.
  for (auto it = rules.begin(); it != rules.end();) {
    auto& [tap, rule] = *it;
    const auto reads = [&, &to = tap](const Term& t) { return source_of(heads, rules, to, t); };
    merge(tap, rule.terms, reads);
    check_not_empty(tap, rule, names[static_cast<size_t>(rule.wiring)]);
    if (is_neutral(tap, rule.terms, reads)) {
      ++vanished[static_cast<size_t>(rule.wiring)];
      it = rules.erase(it);
      continue;
    }
    for (Term& term : rule.terms) {
      const HeadTensor t = reads(term);
      const bool self = same_place(tap, term.source);
      term.source = self ? Tap{tap.port, tap.layer, true} : Tap{t.port, t.layer, t.raw};
    }
    ++it;
  }
  return vanished;
}

}  // namespace weft
