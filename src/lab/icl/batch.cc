#include "lab/icl/batch.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft::icl {

PromptBatch::PromptBatch(const Sampler& sampler, const Stream& stream, int64_t count)
    : layout_(sampler.layout()), count_(count) {
  const int64_t size = layout_.entries() * kPack;
  numbers_.resize(static_cast<size_t>(packs() * size));
  std::vector<float> scratch(static_cast<size_t>(sampler.scratch()));
  for (int64_t p = 0; p < packs(); ++p) {
    sampler.fill(stream, p, numbers_.data() + p * size, scratch.data());
  }
}

PromptBatch evaluation_batch(const Setting& setting, Isa isa) {
  return {Sampler(setting.law, isa),
          {setting.training.eval_seed, Purpose::evaluation, 0},
          setting.training.eval_batch};
}

LossStatistics loss_statistics(std::span<const double> residuals) {
  LossStatistics s;
  std::vector<double> losses;
  losses.reserve(residuals.size());
  for (const double e : residuals) {
    if (std::isfinite(e * e)) losses.push_back(e * e);
  }
  s.skipped = static_cast<int64_t>(residuals.size() - losses.size());
  if (losses.empty()) {
    s.mean = s.median = s.clipped_mean = std::numeric_limits<double>::quiet_NaN();
    return s;
  }
  const auto count = static_cast<double>(losses.size());
  for (const double l : losses) s.mean += l / count;
  std::sort(losses.begin(), losses.end());
  const auto quantile = [&](double q) {  // between neighbours, as is usual
    const double at = q * (count - 1);
    const auto low = static_cast<size_t>(at);
    const size_t high = std::min(low + 1, losses.size() - 1);
    return losses[low] + (at - std::floor(at)) * (losses[high] - losses[low]);
  };
  s.median = quantile(0.5);
  const double most = quantile(0.99);
  for (const double l : losses) s.clipped_mean += std::min(l, most) / count;
  return s;
}

}  // namespace weft::icl
