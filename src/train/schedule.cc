#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace weft {

std::string_view name_of(ScheduleKind kind) {
  constexpr std::string_view kNames[] = {"constant", "linear", "cosine", "wsd"};
  return kNames[static_cast<size_t>(kind)];
}

double Schedule::rate(int64_t t) const {
  const auto at = static_cast<double>(t), end = static_cast<double>(steps);
  const auto warm = static_cast<double>(std::min(warmup, steps));
  if (at < warm) return warmup_lr + (lr - warmup_lr) * at / warm;
  if (kind == ScheduleKind::constant) return lr;
  const double begin =
      kind == ScheduleKind::wsd ? std::max(warm, end * (1 - decay_fraction)) : warm;
  if (at <= begin) return lr;
  const double progress = std::min(1.0, (at - begin) / (end - begin));
  if (kind == ScheduleKind::cosine) {
    return min_lr + (lr - min_lr) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  }
  return lr + (min_lr - lr) * progress;
}

}  // namespace weft
