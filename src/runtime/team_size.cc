#include "runtime/team_size.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace weft {
namespace {

/// Less than this share of its threads' time at work, and a team may do better smaller.
constexpr double kPoor = 0.75;
/// Of the rate before: what fewer threads must reach, and more must exceed. Apart, so that a rate
/// that wavers does not move the size to and fro.
constexpr double kFewerReach = 0.9, kMoreExceed = 1.15;

}  // namespace

void TeamSize::Tries::failed(double now) {
  next = now + wait;
  wait = std::min(2 * wait, kLongWait);
  ++failures;
}

void TeamSize::Tries::worked(double now) {
  wait = kShortWait;
  failures = 0;
  next = now + wait;
}

void TeamSize::ran(double end, double wall, double work) {
  if (began_ < 0) {
    began_ = end - wall;
    more_.next = began_ + kAlone;
    due_ = more_.next - kWindow;
    return;
  }
  if (settling_ >= 0) {
    settling_ -= wall;
    return;
  }
  wall_ += wall;
  work_ += work;
  if (wall_ < kWindow) return;
  const double rate = work_ / wall_;
  wall_ = work_ = 0;
  kept_ == 0 ? looked(end, rate) : tried(end, rate);
}

void TeamSize::looked(double now, double rate) {
  if (size_ > 1 && rate < kPoor * size_ && now >= fewer_.next) {
    try_size(fewer(rate), rate);
  } else if (size_ < most_ && now >= more_.next) {
    try_size(more(), rate);
  } else {
    rest(now);
  }
}

// One is enough where one core is taken, and half the way to as many as were at work where many
// are.
int TeamSize::fewer(double rate) {
  const bool halfway = std::exchange(fewer_halfway_, !fewer_halfway_);
  const int at_work = std::clamp(static_cast<int>(std::lround(rate)), 1, size_ - 1);
  return halfway ? (size_ + at_work) / 2 : size_ - 1;
}

int TeamSize::more() {
  const bool halfway = std::exchange(more_halfway_, !more_halfway_);
  return halfway ? (size_ + most_ + 1) / 2 : most_;
}

void TeamSize::try_size(int size, double rate) {
  kept_ = size_;
  kept_rate_ = rate;
  size_ = size;
  const bool patient = size_ > kept_ && more_.failures % kPatientTry == kPatientTry - 1;
  settling_ = patient ? kPatience : 0;
}

void TeamSize::tried(double now, double rate) {
  const bool grows = size_ > kept_;
  if (rate < (grows ? kMoreExceed : kFewerReach) * kept_rate_) {
    size_ = kept_;
    (grows ? more_ : fewer_).failed(now);
  } else {
    pause_ = kShortPause;
    if (grows) {
      grown_ = now;
      fewer_.worked(now - kShortWait);  // at once, should it have been luck
    } else if (now - grown_ < kHeld) {
      more_.failed(now);
    } else {
      more_.worked(now);
    }
  }
  kept_ = 0;
  settling_ = 0;
  rest(now);
}

void TeamSize::rest(double now) {
  due_ = now + pause_;
  if (size_ == 1) due_ = std::max(due_, more_.next);  // nothing else to look for
  pause_ = std::min(2 * pause_, kLongPause);
}

}  // namespace weft
