// Prefill in chunks, step-by-step decoding and rollback against the full forward.
#include <fmt/format.h>

#include <algorithm>

#include "base/compare.h"
#include "base/error.h"
#include "infer/session.h"
#include "lab/checks/check.h"

namespace weft::checks {
namespace {

/// Tokens [past, past + time) of every sequence.
std::vector<int32_t> part_of(const std::vector<int32_t>& tokens, int64_t past, int64_t time) {
  std::vector<int32_t> part;
  for (int64_t b = 0; b < kBatch; ++b) {
    const auto first = tokens.begin() + b * kTime + past;
    part.insert(part.end(), first, first + time);
  }
  return part;
}

/// Rows of position `at`, [kBatch, vocab].
Tensor rows_at(const Tensor& all, int64_t at) {
  const int64_t vocab = all.shape()[1];
  Tensor rows(all.dtype(), {kBatch, vocab});
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int64_t v = 0; v < vocab; ++v) {
      set(rows.view(), b * vocab + v, get(all.view(), (b * kTime + at) * vocab + v));
    }
  }
  return rows;
}

/// Logits of every row, [kBatch * kTime, vocab].
Tensor full_forward(const Subject& s, Parameters& weights, DType type) {
  Runner full = s.runner(weights, {.mode = Mode::logits, .dtype = type});
  full.run(s.tokens, kTime);
  return full.logits(kBatch * kTime);
}

Result decoding(const Subject& s, Parameters& p, const Tensor& all, double limit) {
  double worst = 0;
  std::string where;
  for (const int64_t chunk : {1, 3, 7}) {
    Runner step = s.runner(p, {.mode = Mode::generate, .dtype = all.dtype(), .time = 7});
    for (int64_t past = 0; past < kTime; past += chunk) {
      const int64_t time = std::min(chunk, kTime - past);
      step.run(part_of(s.tokens, past, time), time, past);
      const Comparison c =
          compare(step.logits(kBatch).view(), rows_at(all, past + time - 1).view());
      if (c.error() <= worst) continue;
      worst = c.error();
      where = fmt::format("worst in chunks of {} at position {}{}{}", chunk, past + time - 1,
                          c.fault.empty() ? "" : ": ", c.fault);
    }
  }
  return within(worst, limit, where);
}

std::vector<double> logits_of(const Session& session) {
  std::vector<double> out(static_cast<size_t>(session.vocab()));
  session.logits(0, out);
  return out;
}

}  // namespace

Result decoding_f64(const Subject& s) {
  Parameters p = s.weights(DType::f64);
  return decoding(s, p, full_forward(s, p, DType::f64), 1e-12);
}

// The two may differ by 1e-5, or by what the full forward itself loses to rounding where that is
// more.
Result decoding_f32(const Subject& s) {
  Parameters p = s.weights(DType::f64), single = s.weights(DType::f32);
  const Tensor exact = full_forward(s, p, DType::f64), all = full_forward(s, single, DType::f32);
  const double rounding = compare(all.view(), exact.view()).error();
  return decoding(s, single, all, std::max(1e-5, 2 * rounding));
}

// Tokens are guessed, taken back and replaced, as speculative decoding does. A slot that several
// layers read has one length: going back is going back once.
Result rollback(const Subject& s) {
  const int64_t context = s.config.context;
  int64_t shortest = context;
  for (const CacheSlot& slot : s.layout.cache.slots) {
    shortest = std::min(shortest, slot_capacity(slot, context));
  }
  if (shortest < 2) return skip("a window of one key keeps nothing to go back to");
  const int64_t kept = std::min<int64_t>(4, shortest - 1);
  const Model model{s.config, s.layout, s.weights(DType::f32)};
  const std::vector<int32_t> text = random_tokens(s.config, context, "text");
  const auto part = [&](int64_t first, int64_t count) {
    return std::span(text).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
  };
  SessionOptions options;
  options.context = context;
  options.runtime = {1, s.isa, {}};
  options.axes = s.axes;
  Session session(model, options), straight(model, options);
  session.feed(part(0, kept));
  straight.feed(part(0, kept));
  for (int64_t guesses = 1; guesses <= std::min<int64_t>(5, shortest - kept); guesses += 2) {
    session.feed(part(context - guesses, guesses));
    try {
      session.truncate(kept);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::usage) throw;
      return skip(std::string("sessions of this model refuse it: ") + error.what());
    }
  }
  Faults faults;
  for (int64_t t = kept; t < context; ++t) {
    session.feed(part(t, 1));
    straight.feed(part(t, 1));
    faults.expect(logits_of(session) == logits_of(straight),
                  [&] { return fmt::format("other logits at token {}", t); });
  }
  return faults.result();
}

}  // namespace weft::checks
