// The cache: as large as planned, and all of it read.
#include <fmt/format.h>

#include "base/compare.h"
#include "base/random.h"
#include "infer/session.h"
#include "lab/checks/check.h"

namespace weft::checks {
namespace {

/// Other finite numbers in part of a state. A NaN would not do: relu takes it for zero.
void disturb(const TensorView& state, int64_t begin, int64_t count, int draw) {
  const Random random(static_cast<uint64_t>(17 + draw), "disturbed cache");
  for (int64_t i = begin; i < begin + count; ++i) {
    set(state, i, 10 * random.normal(static_cast<uint64_t>(i)));
  }
}

/// The logits after one more token, where `spoil` has rewritten the cache before it. Every draw has
/// a text of its own.
Tensor next_logits(const Subject& s, Runner& decode, int draw, const std::function<void()>& spoil) {
  constexpr int64_t kPast = 6;
  std::vector<int32_t> past, next;
  for (int64_t b = 0; b < kBatch; ++b) {
    const auto first = s.tokens.begin() + b * kTime;
    past.insert(past.end(), first, first + kPast);
    next.push_back(*(first + kPast));
  }
  for (std::vector<int32_t>* ids : {&past, &next}) {
    for (int32_t& id : *ids) id = static_cast<int32_t>((id + draw) % s.config.vocab);
  }
  decode.run(past, kPast);
  spoil();
  decode.run(next, 1, kPast);
  return decode.logits(kBatch);
}

}  // namespace

Result cache(const Subject& s) {
  const int64_t context = s.config.context;
  Parameters p = s.weights(DType::f64);
  Runner decode = s.runner(p, {.mode = Mode::generate, .time = 7});
  const auto allocated = static_cast<double>(decode.state_bytes());
  const auto planned = static_cast<double>(kBatch * s.planned_cache(sizeof(double)));
  if (allocated != planned) {
    return {allocated, planned, false, false,
            fmt::format("{:.0f} bytes are planned and {:.0f} allocated", planned, allocated)};
  }
  const Model model{s.config, s.layout, s.weights(DType::f32)};
  SessionOptions options;
  options.context = context;
  options.runtime = {1, s.isa, {}};
  options.axes = s.axes;
  const Session session(model, options);
  Faults faults;
  faults.expect(session.cache_bytes() == s.planned_cache(sizeof(float)), [&] {
    return fmt::format("a session allocates {} bytes and {} are planned", session.cache_bytes(),
                       s.planned_cache(sizeof(float)));
  });
  // A head of relu may see no positive score in one text; in several it does.
  constexpr int kDraws = 6;
  std::vector<Tensor> want;
  for (int draw = 0; draw < kDraws; ++draw) want.push_back(next_logits(s, decode, draw, [] {}));
  for (size_t slot = 0; slot < decode.states(); ++slot) {
    const TensorView state = decode.state(slot);
    const int64_t heads = state.desc.shape[1], size = state.desc.numel() / (kBatch * heads);
    for (int64_t h = 0; h < heads; ++h) {
      bool read = false;
      for (int draw = 0; draw < kDraws && !read; ++draw) {
        const Tensor got = next_logits(s, decode, draw, [&] {
          for (int64_t b = 0; b < kBatch; ++b) disturb(state, (b * heads + h) * size, size, draw);
        });
        read = !same_bits(got.view(), want[static_cast<size_t>(draw)].view());
      }
      faults.expect(read, [&] { return fmt::format("nobody reads head {} of slot {}", h, slot); });
    }
  }
  Result result = faults.result();
  if (result.ok) {
    result.message = fmt::format("{:.0f} bytes for {} tokens", planned / kBatch, context);
  }
  return result;
}

}  // namespace weft::checks
