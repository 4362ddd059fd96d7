#include "ops/mix/mix_tables.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"

namespace weft {
namespace {

[[noreturn]] void refuse(size_t term, const std::string& expected, const std::string& got) {
  fail(ErrorCode::config, {"mix, term " + std::to_string(term), expected, got, ""});
}

void check(const MixSpec& spec) {
  if (spec.heads < 1 || spec.width < 1 || spec.terms.empty()) {
    fail(ErrorCode::config, {"mix", "heads, width and terms > 0",
                             std::to_string(spec.heads) + ", " + std::to_string(spec.width) +
                                 " and " + std::to_string(spec.terms.size()),
                             ""});
  }
  for (size_t t = 0; t < spec.terms.size(); ++t) {
    const MixTerm& term = spec.terms[t];
    if (static_cast<int64_t>(term.heads.size()) != spec.heads) {
      refuse(t, std::to_string(spec.heads) + " heads", std::to_string(term.heads.size()));
    }
    for (const HeadRef& head : term.heads) {
      if (head.input < 0) refuse(t, "an input", std::to_string(head.input));
      if (head.column < 0 || head.column % spec.width != 0) {
        refuse(t, "columns from a multiple of " + std::to_string(spec.width),
               std::to_string(head.column));
      }
    }
    if (!std::isfinite(term.scale)) refuse(t, "a finite scale", std::to_string(term.scale));
    if (term.gain < -1) refuse(t, "a gain input or -1", std::to_string(term.gain));
    if (term.gain_element < 0) refuse(t, "an element", std::to_string(term.gain_element));
    if (term.gain < 0 && (term.complement || term.kind == MixTerm::Gain::gate)) {
      refuse(t, "a gain input for a gate or a complement", "none");
    }
  }
}

/// Adjacent in every source, with no coefficient per head and no columns read twice.
bool one_wide_head(const MixSpec& spec) {
  for (const MixTerm& term : spec.terms) {
    if (term.kind == MixTerm::Gain::gate) return false;
    for (size_t h = 1; h < term.heads.size(); ++h) {
      const HeadRef expected{term.heads[0].input,
                             term.heads[0].column + static_cast<int64_t>(h) * spec.width};
      if (term.heads[h] != expected) return false;
    }
  }
  std::vector<HeadRef> seen;
  for (const MixTerm& term : spec.terms) {
    for (const HeadRef& head : term.heads) {
      if (std::find(seen.begin(), seen.end(), head) != seen.end()) return false;
      seen.push_back(head);
    }
  }
  return true;
}

/// Chains each entry to the next one that is the same, and marks the first of each chain.
template <class Entry, class Same>
void chain(std::vector<Entry>& entries, Same&& same) {
  for (Entry& e : entries) e.first = true, e.next = -1;
  for (size_t i = 0; i < entries.size(); ++i) {
    for (size_t j = i + 1; j < entries.size() && entries[i].next < 0; ++j) {
      if (!same(entries[i], entries[j])) continue;
      entries[i].next = static_cast<int32_t>(j);
      entries[j].first = false;
    }
  }
}

void check_roles(const MixTables& m) {
  for (int i = 0; i < m.inputs; ++i) {
    if (m.is_source(i) == m.is_gain(i)) {
      fail(ErrorCode::config,
           {"mix", "input " + std::to_string(i) + " read as a source or as a gain",
            m.is_gain(i) ? "both" : "neither", ""});
    }
  }
  for (const MixFactor& a : m.factors) {
    for (const MixFactor& b : m.factors) {
      if (a.gain >= 0 && a.gain == b.gain && a.gate != b.gate) {
        fail(ErrorCode::config,
             {"mix", "input " + std::to_string(a.gain) + " scalar or gate", "both", ""});
      }
    }
  }
}

}  // namespace

bool MixTables::is_source(int input) const {
  return std::any_of(reads.begin(), reads.end(),
                     [input](const MixRead& r) { return r.input == input; });
}
bool MixTables::is_gain(int input) const {
  return std::any_of(factors.begin(), factors.end(),
                     [input](const MixFactor& f) { return f.gain == input; });
}
bool MixTables::is_gained(int input) const {
  return std::any_of(reads.begin(), reads.end(), [this, input](const MixRead& r) {
    return r.input == input && factors[static_cast<size_t>(r.term)].gain >= 0;
  });
}

MixTables compile_mix(const MixSpec& spec) {
  check(spec);
  MixTables m{spec.heads, spec.width, {}, {}, 0};
  if (one_wide_head(spec)) m.heads = 1, m.width = spec.heads * spec.width;
  for (size_t t = 0; t < spec.terms.size(); ++t) {
    const MixTerm& term = spec.terms[t];
    for (int64_t h = 0; h < m.heads; ++h) {
      const HeadRef& head = term.heads[static_cast<size_t>(h)];
      m.reads.push_back(
          {head.input, static_cast<int32_t>(t), static_cast<int32_t>(h), -1, true, head.column});
      m.inputs = std::max(m.inputs, head.input + 1);
    }
    const bool gate = term.kind == MixTerm::Gain::gate;
    m.factors.push_back({term.scale, term.gain, -1, true, term.complement, gate,
                         gate ? 0 : term.gain_element, term.complement ? -term.scale : term.scale});
    m.inputs = std::max(m.inputs, term.gain + 1);
  }
  chain(m.reads, [](const MixRead& a, const MixRead& b) {
    return a.input == b.input && a.column == b.column;
  });
  chain(m.factors, [](const MixFactor& a, const MixFactor& b) {
    return a.gain >= 0 && a.gain == b.gain && a.element == b.element;
  });
  check_roles(m);
  return m;
}

}  // namespace weft
